#include "daemon/durability.h"

#include <algorithm>

#include "daemon/convert.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using platform::LogLevel;
using proof::DurabilityMode;

constexpr Duration kLeastSilence = 5min;
constexpr int kIntervalsOfSilence = 10;
constexpr auto kReloadPatience = 2s;
constexpr auto kSkew = 5min;    // a clock that was set back makes no note of the future
constexpr auto kOwedFor = 24h;  // after that, somebody may have stopped the server on purpose

CallLimits within(std::chrono::milliseconds patience) {
  return {MonoTime::clock::now() + patience, {}};
}

bool observes(const config::Durability& proof) {
  return proof.options.mode == DurabilityMode::observe;
}

json::object result_of(const proof::DurabilityReport& report) {
  json::object result{{"shows", report.shows}};
  if (report.verdict) {
    result["acknowledged"] = report.verdict->acknowledged;
    result["present"] = report.verdict->present;
    result["lost"] = report.verdict->lost.size();
    result["indeterminate"] =
        report.verdict->indeterminate_there + report.verdict->indeterminate_absent;
  }
  if (report.pods) result["pods"] = report.pods->to_json();
  for (const auto& [step, time] : report.durations) result[step + "_s"] = to_seconds(time);
  return result;
}

}  // namespace

std::vector<proof::DurabilityPlanView> durability_plans(const config::Config& config) {
  std::vector<proof::DurabilityPlanView> plans;
  for (const config::Durability& one : config.durability)
    plans.push_back({one.name(), one.options.database, observes(one),
                     std::max(kLeastSilence, one.options.interval * kIntervalsOfSilence)});
  return plans;
}

Durability::Durability(proof::ProofRoom& proofs, platform::FileSystem& files,
                       const platform::Clock& clock, platform::Logger& log, platform::Path state)
    : proofs_(proofs), files_(files), clock_(clock), log_(log), state_(std::move(state)) {}

void Durability::configure(const config::Config& config) {
  const auto turn = turns_.take(within(kReloadPatience), "a reload of the proofs");
  if (!turn)
    return log_.write(LogLevel::error, "durability.observer",
                      "a comparison is under way: the next reload takes the proofs over", {});
  config_ = std::make_shared<const config::Config>(config);
  end_observers(kReloadPatience);
  for (const config::Durability& proof : config.durability)
    if (observes(proof)) add_observer(config, proof);
}

void Durability::end_observers(std::chrono::milliseconds patience) {
  for (const auto& [name, one] : observers_) one->thread.request_stop();
  for (auto one = observers_.begin(); one != observers_.end();) {
    if (!one->second->thread.ends_within(patience)) hung_.push_back(std::move(one->second));
    proofs_.forget_observer(one->first);
    one = observers_.erase(one);
  }
}

void Durability::add_observer(const config::Config& config, const config::Durability& proof) {
  const std::string& name = proof.name();
  std::erase_if(hung_, [](const auto& one) { return one->thread.ended(); });
  const auto hangs = [&](const auto& one) { return one->observer->name() == name; };
  if (std::ranges::any_of(hung_, hangs)) {
    log_.write(
        LogLevel::error, "durability.observer",
        "the one before hangs and holds its files: this one begins at the next reload or start",
        {{"proof", name}});
    return;
  }
  const auto warn = [this, name](const std::string& table, const Error& trouble) {
    log_.write(LogLevel::warn, "durability.leftover", trouble, {{"proof", name}, {"table", table}});
  };
  const auto tell = [this, name](const std::optional<Error>& trouble) {
    if (trouble)
      log_.write(LogLevel::warn, "durability.observer", *trouble, {{"proof", name}});
    else
      log_.write(LogLevel::info, "durability.observer", "it writes again", {{"proof", name}});
  };
  auto one = std::make_unique<Observing>();
  one->observer = proofs_.make_observer(request_of(config, proof.options), tell, warn);
  if (started_) launch(*one);
  observers_.emplace(name, std::move(one));
}

void Durability::launch(Observing& one) {
  one.thread.start(
      [observer = one.observer.get()](const std::stop_token& stop) { observer->observe(stop); });
}

void Durability::start() {
  const auto turn = turns_.take(no_limits(), "the start of the proofs");
  started_ = true;
  for (const auto& [name, one] : observers_) launch(*one);
  owed_.start([this, config = config_](const std::stop_token& stop) {
    settle_owed_starts(*config, stop);
    settle_owed_reboots(*config, stop);
  });
}

