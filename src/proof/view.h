// What others may see of the proof room: plain immutable values, published anew when something
// changes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "base/verdict.h"

namespace vigie::proof {

// A restore that came to an end, as its entry of the ledger tells.
struct RestoreView {
  std::string evidence_id;
  std::string backup;    // its id
  std::string database;  // that it was restored into
  Verdict result = Verdict::could_not_verify;
  std::string error_code;  // empty when passed
  SystemTime started_at;
  SystemTime ended_at;
  uint64_t rows = 0;  // that were read back and compared
  uint64_t tables = 0;
};

struct ProofView {
  SystemTime observed_at;
  std::optional<RestoreView> last_restore;  // the newest, whatever became of it
};

using ProofViewPtr = std::shared_ptr<const ProofView>;

}  // namespace vigie::proof
