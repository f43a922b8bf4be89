// A restore drill: one stored backup restored into a server of our own, looked at from every side,
// and the server thrown away. Then damaged copies of the same backup are put before the same
// checks: a drill that lets one pass proves nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/entry.h"
#include "proof/options.h"
#include "proof/restore.h"

namespace vigie::proof {

struct DrillRequest {
  const DrillOptions& options;
  artefact::ArtefactSource& source;
  BackupId id;
  std::string manifest_sha256;  // from the ledger; empty: not known
  platform::Path bindir;        // of the programs of the backup's own major; empty: Debian's
  bool rehearsal = false;       // of another version, or of a backup that somebody named: it says
                                // nothing of the newest one
  bool newest = true;           // the newest good one of its database in that store
  int into_major = 0;           // another major version, to rehearse an upgrade; 0: the backup's
  platform::Path folder;        // this run's own; need not exist; gone afterwards
  std::string scratch_owner;    // who this state folder is: names what is made on another's server
  std::vector<platform::Dsn> sources{};  // whose servers that must not be
};

struct DrillReport {
  // Why it did not pass: could_not_verify or failed, as verdict_on_backup() says.
  std::optional<Error> error;
  std::vector<ledger::Assertion> assertions;
  // What is known of the restore; empty where it did not come that far.
  std::optional<Restored> restored;
  std::map<std::string, Duration> durations;  // scratch, restore, checks, canary
  // From the stored bytes to a database that answers: the server made, the rows in. Without the
  // comparison. Zero: it did not come that far.
  Duration rto{};
  std::optional<Duration> data_age;  // how old the data was when the drill began
  bool newest = true;                // as in DrillRequest
  std::vector<std::string> deviations;
  std::string server_version;

  Verdict verdict() const { return error ? verdict_on_backup(*error) : Verdict::passed; }
  // What a loss at that moment would have cost. The age of an older backup, which was chosen, says
  // nothing of it.
  std::optional<Duration> rpo() const { return newest ? data_age : std::nullopt; }
};

// Never fails as a call: how it ended stands in the report.
DrillReport drill(const DrillRequest& request, const RestoreTools& tools, const Work& work);

}  // namespace vigie::proof
