// All that status is computed from. Plain values, copied or shared; reading them waits for nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup/view.h"
#include "base/time.h"
#include "jobs/view.h"
#include "ledger/view.h"
#include "proof/view.h"

namespace vigie::status {

// The daemon about itself.
struct ProcessView {
  std::string service_name = "vigie";
  std::string version;
  SystemTime started_at;
  SystemTime configured_at;  // when the configuration in force was loaded
  std::string configuration_sha256;
  std::string reload_error_code;  // why a newer configuration was refused; empty: it was not
  std::optional<SystemTime> reload_failed_at;
  // A configuration was taken of which a part waits for a restart.
  std::optional<SystemTime> restart_needed_since;
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> children_resident_bytes;
  size_t queries_hung = 0;       // queries and commands beyond their deadline that did not return
  bool queries_answered = true;  // false: so many that no more are taken
  bool daemon = true;            // false: a command on its own, and nothing starts by itself
};

// A null pointer: not known yet (unknown, never pass).
struct Views {
  ProcessView process;
  backup::BackupsViewPtr backups;
  jobs::JobsViewPtr jobs;
  ledger::LedgerViewPtr ledger;
  ledger::CheckpointsViewPtr checkpoints;
  std::vector<ledger::CopyView> copies;
  proof::ProofViewPtr proof;
  ledger::MatrixPlanPtr requirements;
};

}  // namespace vigie::status
