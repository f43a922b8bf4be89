#include "daemon/wiring.h"

#include <unistd.h>

#include "daemon/amchecks.h"
#include "daemon/convert.h"
#include "daemon/drills.h"
#include "daemon/requirements.h"
#include "daemon/restart.h"
#include "daemon/self_check_times.h"
#include "platform/heap.h"
#include "platform/system_info.h"

namespace vigie::daemon {
namespace {

using platform::LogLevel;

Result<> own_state_folder(platform::FileSystem& files, const platform::Path& folder) {
  TRY(files.create_folder(folder, 0700));
  TRY_ASSIGN(const auto info, files.info(folder));
  if (info.owner != ::geteuid())
    return fail(ErrorCode::state_owner,
                {{"path", folder.string()}, {"name", platform::user_name(info.owner)}});
  return {};
}

ledger::Entry reload_entry(const ledger::Trigger& trigger, SystemTime now,
                           const std::string& reason, const std::string& reference) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kConfigReload;
  entry.started_at = entry.ended_at = now;
  entry.result = ledger::Outcome::passed;
  entry.trigger = trigger;
  entry.reason = reason;
  entry.reference = reference;
  return entry;
}

std::string needs_restart(const std::string& parts) {
  return parts + ": what changed there takes effect at the next start only";
}

}  // namespace

Wiring::Wiring(World world, config::Config config, platform::Path config_path, Access access)
    : world_(std::move(world)),
      config_path_(std::move(config_path)),
      access_(access),
      run_logs_(world_.files, platform::Path(config.state.dir) / "runs", world_.clock,
                platform::known_secrets()),
      started_at_(world_.clock.now()),
      config_(std::make_shared<const config::Config>(std::move(config))),
      started_with_(config_),
      requirements_(matrix_plan(*config_)) {
  process_.version = world_.version;
  process_.configuration_sha256 = config_->sha256;
  process_.daemon = world_.log_runs;
  process_.started_at = process_.configured_at = started_at_;
}

Wiring::~Wiring() {
  if (shut_down()) return;
  // A thread is at work still on what would be torn down here: it waits for a store that hangs.
  world_.log.write(LogLevel::warn, "daemon.stopped", "some work did not return in time");
  std::fflush(nullptr);
  std::_Exit(error_info(ErrorCode::store_unreachable).exit_code);
}

Result<std::unique_ptr<Wiring>> Wiring::open(World world, config::Config config,
                                             platform::Path config_path, Access access) {
  std::unique_ptr<Wiring> wiring(
      new Wiring(std::move(world), std::move(config), std::move(config_path), access));
  if (access == Access::write) TRY(wiring->own_state());
  TRY(wiring->open_state());
  TRY(wiring->open_jobs());
  wiring->make_api();
  return wiring;
}

Result<> Wiring::own_state() {
  const platform::Path folder = config_->state.dir;
  TRY(own_state_folder(world_.files, folder));
  TRY_ASSIGN(lock_, platform::LockFile::acquire(folder / "lock"));
  return {};
}

Result<> Wiring::open_state() {
  const platform::Path folder = config_->state.dir;
  const platform::SqliteOptions database{.copy = reads_only()};
  TRY_ASSIGN(tokens_, api::Tokens::open(folder / "state.db", world_.clock, database));
  TRY_ASSIGN(ledger_, ledger::Ledger::open(world_.files, folder / "ledger", world_.clock,
                                           {.read_only = reads_only()}));
  ledger_->attach_logs([this](const RunId& run) -> std::optional<ledger::RunLogRef> {
    const auto digest = run_logs_.digest(run);
    return digest ? std::optional(ledger::RunLogRef{digest->sha256, digest->bytes}) : std::nullopt;
  });
  open_checkpoints();
  backup::RoomTools tools{
      {world_.files, world_.processes, world_.postgres, world_.clock, world_.version,
       [this](const std::string& job, const std::string& of) {
         return last_measured(*proofs_->view(), job, of);
       }},
      world_.http,
      [this](const ledger::Entry& entry) -> Result<> {
        // Who only looks compares the catalogue with the stores too, for its own eyes.
        if (reads_only()) return {};
        TRY(ledger_->append(entry));
        return {};
      },
      [this](const BackupId& id) { return recorded_manifest(id); },
      [this](std::string_view event, const Error& error) {
        world_.log.write(LogLevel::warn, event, error);
      },
      folder / "staging",
      database};
  TRY_ASSIGN(backups_, backup::BackupRoom::open(std::move(tools), folder / "state.db",
                                                setup_of(*config_, world_.files, world_.clock)));
  proofs_ = std::make_unique<proof::ProofRoom>(
      proof::RestoreTools{world_.files, world_.processes, world_.postgres, world_.clock},
      world_.http, [this](const ledger::Entry& entry) { return ledger_->append(entry); });
  // What it was is no reason not to start.
  if (const auto known = proofs_->remember(*ledger_); !known)
    world_.log.write(LogLevel::warn, "restore.remember", known.error());
  proofs_->configure(drill_plans(*config_), durability_plans(*config_), amcheck_plans(*config_));
  durability_ =
      std::make_unique<Durability>(*proofs_, world_.files, world_.clock, world_.log, folder);
  durability_->configure(*config_);
  return {};
}

