// The whole program, put together: every room with its real neighbours, behind the routes of the
// API. `vigie serve` adds sockets, schedules and signals; a command without a daemon uses the
// routes directly; a test starts it in itself.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/api.h"
#include "backup/room.h"
#include "cli/backend.h"
#include "config/config.h"
#include "daemon/copies.h"
#include "daemon/durability.h"
#include "daemon/run_evidence.h"
#include "daemon/self_check.h"
#include "daemon/self_check_times.h"
#include "jobs/executor.h"
#include "jobs/run_logs.h"
#include "jobs/scheduler.h"
#include "ledger/checkpoints.h"
#include "ledger/ledger.h"
#include "platform/lock_file.h"
#include "platform/log.h"
#include "proof/room.h"
#include "status/views.h"

namespace vigie::daemon {

// The outside world. Outlives the wiring.
struct World {
  platform::FileSystem& files;
  platform::ProcessRunner& processes;
  platform::PgConnector& postgres;
  platform::HttpClient& http;
  const platform::Clock& clock;
  platform::Logger& log;
  std::string version;
  // False for a command, which tells itself how its run ended, and after which nothing starts by
  // itself.
  bool log_runs = true;
  platform::LogTap* log_tap = nullptr;  // around the log's sink; null: nobody listens
};

using cli::Access;

class Wiring {
 public:
  // Takes the lock, opens the state, records the runs that an earlier process left. Errors:
  // state_locked, state_owner, state_newer, ledger_newer, and those of files.
  static Result<std::unique_ptr<Wiring>> open(World world, config::Config config,
                                              platform::Path config_path,
                                              Access access = Access::write);
  ~Wiring();
  Wiring(const Wiring&) = delete;
  Wiring& operator=(const Wiring&) = delete;

  api::Api& api() { return *api_; }
  backup::BackupRoom& backups() { return *backups_; }
  jobs::Executor& executor() { return *executor_; }
  ledger::Ledger& ledger() { return *ledger_; }
  ledger::Checkpoints& checkpoints() { return *checkpoints_; }
  const World& world() const { return world_; }
  std::shared_ptr<const config::Config> config() const;
  ledger::MatrixPlanPtr requirements() const;

  // Reads the file again. A bad one leaves the old one in force and shows in status; each is an
  // entry of the ledger. One at a time: what the last one read is in force. Errors:
  // config_reload_failed; those of the ledger; those of on_reload, and then all else is in force.
  Result<> reload(const ledger::Trigger& trigger, const std::string& reason,
                  const std::string& reference);
  // Called when a new configuration is in force: the scheduler is set anew. Its error is the
  // reload's.
  void on_reload(std::function<Result<>()> listener);

  // What an earlier process left in stores and on servers, and the catalogue against the stores.
  // Waits for both: not on the way to readiness.
  void tidy(std::stop_token stop);
  // tidy(), then retention: what is done once after the start, beside everything else.
  void settle(std::stop_token stop);
  // What is looked at again and again: stores, what could not be tidied, artefacts whose
  // verification is due, copies that are.
  void look_around(std::stop_token stop);
  // Also again and again, and beside it, since a store may hang: do the state and the ledger still
  // take writes?
  void prove_writable();
  // A run that verifies the ledger, when the last one is a day old.
  void verify_ledger_when_due();
  // A run that looks at the program itself, when the last one is a week old, or its matrix a day.
  void check_itself_when_due();
  // Compares the ledger with its copies elsewhere and goes on copying, each in a thread of its own
  // until shut_down().
  void start_copies();
  // Proofs that observe begin to write, and servers get the start that is owed to them: until
  // shut_down().
  void start_durability() { durability_->start(); }
  // The same as start_copies() once, in this thread.
  void copy_evidence(std::stop_token stop);

  // The expiry of one job, or of all.
  jobs::RunRequest prune_request(const std::optional<std::string>& job);
  // What the scheduler starts for a job.
  jobs::RunRequest backup_request(const config::BackupJob& job, jobs::RunTrigger trigger,
                                  CorrelationId correlation);
  jobs::RunRequest amcheck_request(const config::Amcheck& amcheck);
  jobs::RunRequest durability_request(const config::Durability& proof);
  jobs::RunRequest drill_request(const config::Drill& drill, const api::DrillAsk& ask);
  jobs::RunRequest preflight_request(const config::BackupJob& job);
  // The job's copies; what a backup starts when it is done.
  jobs::RunRequest copy_request(const config::BackupJob& job);
  Result<> record_missed(const jobs::MissedRuns& missed);

  // The wall clock went back: as evidence, since the times of what follows lie before others.
  Result<> record_clock(SystemTime before, SystemTime now);

