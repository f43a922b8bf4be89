// The server that a backup is restored into, and the databases on it.
//
// A restore never works in the database that it is asked for: it makes one of its own beside it
// (vigie_restore_…), and gives that one the name when all is well. So nothing that was there is
// lost to a restore that fails, is cancelled, or ends with its process.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "base/work.h"
#include "platform/postgres.h"

namespace vigie::proof {

enum class TargetState : unsigned char { missing, empty, in_use };

// What a server refuses to the role says nothing of the backup: a statement that was refused for
// want of a right is restore_rights, with this reason. Any other error stays as it is.
Error as_missing_right(const Error& error, std::string reason);

// One thread at a time. Errors of all: database_*, cancelled.
class Target {
 public:
  // `dsn` is as platform/dsn.h accepts it, and names the database by dbname. Connects to the
  // server's own database `postgres`; where there is none, or it is the one, to `template1`. Also
  // restore_rights when the role may not make databases.
  static Result<Target> open(platform::PgConnector& connector, platform::Dsn dsn, const Work& work);

  const std::string& name() const { return name_; }
  const platform::Dsn& dsn() const { return dsn_; }
  int server_version() const { return admin_->server_version(); }
  const std::string& system_identifier() const { return system_identifier_; }
  bool superuser() const { return superuser_; }  // the role that restores
  // Of another database of the same server.
  platform::Dsn dsn_of(const std::string& database) const;
  // One more session on the server, in none of its users' databases; for any thread, beside all
  // else.
  Result<std::unique_ptr<platform::PgConnection>> connect(const CallLimits& limits) const;

  // Whether a database of the server holds anything of its own; what extensions brought does not
  // count.
  Result<TargetState> look(const std::string& database, const Work& work);
  Result<> check_extensions(const std::vector<artefact::Versioned>& needed, const Work& work);

  Result<std::set<std::string>> roles(const Work& work);
  // Whether the role may take the name from the database that has it; true when none has.
  Result<bool> may_replace(const Work& work);

  // One statement of whoever made the archive, on the server. Also restore_rights.
  Result<> execute(const std::string& sql, const Work& work);
  // Gives the database `made` the name that was asked for, in one step; the one that had it is
  // called `before` from then on; false: none had it. Sessions in either are ended. Errors:
  // restore_target_busy, restore_rights.
  Result<bool> put_in_place(const std::string& made, const std::string& before, const Work& work);
  // Databases of restores whose process is gone: of that name, and nobody is in them.
  Result<std::vector<std::string>> left_behind(const Work& work);
  // As drop_database(), by a session of its own. Error: restore_left_behind.
  Result<> drop(const std::string& database, const CallLimits& limits);
  // Half a minute, whatever stops the work: for what a cancelled restore does last.
  static CallLimits last_acts();

 private:
  Target() = default;
  Result<> read_server(const Work& work);
  Result<bool> exists(const std::string& database, const CallLimits& limits);
  Result<> end_sessions(const std::string& database, const CallLimits& limits);
  Result<bool> was_renamed(const std::string& made);
  Result<> rename_both(const std::string& made, const std::string& before, bool replaces,
                       const CallLimits& limits);

  platform::PgConnector* connector_ = nullptr;
  platform::Dsn dsn_;
  std::string name_;
  std::string application_name_;
  std::string system_identifier_;
  bool superuser_ = false;
  std::unique_ptr<platform::PgConnection> admin_;
};

// Also a template, and when sessions are in it; fine when there is none of that name. `session` is
// in another. Errors: database_*, cancelled.
Result<> drop_database(platform::PgConnection& session, const std::string& name,
                       const CallLimits& limits);
// "vigie_restore_" and the first digits of the run: whose process is gone is known by it.
std::string restore_database_name(const RunId& run);
// What the database that is replaced is called: "app_before_20261120T020000Z", at most 63 bytes.
std::string replaced_database_name(const std::string& name, SystemTime now);

}  // namespace vigie::proof
