// What a new session of an observer finds, and what it makes of that.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "platform/failpoint.h"
#include "proof/observer.h"
#include "proof/sync_speed.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kComparison = 1min;

constexpr std::string_view kShows =
    "that commits survived a stop and a start of the server that nobody asked for here; whether it "
    "was an orderly stop or a crash is not known";
constexpr std::string_view kShowsNode =
    "that commits survived a restart of the machine, after which only what was written to the disk "
    "is there; not a loss of power, unless that is what it was";
constexpr std::string_view kShowsRecovery =
    "that commits survived a crash of a process of the server, after which the same postmaster "
    "recovered from the WAL; neither a restart of the postmaster nor fsync";

constexpr std::string_view kShowsPod =
    "that commits survived the replacement of the server's pod: the next one has the same data; "
    "whether the server stopped in order is not known, and not fsync: the node may have lived on";

constexpr std::string_view kPromoted =
    "the server is on another timeline: it was promoted, or restored to a moment, and nothing was "
    "read from the disk that the rows were written to";

// Of two machines, or of a server that says when it started.
constexpr Duration kClockJitter = std::chrono::seconds(5);

// The statistics are another's, and all of one moment: nobody has reset one kind of them by hand.
bool has_recovered(const ServerIdentity& before, const SeenServer& seen) {
  return seen.forgot_statistics &&
         differ(before.statistics_began_at, seen.identity.statistics_began_at);
}

// What cannot be read now is still what it was; but another postmaster may run in another pod.
ServerIdentity completed(ServerIdentity now, const ServerIdentity& before) {
  if (now.cluster.system_identifier.empty())
    now.cluster.system_identifier = before.cluster.system_identifier;
  if (now.cluster.timeline.empty()) now.cluster.timeline = before.cluster.timeline;
  if (now.statistics_began_at.empty()) now.statistics_began_at = before.statistics_began_at;
  if (now.boot_id.empty()) now.boot_id = before.boot_id;
  const bool other = differ(now.postmaster_started_at, before.postmaster_started_at);
  if (now.pod_uid.empty() && !other) now.pod_uid = before.pod_uid;
  return now;
}

std::string_view what_it_shows(const Observation& observation) {
  if (observation.recovery) return kShowsRecovery;
  if (observation.replaced) return kShowsPod;
  return observation.node ? kShowsNode : kShows;
}

}  // namespace

Result<> Observer::meet(const SeenServer& seen, const std::stop_token& stop) {
  if (damage_) return meet_after_damage(seen, stop);
  if (!state_) return begin(seen, false, stop);
  const ServerIdentity& before = state_->server;
  if (differ(before.cluster.system_identifier, seen.identity.cluster.system_identifier))
    return meet_another_server(seen, stop);
  if (differ(before.postmaster_started_at, seen.identity.postmaster_started_at) ||
      has_recovered(before, seen))
    return meet_after_restart(seen, stop);
  return meet_again(seen, stop);
}

// Only the session was lost, as far as can be seen: the rows are looked at all the same.
Result<> Observer::meet_again(const SeenServer& seen, const std::stop_token& stop) {
  TRY(remember(seen));
  if (acknowledged() == 0) return go_on(stop);
  TRY_ASSIGN(auto observation, compare(seen, stop));
  if (observation.report.verdict->holds()) return go_on(stop);
  return record_wrong_rows(observation, seen, own_work(stop));
}

Result<> Observer::go_on(const std::stop_token& stop) {
  if (acknowledged() == 0) TRY(make_table(stop));
  return clear_retired(stop);
}

// A setting that was off while rows were written counts until the next comparison.
Result<> Observer::remember(const SeenServer& seen) {
  ObserverState next = *state_;
  next.server = completed(seen.identity, state_->server);
  if (next.unsafe.empty()) next.unsafe = seen.settings.what_is_unsafe();
  if (next.server == state_->server && next.unsafe == state_->unsafe) return {};
  return save(std::move(next));
}

