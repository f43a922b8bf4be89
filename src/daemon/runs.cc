// What runs are made of: requests with their claims, and what is started without being asked.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/amchecks.h"
#include "daemon/convert.h"
#include "daemon/drills.h"
#include "daemon/restores.h"
#include "daemon/wiring.h"
#include "proof/scratch.h"

namespace vigie::daemon {
namespace {

using platform::LogLevel;

// The run of a job works on the job's artefacts and on its databases: neither is shared.
std::vector<std::string> claims_of(const config::BackupJob& job) {
  std::vector<std::string> claims{"job:" + job.name()};
  for (const std::string& database : job.options.databases) claims.push_back("db:" + database);
  return claims;
}

// Who takes a database's place, or interrupts its server.
std::vector<std::string> claims_on(const std::string& database) {
  return {"restore", "db:" + database, "amcheck:" + database};
}

// Beside the job's backups, and beside copies into other stores.
std::vector<std::string> copy_claims_of(const config::BackupJob& job) {
  std::vector<std::string> claims;
  for (const backup::CopyOptions& one : job.options.copies) claims.push_back("copy:" + one.store);
  return claims;
}

constexpr auto kVerifyTimeout = std::chrono::hours(24);
// A bucket that gives no progress ends its calls by itself, within minutes; one that is slow has
// this long.
constexpr auto kCopyTimeout = std::chrono::days(3);
// Of the executor's workers: the others are for backups.
constexpr size_t kMostCopies = 2;
constexpr auto kRestoreTimeout = std::chrono::days(7);  // whoever waits for it may cancel it
constexpr auto kPreflightTimeout = std::chrono::minutes(10);
constexpr auto kClearTimeout = std::chrono::seconds(30);

std::string freer_claim(const jobs::JobsView& view) {
  std::array<size_t, kMostCopies> taken{};
  const auto claim = [](size_t i) { return fmt::format("copies:{}", i); };
  for (const jobs::JobView& one : view.jobs)
    for (const auto& run : {one.running, one.queued})
      for (size_t i = 0; run && i < taken.size(); ++i)
        taken[i] += static_cast<size_t>(std::ranges::count(run->claims, claim(i)));
  return claim(static_cast<size_t>(std::ranges::min_element(taken) - taken.begin()));
}

}  // namespace

jobs::RunRequest Wiring::backup_request(const config::BackupJob& job, jobs::RunTrigger trigger,
                                        CorrelationId correlation) {
  jobs::RunRequest request;
  request.job = job.name();
  request.kind = "backup";
  request.trigger = std::move(trigger);
  request.correlation_id = std::move(correlation);
  request.claims = claims_of(job);
  request.timeout = job.timing.timeout;
  request.work = [this, name = job.name()](jobs::RunContext& context) {
    backup::Outcome done = backups_->back_up(name, work_of(context, run_logs_));
    start_copies(name, context.correlation_id(), done);
    return outcome_of(std::move(done));
  };
  return request;
}

jobs::RunRequest Wiring::preflight_request(const config::BackupJob& job) {
  jobs::RunRequest request;
  request.job = job.name();
  request.kind = "preflight";
  request.correlation_id = new_correlation_id();
  request.timeout = kPreflightTimeout;
  request.work = [this, name = job.name()](jobs::RunContext& context) {
    return outcome_of(backups_->preflight(name, work_of(context, run_logs_)));
  };
  return request;
}

jobs::RunRequest Wiring::copy_request(const config::BackupJob& job) {
  jobs::RunRequest request;
  request.job = job.name();
  request.kind = "copy";
  request.claims = copy_claims_of(job);
  // As many at once as there are such claims: the others wait in the queue, and take no worker.
  request.claims.push_back(freer_claim(*executor_->view()));
  request.timeout = kCopyTimeout;
  request.work = [this, name = job.name()](jobs::RunContext& context) {
    return outcome_of(backups_->copies().copy(name, work_of(context, run_logs_)));
  };
  return request;
}

jobs::RunRequest Wiring::verify_request(const BackupId& id, backup::VerifyMode mode) {
  jobs::RunRequest request;
  request.job = id.job;
  request.kind = "verify";
  request.claims = {"artefact:" + id.str()};
  request.timeout = kVerifyTimeout;
  request.work = [this, id, mode](jobs::RunContext& context) {
    return outcome_of(backups_->verify(id, mode, work_of(context, run_logs_)));
  };
  return request;
}

// One at a time; and beside no backup of the database that it may replace.
Result<jobs::RunRequest> Wiring::restore_request(const api::RestoreAsk& ask) {
  const auto config = this->config();
  TRY_ASSIGN(const auto target, target_of(ask, *config));
  TRY_ASSIGN(const auto id, backup_named(*backups_->view(), ask.backup));
  jobs::RunRequest request;
  request.job = id.job;
  request.kind = ask.plan ? "restore_plan" : "restore";
  if (!ask.plan) request.claims = claims_on(ask.database.empty() ? id.database : ask.database);
  request.timeout = kRestoreTimeout;
  request.at_deadline = Verdict::could_not_verify;
  request.work = [this, ask, target, id](jobs::RunContext& context) {
    const Work work = work_of(context, run_logs_);
    const auto folder = platform::Path(this->config()->state.dir) / "staging" / context.id().str();
    return restore_outcome(restore_backup(*backups_, *proofs_, ask, target, id, folder, work));
  };
  return request;
}

// One at a time, since two would measure each other; beside backups, whose artefacts it reads.
jobs::RunRequest Wiring::drill_request(const config::Drill& drill, const api::DrillAsk& ask) {
  jobs::RunRequest request;
  request.job = drill.name();
  request.kind = "drill";
  request.correlation_id = new_correlation_id();
  request.claims = {"scratch"};
  request.timeout = drill.timing.timeout;
  request.at_deadline = Verdict::could_not_verify;
  request.work = [this, drill, ask](jobs::RunContext& context) {
    const auto config = this->config();
    const auto folder = platform::Path(config->state.dir) / "staging" / context.id().str();
    return run_drill(*backups_, *proofs_, *config, drill, ask, folder, work_of(context, run_logs_));
  };
  return request;
}

// Beside backups: both take the locks of a SELECT, and neither writes.
jobs::RunRequest Wiring::amcheck_request(const config::Amcheck& amcheck) {
  jobs::RunRequest request;
  request.job = amcheck.name();
  request.kind = "amcheck";
  request.correlation_id = new_correlation_id();
  request.claims = {"amcheck:" + amcheck.options.database};
  request.timeout = amcheck.timing.timeout;
  request.at_deadline = Verdict::could_not_verify;
  request.work = [this, amcheck](jobs::RunContext& context) {
    const auto config = this->config();
    const auto folder = platform::Path(config->state.dir) / "staging" / context.id().str();
    return run_amcheck(*proofs_, *config, amcheck, folder, work_of(context, run_logs_));
  };
  return request;
}

// What interrupts a server: no backup, drill or restore of any database is at work meanwhile, since
// several may lie on one server. What only compares disturbs nobody.
jobs::RunRequest Wiring::durability_request(const config::Durability& proof) {
  jobs::RunRequest request;
  request.job = proof.name();
  request.kind = "durability";
  request.correlation_id = new_correlation_id();
  if (proof.options.mode == proof::DurabilityMode::fault) {
    request.claims = {"scratch", "restore"};
    for (const backup::DatabaseOptions& one : config()->databases)
      for (const char* claim : {"db:", "amcheck:"}) request.claims.push_back(claim + one.name);
  }
  request.timeout = proof.timing.timeout;
  request.at_deadline = Verdict::could_not_verify;
  request.work = [this, proof](jobs::RunContext& context) {
    return durability_->run(*config(), proof, work_of(context, run_logs_));
  };
  return request;
}

jobs::RunRequest Wiring::prune_request(const std::optional<std::string>& job) {
  const auto config = this->config();
  jobs::RunRequest request;
  request.job = job.value_or("all");
  request.kind = "prune";
  // One of all jobs would keep each of them from its backup while it waits for the longest run.
  request.lets_others_by = !job;
  for (const config::BackupJob& one : config->backups) {
    if (!job || *job == one.name()) request.claims.push_back("job:" + one.name());
  }
  request.work = [this, job](jobs::RunContext& context) {
    return outcome_of(backups_->prune(job, work_of(context, run_logs_)));
  };
  return request;
}

void Wiring::tidy(std::stop_token stop) {
  const Work work = work_of_daemon(std::move(stop));
  backups_->observe_stores();
  if (!reads_only())
    (void)backups_->clean_stores(
        work);  // it warns of what it cannot do, and look_around tries again
  if (const auto done = backups_->reconcile(work); !done) {
    world_.log.write(LogLevel::warn, "backup.reconcile", done.error());
  }
  if (!reads_only()) (void)backups_->end_dead_sessions(work);
  if (!reads_only()) clear_scratch(work);
}

// What a drill has left that ended with its process takes room from backups.
void Wiring::clear_scratch(const Work& work) {
  const proof::RestoreTools tools{world_.files, world_.processes, world_.postgres, world_.clock};
  const auto config = this->config();
  for (const config::Drill& drill : config->drills) {
    const CallLimits limits{world_.clock.monotonic() + kClearTimeout, work.stop};
    const auto done = proof::clear_scratch(drill.options, backups_->owner_id(), tools, limits);
    if (!done)
      world_.log.write(LogLevel::warn, "drill.scratch", done.error(), {{"drill", drill.name()}});
  }
}

void Wiring::settle(std::stop_token stop) {
  tidy(stop);
  // One a job: a prune of all of them would wait until all are idle at once.
  const auto config = this->config();
  for (const config::BackupJob& job : config->backups) {
    if (stop.stop_requested()) return;
    jobs::RunRequest prune = prune_request(job.name());
    prune.trigger.by = "daemon";
    prune.correlation_id = new_correlation_id();
    submit_in_turn(std::move(prune), stop);
  }
}

// There may be more jobs than the queue has places.
void Wiring::submit_in_turn(jobs::RunRequest request, const std::stop_token& stop) {
  auto started = executor_->submit(request);
  while (!started && started.error().code() == ErrorCode::queue_full && !stop.stop_requested()) {
    world_.clock.sleep_until(world_.clock.monotonic() + std::chrono::seconds(1), stop);
    started = executor_->submit(request);
  }
  if (!started) world_.log.write(LogLevel::warn, "retention", started.error());
}

void Wiring::look_around(std::stop_token stop) {
  const Work work = work_of_daemon(std::move(stop));
  backups_->observe_stores();
  // These warn of what they cannot do.
  (void)backups_->clean_stores(work);
  (void)backups_->end_dead_sessions(work);
  (void)backups_->keep_reconciled(work);
  if (const auto kept = run_logs_.retain(); !kept)
    world_.log.write(LogLevel::warn, "runs.retain", kept.error());
  scrub_what_is_due();
  copy_what_is_due();
}

// What follows a backup comes by itself, and so does what could not be brought then.
void Wiring::copy_what_is_due() {
  const auto config = this->config();
  for (const std::string& name : backups_->copies().due()) {
    const config::BackupJob* const job = config->backup(name);
    if (job == nullptr || copy_in_the_way(*job)) continue;
    const auto started = start_copy(*job, new_correlation_id());
    if (!started) world_.log.write(LogLevel::warn, "copy", started.error());
  }
}

// They follow the backup in a run of their own, which keeps nothing from the job's next backup.
// Where another is in the way, look_around starts them when it has ended.
void Wiring::start_copies(const std::string& name, const CorrelationId& correlation,
                          backup::Outcome& done) {
  const auto config = this->config();
  const config::BackupJob* const job = config->backup(name);
  const json::array* const taken = find_array(done.result, "backups");
  if (taken == nullptr || taken->empty()) return;
  if (job == nullptr || job->options.copies.empty()) return;
  if (const auto before = copy_in_the_way(*job)) {
    done.result["copies_wait_for"] = before->str();
    return;
  }
  const auto started = start_copy(*job, correlation);
  if (started)
    done.result["copy_run"] = started->id.str();
  else
    done.warn(name, {started.error()});
}

Result<jobs::Submitted> Wiring::start_copy(const config::BackupJob& job,
                                           CorrelationId correlation) {
  jobs::RunRequest copy = copy_request(job);
  copy.trigger.by = "daemon";
  copy.correlation_id = std::move(correlation);
  return executor_->submit(std::move(copy));
}

// One that copies into a store of the job's, or any when as many are at work as may be. So what the
// daemon starts never waits: a bucket that is slow must not fill the queue.
std::optional<RunId> Wiring::copy_in_the_way(const config::BackupJob& job) const {
  const auto claims = copy_claims_of(job);
  const auto view = executor_->view();
  std::optional<RunId> any;
  size_t at_work = 0;
  for (const jobs::JobView& one : view->jobs) {
    if (one.kind != "copy") continue;
    for (const auto& run : {one.running, one.queued}) {
      if (!run) continue;
      ++at_work;
      any = run->id;
      if (one.job == job.name() ||
          std::ranges::find_first_of(run->claims, claims) != run->claims.end())
        return run->id;
    }
  }
  return at_work >= kMostCopies ? any : std::nullopt;
}

// One at a time: a second one would wait for the first, and then read the same artefact again.
void Wiring::scrub_what_is_due() {
  if (executor_->view()->at_work("scrub")) return;
  const auto due = backups_->next_scrub();
  if (!due) return;
  jobs::RunRequest scrub = verify_request(*due, backup::VerifyMode::full);
  scrub.kind = "scrub";
  scrub.work = [this, id = *due](jobs::RunContext& context) {
    return outcome_of(backups_->scrub(id, work_of(context, run_logs_)));
  };
  scrub.trigger.by = "schedule";
  scrub.correlation_id = new_correlation_id();
  if (const auto started = executor_->submit(std::move(scrub)); !started) {
    world_.log.write(LogLevel::warn, "scrub", started.error());
  }
}

}  // namespace vigie::daemon
