// What a restore would do, without doing it: only reads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "proof/restore.h"
#include "proof/target.h"

namespace vigie::proof {

struct RestorePlan {
  artefact::Manifest manifest;  // not verified: only a restore reads every byte
  std::string database;
  TargetState state = TargetState::missing;  // of the database that is asked for
  std::string server_version;
  std::optional<Error> refusal;            // the first reason that it would be refused for
  Bytes needed;                            // to unpack it, in the run's folder
  Bytes available;                         // there
  std::vector<std::string> roles_made;     // with `globals`
  std::vector<std::string> roles_missing;  // without: where one owns something, or has rights, a
                                           // restore with owners ends with restore_role_missing
  std::vector<std::string> roles_kept;     // that are there: they stay as they are
};

// `request.folder` need not exist; the space is that of the nearest folder above. Errors:
// manifest_*, artefact_*, database_*, cancelled, deadline_exceeded.
Result<RestorePlan> plan_restore(const RestoreRequest& request, const RestoreTools& tools,
                                 const Work& work);

// For people and programs: what the run, or the command, says of itself.
json::object to_json(const RestorePlan& plan);

}  // namespace vigie::proof