Result<> Observer::meet_after_damage(const SeenServer& seen, const std::stop_token& stop) {
  TRY(tools_.record(nothing_compared(seen, "what it had noted cannot be read: " +
                                               damage_->detail(Audience::everybody)),
                    own_work(stop)));
  return begin(seen, false, stop);
}

Result<> Observer::meet_another_server(const SeenServer& seen, const std::stop_token& stop) {
  Observation observation = nothing_compared(
      seen, fmt::format("another server answers: its system identifier is {}, and was {}",
                        seen.identity.cluster.system_identifier,
                        state_->server.cluster.system_identifier));
  observation.before = state_->server;
  TRY(tools_.record(observation, own_work(stop)));
  return begin(seen, false, stop);
}

Observation Observer::nothing_compared(const SeenServer& seen, std::string reason) const {
  Observation observation;
  observation.started_at = observation.ended_at = tools_.clock.now();
  observation.after = seen.identity;
  observation.report.settings = seen.settings;
  observation.report.error = unobserved(std::move(reason));
  return observation;
}

Result<> Observer::meet_after_restart(const SeenServer& seen, const std::stop_token& stop) {
  TRY_ASSIGN(auto observation, compare(seen, stop));
  DurabilityReport& report = observation.report;
  observation.before = state_->server;
  observation.recovery =
      !differ(state_->server.postmaster_started_at, seen.identity.postmaster_started_at);
  observation.node = !observation.recovery && seen.settings.on_this_host &&
                     differ(state_->server.boot_id, seen.identity.boot_id);
  observation.replaced =
      !observation.recovery && differ(state_->server.pod_uid, seen.identity.pod_uid);
  report.shows = what_it_shows(observation);
  auto shared = observation.node ? what_shared_disk_says(seen.settings, tools_.files,
                                                         own_files_.log(state_->key).parent_path())
                                 : std::nullopt;
  if (shared) report.deviations.push_back(std::move(*shared));
  if (away_)
    report.deviations.emplace_back(
        "Vigie itself was not at work all the time: the server was away for at most so long");
  // What a promoted one does not have is lost all the same.
  if (is_another(state_->server.cluster, seen.identity.cluster)) {
    report.deviations.emplace_back(kPromoted);
    if (!report.error) report.error = unobserved(std::string(kPromoted));
  }
  if (!report.verdict->holds()) return record_wrong_rows(observation, seen, own_work(stop));
  judge_silence(observation, observation.recovery ? seen.statistics_began_at : seen.started_at);
  TRY(tools_.record(observation, own_work(stop)));
  platform::failpoint("proof.observer.recorded");
  ObserverState next = *state_;
  next.previous = std::exchange(next.server, completed(seen.identity, state_->server));
  next.before_restart = report.error ? 0 : *record_.acknowledged[kWriter].rbegin();
  next.unsafe = seen.settings.what_is_unsafe();
  TRY(save(std::move(next)));
  ++view_.restarts;
  return go_on(stop);
}

// Between its last row and the restart the server may have taken others, and lost them.
void Observer::judge_silence(Observation& observation, SystemTime restarted_at) const {
  const Duration most = kRowsOfSilence * options_.interval + kMostSilence +
                        (observation.node ? kMachineStart : Duration{0});
  auto& error = observation.report.error;
  if (acknowledged() == 0) {
    error = unobserved("the witness had written no row before the restart");
    return;
  }
  if (!view_.last_row_at) {
    error = unobserved("when the last row before the restart was acknowledged is not noted");
    return;
  }
  // A restart ends the session, and what it takes after that it takes in another one.
  if (*view_.last_row_at > restarted_at + kClockJitter) {
    if (!error)
      error = unobserved(
          "rows were acknowledged after that moment: it was no restart of the server that took "
          "them");
    return;
  }
  const Duration age = std::max(Duration{0}, restarted_at - *view_.last_row_at);
  observation.report.durations["last_row_age"] = age;
  if (age > most && !error)
    error = unobserved(fmt::format(
        "the last row that was acknowledged is {} older than the restart, and may be {}: of what "
        "the server acknowledged in between nothing is known",
        format_duration(std::chrono::round<std::chrono::seconds>(age)), format_duration(most)));
}

