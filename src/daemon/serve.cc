#include "daemon/serve.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "api/server.h"
#include "api/server_options.h"
#include "config/report.h"
#include "daemon/beside.h"
#include "daemon/convert.h"
#include "daemon/preflight_times.h"
#include "jobs/scheduler.h"
#include "platform/service_manager.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using platform::LogLevel;

constexpr Duration kStopLimit = 9500ms;  // out within ten seconds, whatever hangs

jobs::ScheduledJob due_as(const jobs::TimingOptions& timing) {
  jobs::ScheduledJob out;
  out.schedule = timing.schedule->text() + " " + timing.zone.name();
  out.next = [schedule = *timing.schedule, zone = timing.zone](SystemTime after) {
    return schedule.next_after(zone, after);
  };
  out.window = timing.window;
  out.catch_up = timing.catch_up;
  return out;
}

jobs::ScheduledJob scheduled(Wiring& wiring, const config::BackupJob& job) {
  jobs::ScheduledJob out = due_as(job.timing);
  out.job = job.name();
  out.kind = "backup";
  out.request = [&wiring, job](SystemTime) {
    return wiring.backup_request(job, {.by = "schedule"}, new_correlation_id());
  };
  return out;
}

// What the backup would find, while there is time to mend it.
jobs::ScheduledJob scheduled_preflight(Wiring& wiring, const config::BackupJob& job,
                                       const jobs::ScheduledJob& backup) {
  jobs::ScheduledJob out;
  out.job = backup.job;
  out.kind = "preflight";
  out.schedule = "before " + backup.schedule;
  out.next = preflight_times(backup.next);
  out.window = kPreflightLead;
  out.request = [&wiring, job](SystemTime) { return wiring.preflight_request(job); };
  return out;
}

jobs::ScheduledJob scheduled(Wiring& wiring, const config::Drill& drill) {
  jobs::ScheduledJob out = due_as(drill.timing);
  out.job = drill.name();
  out.kind = "drill";
  out.request = [&wiring, drill](SystemTime) {
    jobs::RunRequest request = wiring.drill_request(drill, {.drill = drill.name()});
    request.trigger.by = "schedule";
    return request;
  };
  return out;
}

jobs::ScheduledJob scheduled(Wiring& wiring, const config::Durability& proof) {
  jobs::ScheduledJob out = due_as(proof.timing);
  out.job = proof.name();
  out.kind = "durability";
  out.request = [&wiring, proof](SystemTime) {
    jobs::RunRequest request = wiring.durability_request(proof);
    request.trigger.by = "schedule";
    return request;
  };
  return out;
}

jobs::ScheduledJob scheduled(Wiring& wiring, const config::Amcheck& amcheck) {
  jobs::ScheduledJob out = due_as(amcheck.timing);
  out.job = amcheck.name();
  out.kind = "amcheck";
  out.request = [&wiring, amcheck](SystemTime) {
    jobs::RunRequest request = wiring.amcheck_request(amcheck);
    request.trigger.by = "schedule";
    return request;
  };
  return out;
}

std::vector<jobs::ScheduledJob> scheduled_jobs(Wiring& wiring) {
  std::vector<jobs::ScheduledJob> jobs;
  const auto config = wiring.config();
  for (const config::BackupJob& job : config->backups) {
    if (!job.timing.schedule) continue;
    const auto& backup = jobs.emplace_back(scheduled(wiring, job));
    if (has_preflight(backup.next, wiring.world().clock.now()))
      jobs.push_back(scheduled_preflight(wiring, job, backup));
  }
  for (const config::Drill& drill : config->drills)
    if (drill.timing.schedule) jobs.push_back(scheduled(wiring, drill));
  for (const config::Durability& proof : config->durability)
    if (proof.timing.schedule) jobs.push_back(scheduled(wiring, proof));
  for (const config::Amcheck& amcheck : config->amchecks)
    if (amcheck.timing.schedule) jobs.push_back(scheduled(wiring, amcheck));
  return jobs;
}

std::string ports_text(const config::Config& config) {
  return config.server.listen.is_socket()
             ? config.server.listen.socket
             : fmt::format("{}:{}", config.server.listen.host, config.server.listen.port);
}

