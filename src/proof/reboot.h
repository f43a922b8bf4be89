// A machine that was told to restart by a proof: what was acknowledged is compared by the process
// that comes after. Format: docs/formats/owed-reboot-1.md.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "proof/durability.h"
#include "proof/notes.h"

namespace vigie::proof {

struct OwedReboot {
  std::string proof;
  RunId run;
  SystemTime at;
  std::string boot_id;  // of before
  ClusterIdentity cluster;
  std::string unsafe;  // a setting that was off then; empty: none
  uint32_t writers = 1;
};

class OwedReboots {
 public:
  OwedReboots(platform::FileSystem& files, platform::Path folder);

  // Durable when it returns. Errors: file_*.
  Result<> note(const OwedReboot& owed) const;
  // Fine when there is none.
  Result<> settle(const std::string& proof) const { return notes_.remove(proof); }
  // The proofs that have a note.
  Result<std::vector<std::string>> proofs() const { return notes_.proofs(); }
  // Errors: file_*, file_corrupt.
  Result<OwedReboot> read(const std::string& proof) const;
  // Whose logs and tables are still to be compared. Errors: file_*.
  Result<std::set<std::string>> runs() const;

 private:
  ProofNotes notes_;
};

// What became of the reboot that is owed. It has come when this host has another boot id; then it
// waits for the server, recovery_timeout at most, and compares. Else it waits for the reboot until
// recovery_timeout after the note. Nothing: it was stopped before it knew. Never fails as a call.
std::optional<DurabilityReport> settle_reboot(const DurabilityRequest& request,
                                              const OwedReboot& owed, const DurabilityTools& tools,
                                              const Work& work);

// After the report is durable evidence: the note goes, and with it the table and the log, unless
// rows are wrong. What fails here the next proof clears away. Errors: file_*, database_*.
Result<> clear_reboot(const DurabilityRequest& request, const OwedReboot& owed,
                      const DurabilityReport& report, const DurabilityTools& tools,
                      const Work& work);

}  // namespace vigie::proof
