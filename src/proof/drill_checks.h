// What is looked at in a restored database beside its rows. Each check leaves an assertion,
// whatever comes of it; none quotes a value of a row.
#pragma once

#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "base/work.h"
#include "ledger/entry.h"
#include "platform/postgres.h"
#include "proof/archive.h"
#include "proof/options.h"

namespace vigie::proof {

struct CheckRequest {
  const DrillOptions& options;
  const artefact::Manifest& manifest;
  const std::vector<SequenceValue>& sequences;  // as the archive sets them
  size_t sequence_entries = 0;                  // that the archive sets
  size_t event_triggers = 0;                    // that the archive holds
  bool same_major = true;                       // the server is of the backup's major version
  bool owners = true;                           // owners and rights were restored
  SystemTime now;
};

// In the database of `session`, which belongs to a superuser. Errors: cancelled, deadline_exceeded,
// database_unreachable; a check that the server refuses is an assertion that says so.
Result<std::vector<ledger::Assertion>> check_restored(platform::PgConnection& session,
                                                      const CheckRequest& request,
                                                      const CallLimits& limits);

// A sentence for each extension that has another version here: CREATE EXTENSION takes the one that
// is installed, whatever the source had. Errors as above, and database_query.
Result<std::vector<std::string>> other_extension_versions(platform::PgConnection& session,
                                                          const artefact::Manifest& manifest,
                                                          const CallLimits& limits);

}  // namespace vigie::proof