class Daemon {
 public:
  explicit Daemon(std::unique_ptr<Wiring> wiring)
      : wiring_(std::move(wiring)), log_(wiring_->world().log) {}

  Result<> start();
  void run();
  bool stop();

 private:
  void set_jobs();
  void ask_for_reload();
  void reload_when_asked(const std::stop_token& stop);
  void reload();
  void look_around(std::stop_token stop);
  void look_after_state(std::stop_token stop);
  void fit_connections(api::EngineLimits& limits);

  std::unique_ptr<Wiring> wiring_;
  platform::Logger& log_;
  std::unique_ptr<api::Server> server_;
  std::unique_ptr<jobs::Scheduler> scheduler_;
  std::mutex jobs_mutex_;  // what was configured last is set last
  std::mutex asked_mutex_;
  std::condition_variable_any asked_changed_;
  bool reload_asked_ = false;  // guarded by asked_mutex_
  Beside reloads_;
  Beside beside_;  // settles after the start, then looks around
  Beside state_;   // looks after the state folder, whatever the stores do
};

void Daemon::set_jobs() {
  const std::lock_guard lock(jobs_mutex_);
  if (const auto set = scheduler_->set_jobs(scheduled_jobs(*wiring_)); !set) {
    log_.write(LogLevel::error, "schedule", set.error());
  }
}

Result<> Daemon::start() {
  const auto config = wiring_->config();
  const platform::Path socket = platform::Path(config->state.dir) / "vigie.sock";
  // The lock is ours: a socket that is still there belongs to a process that is gone.
  (void)wiring_->world().files.remove_file(socket);
  auto limits = api::engine_limits(config->server);
  fit_connections(limits);
  TRY_ASSIGN(server_,
             api::Server::start(api::listen_on(config->server, socket), wiring_->api().handler(),
                                wiring_->api().refusal(), wiring_->world().clock, limits));
  wiring_->api().set_stats([server = server_.get()] { return server->stats(); });
  jobs::SchedulerHooks hooks;
  hooks.missed = [this](const jobs::MissedRuns& missed) -> Result<> {
    if (missed.kind != "backup") return {};  // nobody waits for a preflight
    return wiring_->record_missed(missed);
  };
  hooks.clock_went_back = [this](SystemTime before, SystemTime now) {
    log_.write(LogLevel::warn, "clock", "the clock went back: due times count from now",
               {{"before", format_rfc3339(before)}, {"now", format_rfc3339(now)}});
    if (const auto recorded = wiring_->record_clock(before, now); !recorded)
      log_.write(LogLevel::error, "ledger.append", recorded.error());
  };
  scheduler_ = std::make_unique<jobs::Scheduler>(wiring_->executor(), wiring_->world().clock,
                                                 std::move(hooks));
  // Before the first jobs are set: the server answers already, and may be asked for a reload.
  wiring_->on_reload([this] {
    set_jobs();
    return server_->reload_tls();
  });
  set_jobs();
  wiring_->start_copies();
  wiring_->start_durability();
  reloads_.start([this](const std::stop_token& stop) { reload_when_asked(stop); });
  beside_.start([this](std::stop_token stop) { look_around(std::move(stop)); });
  state_.start([this](std::stop_token stop) { look_after_state(std::move(stop)); });
  return {};
}

void Daemon::look_around(std::stop_token stop) {
  wiring_->settle(stop);
  const platform::Clock& clock = wiring_->world().clock;
  while (clock.sleep_until(clock.monotonic() + 15s, stop)) wiring_->look_around(stop);
}

void Daemon::look_after_state(std::stop_token stop) {
  const platform::Clock& clock = wiring_->world().clock;
  do {
    wiring_->prove_writable();
    wiring_->verify_ledger_when_due();
    wiring_->check_itself_when_due();
  } while (clock.sleep_until(clock.monotonic() + 15s, stop));
}

// Better to tell the last client that there is no room than to have no descriptor for a backup.
void Daemon::fit_connections(api::EngineLimits& limits) {
  const size_t fits = std::max<size_t>(api::reserve_descriptors(limits), 1);
  if (fits >= limits.connections) return;
  log_.write(LogLevel::warn, "server.connections",
             fmt::format("the limit of open files of this process leaves room for {} connections "
                         "of {}",
                         fits, limits.connections));
  limits.connections = fits;
}