  // How much memory this process and those that it started have: for status, at most every five
  // seconds. One thread.
  void observe_memory();

  // Ends what runs; false when some work did not return: then the process must leave by _Exit().
  bool shut_down();

 private:
  Wiring(World world, config::Config config, platform::Path config_path, Access access);
  bool reads_only() const { return access_ != Access::write; }
  Result<> own_state();
  Result<> open_state();
  Result<> open_jobs();
  void open_checkpoints();
  Result<> record_rotations();
  // Errors: those of Checkpoints::rotate() and of the ledger.
  Result<json::value> rotate_key(const api::CallContext& context);
  Result<json::value> checkpoint_up_to(uint64_t seq, const std::stop_token& stop) const;
  // Errors: those of Checkpoints::make(), and of reading it again.
  Result<json::value> make_checkpoint(const std::stop_token& stop);
  Result<json::object> checkpoint_answer(const ledger::Mark& end, uint64_t seq,
                                         const std::stop_token& stop) const;
  Result<> compare_with_copies(const std::stop_token& stop);
  Result<> check_run_logs(const std::stop_token& stop) const;
  void follow_stores();
  void seal_evidence();
  void make_api();
  void add_queries(api::Services& services);
  void add_commands(api::Services& services);
  void add_human_acts(api::Services& services);
  void add_proof_commands(api::Services& services);
  Result<RunId> start_amcheck(const std::string& name, const api::CallContext& context);
  Result<RunId> submit_asked(jobs::RunRequest request, const api::CallContext& context);
  jobs::RunRequest verify_request(const BackupId& id, backup::VerifyMode mode);
  Result<jobs::RunRequest> restore_request(const api::RestoreAsk& ask);
  status::Views views() const;
  // Errors: run_not_found, run_conflict when it has ended.
  Result<> cancel(const RunId& id, const Cancellation& asked);
  Result<> record_end_of(const jobs::RunRow& row);
  Result<> shown(Result<> recorded) const;
  void submit_in_turn(jobs::RunRequest request, const std::stop_token& stop);
  void scrub_what_is_due();
  void copy_what_is_due();
  void clear_scratch(const Work& work);
  void start_copies(const std::string& name, const CorrelationId& correlation,
                    backup::Outcome& done);
  Result<jobs::Submitted> start_copy(const config::BackupJob& job, CorrelationId correlation);
  std::optional<RunId> copy_in_the_way(const config::BackupJob& job) const;
  jobs::RunRequest ledger_verify_request();
  SelfCheckTools self_check_tools(std::stop_token stop);
  jobs::RunOutcome check_itself(std::span<const SelfCheckPart> parts, jobs::RunContext& context);
  jobs::RunRequest self_check_request(std::string_view kind, std::span<const SelfCheckPart> parts);
  jobs::RunRequest whole_self_check();
  void submit_own_check(jobs::RunRequest request);
  void log_end(const jobs::RunRow& row);
  Result<> refuse_reload(ledger::Entry entry, const Error& why);
  Result<> note_refusal(const Error& why, SystemTime at);
  void log_refused(const ledger::Entry& entry, const Error& why);
  void log_reload(const ledger::Trigger& trigger, const std::string& waiting);
  Result<std::optional<std::string>> recorded_manifest(const BackupId& id) const;

  World world_;
  platform::Path config_path_;
  Access access_;
  std::optional<platform::LockFile> lock_;  // of a writer
  jobs::RunLogs run_logs_;
  SystemTime started_at_;
  std::mutex reload_mutex_;  // held from reading the file until it is in force
  mutable std::mutex mutex_;
  std::shared_ptr<const config::Config> config_;              // guarded by mutex_
  const std::shared_ptr<const config::Config> started_with_;  // what only a restart applies is its
  ledger::MatrixPlanPtr requirements_;                        // guarded by mutex_
  status::ProcessView process_;                               // guarded by mutex_
  std::function<Result<>()> on_reload_;                       // guarded by mutex_
  std::map<RunId, Cancellation> cancelled_;  // guarded by mutex_; until their end is recorded
  SelfCheckRepeats self_check_repeats_;      // of the thread that looks after the state
  MonoTime memory_seen_{};                   // of the thread of observe_memory
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<ledger::Checkpoints> checkpoints_;
  std::unique_ptr<Copies> copies_;
  std::unique_ptr<backup::BackupRoom> backups_;
  std::unique_ptr<proof::ProofRoom> proofs_;
  std::unique_ptr<Durability> durability_;
  std::unique_ptr<jobs::Executor> executor_;
  std::unique_ptr<api::Tokens> tokens_;
  std::unique_ptr<api::Api> api_;
};

}  // namespace vigie::daemon
