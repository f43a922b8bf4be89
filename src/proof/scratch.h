// Where a drill restores into: a server of our own (scratch_server.h), or a database of our own on
// a server that was given away for drills (marked_server.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "proof/drill.h"
#include "proof/restore.h"

namespace vigie::proof {

// What a drill needs. All that it refers to outlives the Scratch.
struct ScratchWish {
  const DrillRequest& request;
  const artefact::Manifest& manifest;
  int major = 0;          // of the server
  platform::Path bindir;  // of its programs; empty: Debian's
};

// One thread. prepare(), then start(), then end(); end() in any case. The destructor leaves behind
// what only end() can remove.
class Scratch {
 public:
  virtual ~Scratch() = default;
  // Whether it can be had and may be used, and what an earlier drill has left in it is removed.
  // Errors: scratch_*, restore_environment, restore_rights, database_*, file_*, cancelled.
  virtual Result<> prepare(const Work& work) = 0;
  // From here on it counts as a part of the restore. Errors: those of ScratchServer::start().
  virtual Result<> start(const Work& work) = 0;
  // The database that the backup is to become, which is not there yet; as a superuser.
  virtual platform::Dsn database() const = 0;
  // What that is called until it is complete; empty: whatever a restore calls it.
  virtual std::string made_as() const = 0;
  // Of the server that was looked at; empty: it is our own.
  virtual std::string system_identifier() const = 0;
  // What whoever reads the report should know of it: sentences.
  virtual std::vector<std::string> deviations() const = 0;
  // Why a pg_restore that fails there need not speak against the backup; nothing: it does.
  virtual std::optional<Error> doubt() const = 0;
  // Whatever stopped the work. Errors: restore_left_behind, database_*.
  virtual Result<> end() = 0;
};

std::unique_ptr<Scratch> make_scratch(ScratchWish wish, const RestoreTools& tools);

// What a drill has left that ended with its process; fine when there is nothing. `owner` as in
// DrillRequest. Errors: scratch_*, database_*, file_*, cancelled.
Result<> clear_scratch(const DrillOptions& options, const std::string& owner,
                       const RestoreTools& tools, const CallLimits& limits);

}  // namespace vigie::proof
