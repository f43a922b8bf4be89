// What the routes need from the other rooms, as function types that the daemon fills. A function
// that is empty makes its routes answer 404.
//
// Queries and commands run on a bounded pool of threads, each with a deadline and a stop token;
// views are read on the engine's thread and must not wait for anything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "api/tokens.h"
#include "backup/view.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "base/verdict.h"
#include "status/views.h"

namespace vigie::api {

// Who asks, and within what time.
struct CallContext {
  std::string actor;  // "token:<id>", "socket:uid=0"
  Scope scope = Scope::read;
  CorrelationId correlation_id;
  std::string request_id;
  std::string reason;  // of a human act: from the body
  std::string reference;
  std::optional<std::string> idempotency_key;  // 1 to 128 printable characters
  std::string request_hash;                    // of method, target and body, for the key
  MonoTime deadline{};
  std::stop_token stop;
};

struct EvidenceQuery {
  std::optional<std::string> kind;
  std::optional<std::string> correlation_id;
  std::optional<std::string> backup;
  std::optional<std::string> id;  // of the entry
  std::optional<SystemTime> from;
  std::optional<SystemTime> to;
  std::optional<uint64_t> after_seq;  // the cursor
  size_t limit = 100;                 // 1 to 500
};

struct EvidencePage {
  json::array entries;  // as they stand in the ledger
  std::optional<uint64_t> next_after_seq;
};

// What is to be restored, and where. docs/manual/restore.md.
struct RestoreAsk {
  std::string backup;         // an id, JOB.DATABASE, JOB, or "latest"
  std::string database;       // a database of the configuration; else `dsn`
  std::string dsn;            // "host=… dbname=… user=…", without a password
  std::string password_file;  // as in vigie.yaml; empty: none
  std::string identity_file;  // the private key of an encrypted backup, on the daemon's host
  size_t jobs = 2;
  bool globals = false;
  bool no_owner = false;
  std::string overwrite;  // the target's name
  bool keep_replaced = false;
  std::vector<std::string> tables;
  bool plan = false;  // only say what it would do
};

// docs/manual/drills.md.
struct DrillAsk {
  std::string drill;      // its name
  std::string backup;     // an id; empty: as the drill picks
  size_t into_major = 0;  // another major version of the server; 0: the backup's
};

// What somebody else has found. docs/manual/evidence.md.
struct EvidenceReport {
  struct File {
    std::string name;
    std::string sha256;  // 64 hexadecimal digits
    uint64_t bytes = 0;
  };
  std::string kind;
  std::vector<std::string> requirement_ids;
  Verdict result = Verdict::could_not_verify;
  json::object measures;  // numbers
  std::vector<File> artefacts;
  std::optional<SystemTime> started_at;
  std::optional<SystemTime> ended_at;
};

enum class TokenChange : unsigned char { created, revoked };

struct Services {
  // Class 1: must return at once, from any thread.
  std::function<status::Views()> views;

  // Class 2: queries.
  std::function<Result<EvidencePage>(const EvidenceQuery&, const CallContext&)> evidence;
  // {checkpoint, public_key, ledger{last_seq, head}}: the newest signed checkpoint up to the entry;
  // null: there is none.
  std::function<Result<json::value>(uint64_t seq, const CallContext&)> checkpoint;
  std::function<Result<json::object>(const BackupId&, const CallContext&)> manifest;
  // {id, job, kind, state, progress{…}, …}: the shape is openapi.yaml's Run.
  std::function<Result<json::object>(const RunId&, const CallContext&)> run;
  std::function<Result<json::value>(std::optional<std::string> job, const CallContext&)> prune_plan;
  std::function<Result<json::value>(size_t next, const CallContext&)> schedule;
  std::function<Result<json::value>(const CorrelationId&, const CallContext&)> trace;

  // Class 3: commands. They only write down that something is to be done.
  std::function<Result<RunId>(const std::string& job, const CallContext&)> start_backup;
  std::function<Result<RunId>(const std::string& job, const CallContext&)> start_copy;
  std::function<Result<RunId>(const BackupId&, backup::VerifyMode, const CallContext&)>
      start_verification;
  std::function<Result<RunId>(std::optional<std::string> job, const CallContext&)> start_prune;
  std::function<Result<RunId>(const RestoreAsk&, const CallContext&)> start_restore;
  std::function<Result<RunId>(const DrillAsk&, const CallContext&)> start_drill;
  std::function<Result<RunId>(const CallContext&)> start_self_check;
  // `interrupt`: the database that whoever asks has named, as he who may be interrupted.
  std::function<Result<RunId>(const std::string& proof, const std::string& interrupt,
                              const CallContext&)>
      start_durability;
  std::function<Result<>(const RunId&, const CallContext&)> cancel_run;
  std::function<Result<>(const BackupId&, const CallContext&)> pin;
  std::function<Result<>(const BackupId&, const CallContext&)> unpin;
  std::function<Result<>(const BackupId&, const CallContext&)> acknowledge_backup;
  std::function<Result<>(const BackupId&, const CallContext&)> give_up_backup;
  std::function<Result<>(const CallContext&)> acknowledge_ledger;
  // {id, seq, entry_hash}; the context's reason is what was found, in words.
  std::function<Result<json::value>(const EvidenceReport&, const CallContext&)> record_evidence;
  // Signs what the ledger holds now; answers as checkpoint does, up to the entry that is signed.
  std::function<Result<json::value>(const CallContext&)> make_checkpoint;
  // {old_key_id, new_key_id}
  std::function<Result<json::value>(const CallContext&)> rotate_key;
  std::function<Result<>(const std::string& store, const CallContext&)> adopt_store;
  std::function<Result<>(const CallContext&)> reload;
  // Writes evidence of a token's creation or end.
  std::function<Result<>(TokenChange, const TokenInfo&, const CallContext&)> record_token;
  std::function<Result<RunId>(const std::string& check, const CallContext&)> start_amcheck;
};

}  // namespace vigie::api
