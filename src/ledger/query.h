// What can be asked of the ledger's entries, and how they come: in bounded memory.
//
// Entries come as they stand in the ledger, by seq. A line that is damaged is left out; verify()
// (verify.h) says which. Where a damaged ledger holds one seq twice, a page's end may part the two,
// and the second is left out.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "ledger/view.h"
#include "platform/file_system.h"

namespace vigie::ledger {

struct Filter {
  std::optional<std::string> kind{};
  std::optional<SystemTime> from{};  // of ended_at, both included
  std::optional<SystemTime> to{};
  std::optional<std::string> correlation_id{};
  std::optional<std::string> backup{};  // a name in artefacts, or subject.backup
  std::optional<std::string> id{};      // of the entry
  uint64_t after_seq = 0;               // only entries beyond it
  uint64_t before_seq = UINT64_MAX;     // only entries below it
  bool newest_first = false;
  size_t limit = 100;  // 1 to 1,000
};

struct Page {
  std::vector<json::object> entries;
  // The seq to go on from: as after_seq, or as before_seq when newest first; nothing: no more.
  std::optional<uint64_t> next_seq;
};

// False: that was enough.
using Visit = std::function<bool(const json::object& entry)>;

// At most 8 MiB of lines make a page, whatever its limit says.
inline constexpr Bytes kPageBytes = 8_MiB;

}  // namespace vigie::ledger