void Daemon::ask_for_reload() {
  const std::lock_guard lock(asked_mutex_);
  reload_asked_ = true;
  asked_changed_.notify_all();
}

// Asked for again meanwhile: once more.
void Daemon::reload_when_asked(const std::stop_token& stop) {
  while (true) {
    {
      std::unique_lock lock(asked_mutex_);
      if (!asked_changed_.wait(lock, stop, [&] { return reload_asked_; })) return;
      reload_asked_ = false;
    }
    reload();
  }
}

void Daemon::reload() {
  platform::notify_service_manager("RELOADING=1");
  const ledger::Trigger trigger{"human", "signal", new_correlation_id(), {}};
  (void)wiring_->reload(trigger, "SIGHUP", "");  // which tells it: log, ledger, status
  platform::notify_service_manager("READY=1");
}

// How long the main thread waits for a signal at most: the watchdog wants to hear of it.
timespec tick() {
  const auto longest = std::chrono::nanoseconds(1s);
  const auto period = std::min<std::chrono::nanoseconds>(
      longest, platform::watchdog_period().value_or(std::chrono::seconds(1)));
  return {period / 1s, (period % 1s).count()};
}

// The main thread does nothing but wait for signals, and tells the watchdog that it does: what may
// wait for a disk is done beside it.
void Daemon::run() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  const timespec period = tick();
  platform::notify_service_manager("READY=1");
  while (true) {
    wiring_->observe_memory();
    const int signal = ::sigtimedwait(&signals, nullptr, &period);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) ask_for_reload();
    platform::notify_service_manager("WATCHDOG=1");
  }
}

// Whoever looks into the journal for it is told what to do as well.
int not_started(platform::Logger& log, const Error& why) {
  log.write(LogLevel::error, "daemon.start", why, {{"next", why.remedy(Audience::operators)}});
  return why.info().exit_code;
}

[[noreturn]] void leave(platform::Logger& log) {
  log.write(LogLevel::warn, "daemon.stopped", "some work did not return in time");
  std::_Exit(0);  // its threads are still at work: nothing may be torn down under them
}

// Each step of a stop has its own patience; together, or behind a lock whose owner waits for a disk
// that hangs, they must not take longer than the whole may.
std::jthread leave_late(platform::Logger& log, const platform::Clock& clock) {
  return std::jthread(
      [&log, &clock, limit = clock.monotonic() + kStopLimit](const std::stop_token& stop) {
        if (clock.sleep_until(limit, stop)) leave(log);
      });
}

bool Daemon::stop() {
  const auto limit = leave_late(log_, wiring_->world().clock);
  platform::notify_service_manager("STOPPING=1");
  log_.write(LogLevel::info, "daemon.stopping", "no new work; what runs is cancelled");
  beside_.request_stop();
  state_.request_stop();
  reloads_.request_stop();
  scheduler_->stop();
  const bool clean = wiring_->shut_down();
  // Both may be at a reload, which uses the server.
  if (!reloads_.ends_within(1s) || !clean) return false;
  server_.reset();
  // A file system that hangs holds them, and nothing can interrupt that.
  const bool looked = beside_.ends_within(1s);
  return state_.ends_within(1s) && looked && clean;
}

}  // namespace

int serve(World world, const platform::Path& config_path) {
  platform::Logger& log = world.log;
  const auto loaded = config::load(world.files, config_path);
  if (!loaded.config) {
    const std::string text = config::as_text(loaded);
    std::fwrite(text.data(), 1, text.size(), stderr);
    return 2;
  }
  const SystemTime began = world.clock.now();
  const platform::Clock& clock = world.clock;
  auto wiring = Wiring::open(std::move(world), *loaded.config, config_path);
  if (!wiring) return not_started(log, wiring.error());
  Daemon daemon(std::move(*wiring));
  if (const auto started = daemon.start(); !started) return not_started(log, started.error());
  log.write(LogLevel::info, "daemon.ready", "serving",
            {{"listen", ports_text(*loaded.config)},
             {"duration_ms", milliseconds_of(clock.now() - began)}});
  daemon.run();
  if (!daemon.stop()) leave(log);
  log.write(LogLevel::info, "daemon.stopped", "everything that ran was recorded");
  return 0;
}

}  // namespace vigie::daemon