bool Durability::stop(std::chrono::milliseconds patience) {
  owed_.request_stop();
  const auto turn = turns_.take(within(patience), "the end of the proofs");
  if (!turn) return false;  // somebody compares, and hangs
  end_observers(patience);
  const bool all_ended =
      std::ranges::all_of(hung_, [](const auto& one) { return one->thread.ended(); });
  return owed_.ends_within(patience) && all_ended;
}

void Durability::settle_owed_starts(const config::Config& config, const std::stop_token& stop) {
  const auto names = proof::OwedStarts(files_, state_ / "durability").proofs();
  if (!names) return log_.write(LogLevel::error, "durability.owed_start", names.error());
  for (const std::string& name : *names) {
    if (stop.stop_requested()) return;
    if (const auto settled = settle_owed_start(config, name, work_of_daemon(stop)); !settled)
      log_.write(LogLevel::error, "durability.owed_start", settled.error(), {{"proof", name}});
  }
}

Result<> Durability::settle_owed_start(const config::Config& config, const std::string& name,
                                       const Work& work) {
  const proof::OwedStarts notes(files_, state_ / "durability");
  TRY_ASSIGN(const auto owed, notes.read(name));
  const config::Durability* const proof = config.proof_of_durability(name);
  const bool can_start = proof != nullptr && !proof->options.start.empty();
  if (can_start && clock_.now() - owed.at < kOwedFor && owed.at <= clock_.now() + kSkew)
    return proofs_.settle_owed_start(request_of(config, proof->options), owed, work);
  log_.write(LogLevel::warn, "durability.owed_start",
             can_start ? "the fault is more than a day ago: nothing is started"
                       : "the configuration does not say any more how the server is started",
             {{"proof", name}, {"at", format_rfc3339(owed.at)}});
  return notes.settle(name);
}

void Durability::settle_owed_reboots(const config::Config& config, const std::stop_token& stop) {
  const proof::OwedReboots notes(files_, state_ / "durability");
  const auto names = notes.proofs();
  if (!names) return log_.write(LogLevel::error, "durability.owed_reboot", names.error());
  for (const std::string& name : *names) {
    if (stop.stop_requested()) return;
    if (const auto settled = settle_owed_reboot(config, name, work_of_daemon(stop)); !settled)
      log_.write(LogLevel::error, "durability.owed_reboot", settled.error(), {{"proof", name}});
  }
}

Result<> Durability::settle_owed_reboot(const config::Config& config, const std::string& name,
                                        const Work& work) {
  const proof::OwedReboots notes(files_, state_ / "durability");
  TRY_ASSIGN(const auto owed, notes.read(name));
  const config::Durability* const proof = config.proof_of_durability(name);
  if (proof != nullptr && proof->options.fault == proof::Fault::node_reboot)
    return proofs_.settle_owed_reboot(request_of(config, proof->options), owed, work);
  log_.write(LogLevel::warn, "durability.owed_reboot",
             "the configuration has no such proof any more: nothing is compared",
             {{"proof", name}, {"at", format_rfc3339(owed.at)}});
  return notes.settle(name);
}

proof::DurabilityRequest Durability::request_of(const config::Config& config,
                                                const proof::DurabilityOptions& options) const {
  const backup::DatabaseOptions* const database = config.database(options.database);
  return {options, database == nullptr ? platform::Dsn{} : database->dsn, state_ / "witness",
          state_ / "durability"};
}

// Held meanwhile: a reload would put another one over the same files.
Result<proof::DurabilityReport> Durability::compare_now(const std::string& name, const Work& work) {
  TRY_ASSIGN(const auto turn, turns_.take(work.limits(), "a comparison before this one"));
  const auto found = observers_.find(name);
  if (found == observers_.end()) return fail(ErrorCode::durability_not_found, {{"name", name}});
  return found->second->observer->compare_now(work);
}

jobs::RunOutcome Durability::run(const config::Config& config, const config::Durability& proof,
                                 const Work& work) {
  const auto report = observes(proof) ? compare_now(proof.name(), work)
                                      : proofs_.prove(request_of(config, proof.options), work);
  if (!report) return {proof::verdict_on_server(report.error()), report.error()};
  json::object result = result_of(*report);
  if (report->error)
    return {proof::verdict_on_server(*report->error), *report->error, std::move(result)};
  return jobs::RunOutcome::succeeded(std::move(result));
}

}  // namespace vigie::daemon
