// A PostgreSQL server that is there already, and that its operator has given away for drills: a
// database on it, whose name is in vigie.yaml, says that it may be wiped. A server without that
// database is not touched, nor one that anything is backed up from.
//
// A drill has two databases there, made of the state folder's owner and the drill's name: so it
// removes nothing but what it made itself, and finds what one has left that ended with its process.
// An advisory lock in the marker database keeps others from them, as long as this object lives.
// Roles are the server's: those that a drill has made stay.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "base/work.h"
#include "platform/postgres.h"

namespace vigie::proof {

struct MarkedServerRequest {
  std::string drill;
  platform::Dsn dsn;   // of the server: its dbname does not count
  std::string marker;  // the database that marks it
  std::string owner;   // who this state folder is, of all there are
  // Whose sources it must not be.
  const artefact::Manifest* backup = nullptr;  // null: of none
  std::vector<platform::Dsn> sources;          // the databases that are backed up
};

// One thread.
class MarkedServer {
 public:
  // Errors: scratch_not_marked, scratch_is_source, scratch_in_use (another drill of that name and
  // owner is at work), restore_rights (the role is no superuser), database_*, cancelled.
  static Result<std::unique_ptr<MarkedServer>> open(platform::PgConnector& connector,
                                                    MarkedServerRequest request,
                                                    const CallLimits& limits);
  // Only looks, as far as open() does before it takes the lock; what not_compared() would say.
  // Errors: as there.
  static Result<std::vector<std::string>> examine(platform::PgConnector& connector,
                                                  MarkedServerRequest request,
                                                  const CallLimits& limits);

  // The database of this drill; there is none until somebody makes it.
  platform::Dsn database() const;
  // The name of the other one, in which it is filled.
  std::string made_as() const;
  const std::string& system_identifier() const { return system_identifier_; }
  // Databases whose server did not say which one it is.
  const std::vector<std::string>& not_compared() const { return not_compared_; }

  // Whether a backup can be drilled there: what cannot be chosen on a server that runs. Errors:
  // restore_environment, with what is missing; database_*, cancelled.
  Result<> check_fits(const artefact::Manifest& manifest, int major, const CallLimits& limits);
  // Both, also when sessions are in them; fine when there is none. Errors: restore_left_behind,
  // database_*, cancelled.
  Result<> remove_databases(const CallLimits& limits);
  // Half a minute, whatever stops the work.
  static CallLimits last_acts();

 private:
  MarkedServer(platform::PgConnector& connector, MarkedServerRequest request);
  Result<> connect(const CallLimits& limits);
  Error why_not_marked(const CallLimits& limits);
  Result<> check_rights(const CallLimits& limits);
  Result<> check_identity(const CallLimits& limits);
  Result<bool> compare_with(const platform::Dsn& source, const CallLimits& limits);
  Result<> lock(const CallLimits& limits);
  Result<> check_preload(const artefact::Manifest& manifest, const CallLimits& limits);
  platform::Dsn dsn_of(const std::string& database) const;

  platform::PgConnector& connector_;
  const MarkedServerRequest request_;
  const std::string name_;
  std::string system_identifier_;
  std::vector<std::string> not_compared_;
  std::unique_ptr<platform::PgConnection> session_;  // in the marker database; holds the lock
};

// "vigie_drill_" and 16 hexadecimal digits.
std::string drill_database_name(const std::string& owner, const std::string& drill);

}  // namespace vigie::proof
