// One backup restored into a database, from the stored bytes to rows that were compared.
//
// The order: unpack and check every byte; make a database beside the one that is asked for; the
// roles, when wanted; pg_restore; the database's own owner, rights and settings; read every table
// and large object and compare; put it in place. Until the last step the target is as it was.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "artefact/source.h"
#include "base/json.h"
#include "base/work.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "platform/process.h"
#include "proof/archive.h"
#include "proof/compare.h"
#include "proof/options.h"
#include "proof/unpack.h"

namespace vigie::proof {

// The outside world. Outlives the call.
struct RestoreTools {
  platform::FileSystem& files;
  platform::ProcessRunner& processes;
  platform::PgConnector& postgres;
  const platform::Clock& clock;
};

struct RestoreRequest {
  artefact::ArtefactSource& source;
  BackupId id;
  std::string expected_manifest_sha256;  // from the ledger; empty: not known
  platform::Dsn target;                  // dbname is what the database will be called
  platform::Path bindir;                 // of the client programs; empty: where Debian has them
  unsigned jobs = 2;
  bool globals = false;               // the roles too, as far as they do not exist
  bool owners = true;                 // owners and rights
  std::string overwrite{};            // the target's name: it may be replaced, whatever it holds
  bool keep_replaced = false;         // the database that is replaced stays, under another name
  std::vector<std::string> tables{};  // "public.orders": the rows of these alone; empty: of all
  // Into a server of a drill: the roles are always made, owners and rights are left out where the
  // backup holds none, and nothing is restored that would reach out of the server.
  bool on_scratch = false;
  std::string made_as{};  // what it is called until it is complete; empty: vigie_restore_…
  // That the target must be: a name may lead to several servers. Empty: any.
  std::string server_identifier{};
  IdentitySource identity{};  // of an encrypted backup
  platform::Path folder;      // this run's own; need not exist; gone afterwards
  // Where its programs may be when they are not at that place: taken if they are of its major.
  std::vector<platform::Path> other_bindirs{};
};

struct Restored {
  artefact::Manifest manifest;
  std::string manifest_sha256;
  std::string database;  // its name
  std::string kept;      // what the one that was replaced is called now; empty: there is none
  std::string server_version;
  std::string system_identifier;
  Comparison comparison;
  size_t large_objects = 0;  // whose bytes were compared: all, unless only some tables were wanted
  size_t roles_made = 0;
  size_t roles_kept = 0;                      // that existed already
  std::map<std::string, Duration> durations;  // unpack, restore, compare, put_in_place
  bool owners = true;                         // owners and rights were restored
  std::vector<SequenceValue> sequences;       // as the archive sets them
  size_t sequence_entries = 0;                // so many it sets
  size_t event_triggers = 0;                  // that it holds
  std::vector<std::string> left_out;          // sentences
  std::vector<Error> warnings;
};

// What a restore, for real or of a drill, that ended so says of its backup. Only what was found in
// its bytes or rows speaks against it: a full disk, a server that went away or a deadline says
// nothing of it, whatever verdict the code has for other runs.
inline Verdict verdict_on_backup(const Error& error) {
  return error.info().error_class == "integrity" ? error.info().verdict : Verdict::could_not_verify;
}

// `unpacked`: what unpack() has put into its folder already; nothing: that is to be done. Errors:
// of unpack(), database_*, restore_*, client_missing, cancelled, deadline_exceeded. After any of
// them the target is as it was. Which database could not be removed says restore_left_behind, or,
// where the backup was found to be bad, the parameter `left_behind` of the error that says so.
Result<Restored> restore(const RestoreRequest& request, const RestoreTools& tools, const Work& work,
                         std::optional<Unpacked> unpacked = std::nullopt);

// For people and programs: what the run, or the command, says of itself.
json::object to_json(const Restored& restored);

// What such an error leaves on the server, for whoever reads how the run ended: {roles_made}, which
// stay, and {left_on_the_server}, a database; or nothing.
json::object what_stays(const Error& error);

}  // namespace vigie::proof