// The hash that the ledger holds for an artefact's manifest; nothing when it has never heard of it.
// What was recovered counts only when it was found whole.
Result<std::optional<std::string>> Wiring::recorded_manifest(const BackupId& id) const {
  std::optional<std::string> sha256;
  const auto look = [&](const json::object& entry) {
    const json::string* result = find_string(entry, "result");
    const json::array* artefacts = find_array(entry, "artefacts");
    const bool speaks = result != nullptr && artefacts != nullptr && !artefacts->empty() &&
                        *result == to_string(ledger::Outcome::passed);
    if (!speaks || !artefacts->front().is_object()) return true;
    const json::string* found = find_string(artefacts->front().get_object(), "sha256");
    if (found != nullptr && !found->empty()) sha256 = std::string(*found);
    return !sha256;
  };
  // By kind, which the ledger finds without reading what is of another.
  for (const std::string_view kind : {ledger::kind::kBackup, ledger::kind::kRecovered}) {
    ledger::Filter filter;
    filter.backup = id.str();
    filter.kind = std::string(kind);
    if (!sha256) TRY(ledger_->for_each(filter, look));
  }
  return sha256;
}

Result<> Wiring::open_jobs() {
  if (!reads_only()) TRY(backups_->prepare());
  jobs::ExecutorHooks hooks;
  jobs::ExecutorOptions options;
  options.database.copy = reads_only();
  options.recover = access_ != Access::read_beside;
  hooks.recover = [this](jobs::RunRow& row) -> Result<> {
    if (reads_only()) return {};
    // What the program does with itself has no session on any server.
    const bool asks_servers = row.kind != kSelfCheck && row.kind != kMatrixCheck;
    if (row.started_at && asks_servers) TRY(backups_->note_dead(row.id, row.job));
    return shown(record_found(*ledger_, row));
  };
  hooks.record = [this](const jobs::RunRow& row) { return shown(record_end_of(row)); };
  hooks.ended = [this](const jobs::RunRow& row) {
    log_end(row);
    platform::give_back_heap();
  };
  TRY_ASSIGN(executor_, jobs::Executor::open(platform::Path(config_->state.dir) / "state.db",
                                             world_.clock, options, std::move(hooks)));
  return {};
}

Result<> Wiring::cancel(const RunId& id, const Cancellation& asked) {
  TRY_ASSIGN(const auto row, executor_->find(id));
  if (has_ended(row.state)) {
    return fail(ErrorCode::run_conflict,
                {{"name", row.job},
                 {"run", id.str()},
                 {"state", "has ended: " + std::string(to_string(row.state))}});
  }
  bool first = false;  // which is the one
  {
    const std::lock_guard lock(mutex_);
    first = cancelled_.emplace(id, asked).second;
  }
  const std::string& reason = asked.who.reason;
  const auto taken = executor_->cancel(id, reason.empty() ? "asked for" : reason);
  if (first && (!taken || !*taken)) {  // it ended meanwhile: nobody asks who it was
    const std::lock_guard lock(mutex_);
    cancelled_.erase(id);
  }
  if (!taken) return fail(taken.error());
  return {};
}