Result<Observation> Observer::compare(const SeenServer& seen, const std::stop_token& stop) {
  Observation observation;
  DurabilityReport& report = observation.report;
  const MonoTime began = tools_.clock.monotonic();
  observation.started_at = tools_.clock.now();
  observation.after = seen.identity;
  observation.pod = seen.pod;
  report.settings = seen.settings;
  report.deviations = seen.settings.deviations();
  report.deviations.insert(report.deviations.end(), seen.unknown_of_pod.begin(),
                           seen.unknown_of_pod.end());
  report.shows = kShows;
  if (view_.last_row_at)
    report.durations["down"] = std::max(Duration{0}, seen.at - *view_.last_row_at);
  TRY_ASSIGN(auto found, table().rows(*session_, 2 * kMostObservedRows,
                                      {tools_.clock.monotonic() + kComparison, stop}));
  report.verdict = judge_witness(record_, std::move(found));
  const std::string now_unsafe = seen.settings.what_is_unsafe();
  const std::string& unsafe = state_->unsafe.empty() ? now_unsafe : state_->unsafe;
  if (now_unsafe.empty() && !unsafe.empty())
    report.deviations.push_back(unsafe + " was off while rows were written, and is on again");
  if (const auto judged = judge_durability(options_.name, *report.verdict, unsafe); !judged)
    report.error = judged.error();
  report.durations["comparison"] =
      std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - began);
  observation.ended_at = tools_.clock.now();
  view_.last_compared_at = observation.ended_at;
  return observation;
}

// Wrong as the server is, or as what is noted of it here.
Result<> Observer::record_wrong_rows(Observation& observation, const SeenServer& seen,
                                     const Work& work) {
  DurabilityReport& report = observation.report;
  TRY_ASSIGN(const bool older, is_older_than_server(*report.verdict, work.stop));
  if (older) {
    report.verdict.reset();
    report.error = unobserved(
        "the state folder is older than the server's table: rows are there that were written with "
        "its keys, and it has noted nothing of them. Was it put back from a copy");
  }
  if (!observation.before) report.deviations.emplace_back("no restart was seen before it");
  TRY(tools_.record(observation, work));
  return begin(seen, !older, work.stop);
}

// Only who has the keys can have written such rows, or made such a table:
// docs/formats/observed-1.md.
Result<bool> Observer::is_older_than_server(const WitnessVerdict& verdict,
                                            const std::stop_token& stop) {
  TRY_ASSIGN(const auto tables, tables_named(*session_, kObservedTables, limits(stop)));
  later_ = later_generations(*state_, tables);
  return verdict.is_newer_than_its_log() || (verdict.finds_nothing() && !later_.empty());
}

Result<DurabilityReport> Observer::compare_now(const Work& work) {
  TRY_ASSIGN(const auto turn, turns_.take(work.limits(), "the comparison"));
  const auto ready = be_ready(work.stop);
  note(ready, work.stop);
  TRY(ready);
  TRY_ASSIGN(const SeenServer seen, look_at_server(work.stop));
  TRY_ASSIGN(Observation observation, compare(seen, work.stop));
  DurabilityReport& report = observation.report;
  report.durations.erase("down");
  const bool holds = report.verdict->holds();
  if (holds && state_->before_restart == 0) {
    report.error = unobserved("all rows are there; since " + format_rfc3339(state_->began_at) +
                              " there was no restart, or the last could not be judged");
    return std::move(report);
  }
  observation.before = state_->previous;
  report.deviations.emplace_back("compared because somebody asked for it");
  if (holds)
    TRY(tools_.record(observation, work));
  else
    TRY(record_wrong_rows(observation, seen, work));
  return std::move(report);
}

Error Observer::unobserved(std::string reason) const {
  return Error(ErrorCode::durability_unobserved,
               {{"name", options_.name}, {"reason", std::move(reason)}});
}

}  // namespace vigie::proof