Result<> Wiring::record_end_of(const jobs::RunRow& row) {
  std::optional<Cancellation> cancelled;
  {
    const std::lock_guard lock(mutex_);
    const auto found = cancelled_.find(row.id);
    if (found != cancelled_.end()) cancelled = found->second;
  }
  TRY(record_end(*ledger_, row, cancelled));
  const std::lock_guard lock(mutex_);
  cancelled_.erase(row.id);
  return {};
}

Result<> Wiring::shown(Result<> recorded) const {
  if (!recorded) world_.log.write(LogLevel::error, "ledger.append", recorded.error());
  return recorded;
}

void Wiring::log_end(const jobs::RunRow& row) {
  const auto level = row.state == jobs::RunState::succeeded ? LogLevel::info : LogLevel::error;
  const auto error = row.error();
  run_logs_.write(row.id, level, "run.ended", to_string(row.state),
                  {{"job", row.job},
                   {"kind", row.kind},
                   {"correlation_id", row.correlation_id.str()},
                   {"error_code", row.error_code},
                   {"detail", error ? error->detail(Audience::operators) : ""},
                   {"duration_ms", milliseconds_of(row.duration(world_.clock.now()))}});
  if (!world_.log_runs) return;
  world_.log.write(level, "run.ended", to_string(row.state),
                   {{"run", row.id.str()},
                    {"job", row.job},
                    {"kind", row.kind},
                    {"correlation_id", row.correlation_id.str()},
                    {"error_code", row.error_code},
                    {"duration_ms", milliseconds_of(row.duration(world_.clock.now()))}});
}

std::shared_ptr<const config::Config> Wiring::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

ledger::MatrixPlanPtr Wiring::requirements() const {
  const std::lock_guard lock(mutex_);
  return requirements_;
}

status::Views Wiring::views() const {
  status::Views views;
  {
    const std::lock_guard lock(mutex_);
    views.process = process_;
    views.requirements = requirements_;
  }
  views.backups = backups_->view();
  views.jobs = executor_->view();
  views.ledger = ledger_->view();
  views.checkpoints = checkpoints_->view();
  views.copies = copies_->view();
  views.proof = proofs_->view();
  const api::PoolFigures pool = api_->pool_figures();
  views.process.queries_hung = pool.hung;
  views.process.queries_answered = pool.usable;
  return views;
}

void Wiring::on_reload(std::function<Result<>()> listener) {
  const std::lock_guard lock(mutex_);
  on_reload_ = std::move(listener);
}

Result<> Wiring::reload(const ledger::Trigger& trigger, const std::string& reason,
                        const std::string& reference) {
  const std::lock_guard one_at_a_time(reload_mutex_);
  const SystemTime now = world_.clock.now();
  ledger::Entry entry = reload_entry(trigger, now, reason, reference);
  auto loaded = config::load_or_fail(world_.files, config_path_);
  if (!loaded) return refuse_reload(std::move(entry), loaded.error());
  const std::string parts = restart_parts(*started_with_, *loaded);
  entry.subject = {{"configuration_sha256", loaded->sha256}};
  if (!parts.empty()) entry.deviations.push_back(needs_restart(parts));
  if (const auto recorded = ledger_->append(entry); !recorded) {
    log_refused(entry, recorded.error());
    return note_refusal(recorded.error(), now);
  }
  std::function<Result<>()> listener;
  {
    const std::lock_guard lock(mutex_);
    config_ = std::make_shared<const config::Config>(std::move(*loaded));
    requirements_ = matrix_plan(*config_);
    process_.configured_at = now;
    process_.configuration_sha256 = config_->sha256;
    process_.reload_error_code.clear();
    process_.reload_failed_at.reset();
    if (parts.empty())
      process_.restart_needed_since.reset();
    else if (!process_.restart_needed_since)
      process_.restart_needed_since = now;
    listener = on_reload_;
  }
  backups_->configure(setup_of(*config(), world_.files, world_.clock));
  proofs_->configure(drill_plans(*config()), durability_plans(*config()), amcheck_plans(*config()));
  durability_->configure(*config());
  follow_stores();
  log_reload(trigger, parts);
  if (const auto taken = listener ? listener() : Result<>(); !taken) {
    entry.ended_with(taken.error());
    entry.deviations.emplace_back("all else of it is in force");
    log_refused(entry, taken.error());
    if (const auto recorded = ledger_->append(entry); !recorded)
      world_.log.write(LogLevel::error, "ledger.append", recorded.error());
    return note_refusal(taken.error(), now);
  }
  return {};
}

// In status until a reload is taken whole.
Result<> Wiring::note_refusal(const Error& why, SystemTime at) {
  const std::lock_guard lock(mutex_);
  process_.reload_error_code = why.info().name;
  process_.reload_failed_at = at;
  return fail(why);
}

// One code wherever it is told: to the caller, in the log, in status and as evidence.
Result<> Wiring::refuse_reload(ledger::Entry entry, const Error& why) {
  const Error refused(ErrorCode::config_reload_failed,
                      {{"reason", why.detail(Audience::operators)}});
  entry.ended_with(refused);
  log_refused(entry, refused);
  if (const auto recorded = ledger_->append(entry); !recorded)
    world_.log.write(LogLevel::error, "ledger.append", recorded.error());
  return note_refusal(refused, entry.ended_at);
}

void Wiring::log_refused(const ledger::Entry& entry, const Error& why) {
  world_.log.write(LogLevel::error, "config.refused", why,
                   {{"correlation_id", entry.trigger.correlation_id.str()}});
}

void Wiring::log_reload(const ledger::Trigger& trigger, const std::string& waiting) {
  const auto& correlation = trigger.correlation_id.str();
  world_.log.write(LogLevel::info, "config.reloaded", "the new configuration is in force",
                   {{"correlation_id", correlation}});
  if (waiting.empty()) return;
  world_.log.write(LogLevel::warn, "config.restart", needs_restart(waiting),
                   {{"correlation_id", correlation}});
}

Result<> Wiring::record_missed(const jobs::MissedRuns& missed) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kMissedRun;
  entry.started_at = missed.due.front();
  entry.ended_at = missed.noticed_at;
  entry.trigger = {"daemon", "", new_correlation_id(), {}};
  entry.ended_with(Error(ErrorCode::missed_run, {{"job", missed.job}, {"reason", missed.reason}}));
  json::array times;
  for (const SystemTime time : missed.due) times.emplace_back(format_rfc3339(time));
  entry.subject = {{"job", missed.job}, {"due", std::move(times)}, {"reason", missed.reason}};
  if (missed.older_left_out)
    entry.deviations.emplace_back("older due times were missed as well, and are not listed");
  TRY(ledger_->append(entry));
  return {};
}

Result<> Wiring::record_clock(SystemTime before, SystemTime now) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kClock;
  entry.started_at = entry.ended_at = now;
  entry.result = ledger::Outcome::could_not_verify;
  entry.trigger = {"daemon", "", new_correlation_id(), {}};
  entry.subject = {{"act", "went_back"}, {"before", format_rfc3339(before)}};
  entry.measures = {{"back_s", to_seconds(before - now)}};
  entry.deviations.emplace_back("the clock went back: due times count from now");
  TRY(ledger_->append(entry));
  return {};
}

void Wiring::observe_memory() {
  const MonoTime now = world_.clock.monotonic();
  if (memory_seen_ != MonoTime{} && now < memory_seen_ + std::chrono::seconds(5)) return;
  memory_seen_ = now;
  uint64_t children = 0;
  // One that ended since it was listed has none.
  for (const int pid : platform::descendant_processes(::getpid()))
    children += platform::resident_memory(pid).value_or(Bytes{}).count;
  const auto own = platform::resident_memory(::getpid());
  const std::lock_guard lock(mutex_);
  process_.resident_bytes = own ? std::optional(own->count) : std::nullopt;
  process_.children_resident_bytes = children;
}

// Runs first: what the API waits for may wait for one of them.
bool Wiring::shut_down() {
  const bool runs = !executor_ || executor_->shutdown().empty();
  const bool queries = !api_ || api_->stop();
  const bool proofs = !durability_ || durability_->stop(std::chrono::seconds(1));
  const bool copies = !copies_ || copies_->stop(std::chrono::milliseconds(500));
  if (runs && queries && proofs) seal_evidence();
  return runs && queries && proofs && copies;
}

}  // namespace vigie::daemon
