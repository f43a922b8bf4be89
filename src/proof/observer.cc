#include "proof/observer.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/failpoint.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kWriter = 1;
constexpr auto kStatement = 10s;  // a server that hangs is one that is gone
constexpr auto kComparison = 1min;
constexpr Duration kFirstRetry = 1s;
constexpr Duration kLastRetry = 30s;

constexpr std::string_view kShows =
    "that commits survived a stop and a start of the server that nobody asked for here; whether it "
    "was an orderly stop or a crash is not known";
constexpr std::string_view kShowsNode =
    "that commits survived a restart of the machine, after which only what was written to the disk "
    "is there; not a loss of power, unless that is what it was";

bool differ(const std::string& before, const std::string& now) {
  return !before.empty() && !now.empty() && before != now;
}

Work own_work(const std::stop_token& stop) {
  Work work;
  work.correlation = new_correlation_id();
  work.trigger.by = "daemon";
  work.stop = stop;
  return work;
}

// The one that is written to now, and of those that were wrong the last few.
std::vector<RetiredRows> with_retired(const ObserverState& state, bool keep) {
  std::vector<RetiredRows> retired = state.retired;
  retired.push_back({state.key, keep});
  size_t kept = 0;
  for (auto one = retired.rbegin(); one != retired.rend(); ++one)
    if (one->kept && ++kept > kWrongRowsKept) one->kept = false;
  return retired;
}

}  // namespace

Observer::Observer(const DurabilityRequest& request, ObserverTools tools)
    : options_(request.options),
      server_(request.server),
      dsn_(witness_dsn(server_, options_)),
      own_files_(tools.files, request.folder, options_.name),
      tools_(std::move(tools)) {
  view_.proof = options_.name;
  view_.since = tools_.clock.now();
}

void Observer::observe(const std::stop_token& stop) {
  Duration wait = options_.interval;
  while (!stop.stop_requested()) {
    const MonoTime began = tools_.clock.monotonic();
    const bool written = step(stop).has_value();
    wait = written ? options_.interval : std::clamp(wait * 2, kFirstRetry, kLastRetry);
    tools_.clock.sleep_until(began + wait, stop);
  }
}

Result<> Observer::step(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  auto done = write_next(stop);
  note(done, stop);
  return done;
}

Result<> Observer::write_next(const std::stop_token& stop) {
  TRY(be_ready(stop));
  if (record_.sent[kWriter] >= tools_.most_rows) TRY(turn_over(stop));
  return insert(stop);
}

Result<> Observer::be_ready(const std::stop_token& stop) {
  if (!log_ && !damage_) TRY(open_rows());
  if (!session_) TRY(open_session(stop));
  return {};
}

Result<> Observer::open_rows() {
  const auto is_damage = [](const Error& error) {
    return error.code() == ErrorCode::file_corrupt || error.code() == ErrorCode::file_not_found;
  };
  TRY(own_files_.make_folder());
  auto state = own_files_.read();
  if (!state && is_damage(state.error())) damage_ = state.error();
  if (damage_) return {};
  if (!state) return fail(state.error());
  TRY(own_files_.remove_strays(state->value_or(ObserverState{})));
  if (!*state) return {};  // it has never observed
  state_ = std::move(**state);
  const auto log = own_files_.log(state_->key);
  if (const auto info = tools_.files.info(log); info && away_) view_.last_row_at = info->modified;
  auto resumed = WitnessLog::resume(tools_.files, log, kWriter);
  if (!resumed && is_damage(resumed.error())) damage_ = resumed.error();
  if (damage_) return {};
  if (!resumed) return fail(resumed.error());
  log_ = std::move(resumed->log);
  record_ = std::move(resumed->record);
  return {};
}

Result<> Observer::open_session(const std::stop_token& stop) {
  auto session = tools_.postgres.connect(dsn_, "vigie witness " + options_.name, limits(stop));
  if (!session && session.error().code() == ErrorCode::database_missing)
    return fail(ErrorCode::witness_missing, {{"database", options_.database}});
  if (!session) return fail(session.error());
  session_ = std::move(*session);
  TRY_ASSIGN(const SeenServer seen, look_at_server(stop));
  return meet(seen, stop);
}

// A standby has what the other server has sent it: rows that it does not hold yet are not lost.
Result<SeenServer> Observer::look_at_server(const std::stop_token& stop) {
  SeenServer seen;
  TRY_ASSIGN(seen.settings,
             read_server_settings(*session_, tools_.postgres, server_, limits(stop)));
  TRY_ASSIGN(const auto rows, session_->query("select pg_is_in_recovery()", limits(stop)));
  if (rows->at(0, 0) == "t") return fail(unobserved("the server is a standby, which takes no row"));
  seen.identity = {seen.settings.system_identifier, seen.settings.started_at, tools_.boot_id()};
  return seen;
}

// What is not acknowledged is not sent again under its number, whatever the error says.
Result<> Observer::insert(const std::stop_token& stop) {
  const WitnessRow row{kWriter, ++record_.sent[kWriter]};
  const auto inserted = table().insert(*session_, record_.key, row, limits(stop));
  const auto logged = inserted ? log_->acknowledge(row) : log_->unanswered(row);
  if (!logged) log_.reset();  // read again: it says what is durable
  if (!logged) return logged;
  if (!inserted) return inserted;
  record_.acknowledged[kWriter].insert(row.seq);
  view_.last_row_at = tools_.clock.now();
  away_ = false;
  return {};
}

// Enough rows: they are compared once more, and the next ones begin anew.
Result<> Observer::turn_over(const std::stop_token& stop) {
  TRY_ASSIGN(const SeenServer seen, look_at_server(stop));
  TRY_ASSIGN(auto observation, compare(seen, stop));
  if (!observation.report.verdict->holds())
    return record_wrong_rows(std::move(observation), seen, stop);
  return begin(seen, false, stop);
}

Result<> Observer::meet(const SeenServer& seen, const std::stop_token& stop) {
  if (damage_) return meet_after_damage(seen, stop);
  if (!state_) return begin(seen, false, stop);
  const ServerIdentity& before = state_->server;
  if (differ(before.system_identifier, seen.identity.system_identifier))
    return meet_another_server(seen, stop);
  if (differ(before.postmaster_started_at, seen.identity.postmaster_started_at))
    return meet_after_restart(seen, stop);
  return meet_again(seen, stop);
}

// Only the session was lost. A setting that was off while rows were written counts until the next
// comparison.
Result<> Observer::meet_again(const SeenServer& seen, const std::stop_token& stop) {
  const std::string unsafe = seen.settings.what_is_unsafe();
  if (!unsafe.empty() && state_->unsafe != unsafe) {
    ObserverState next = *state_;
    next.unsafe = unsafe;
    TRY(save(std::move(next)));
  }
  if (acknowledged() == 0) TRY(table().create(*session_, options_, limits(stop)));
  TRY_ASSIGN(const bool there, table().exists(*session_, limits(stop)));
  if (there) return clear_retired(stop);
  TRY_ASSIGN(auto observation, compare(seen, stop));  // somebody has dropped it
  return record_wrong_rows(std::move(observation), seen, stop);
}

Result<> Observer::meet_after_damage(const SeenServer& seen, const std::stop_token& stop) {
  Observation observation;
  observation.started_at = observation.ended_at = tools_.clock.now();
  observation.after = seen.identity;
  observation.report.settings = seen.settings;
  observation.report.error =
      unobserved("what it had noted cannot be read: " + damage_->detail(Audience::everybody));
  TRY(tools_.record(observation, own_work(stop)));
  return begin(seen, false, stop);
}

Result<> Observer::meet_another_server(const SeenServer& seen, const std::stop_token& stop) {
  Observation observation;
  observation.started_at = observation.ended_at = tools_.clock.now();
  observation.before = state_->server;
  observation.after = seen.identity;
  observation.report.settings = seen.settings;
  observation.report.error =
      unobserved(fmt::format("another server answers: its system identifier is {}, and was {}",
                             seen.identity.system_identifier, state_->server.system_identifier));
  TRY(tools_.record(observation, own_work(stop)));
  return begin(seen, false, stop);
}

Result<> Observer::meet_after_restart(const SeenServer& seen, const std::stop_token& stop) {
  TRY_ASSIGN(auto observation, compare(seen, stop));
  observation.before = state_->server;
  observation.node =
      seen.settings.on_this_host && differ(state_->server.boot_id, seen.identity.boot_id);
  observation.report.shows = observation.node ? kShowsNode : kShows;
  if (away_)
    observation.report.deviations.emplace_back(
        "Vigie itself was not at work all the time: the server was away for at most so long");
  if (!observation.report.verdict->holds())
    return record_wrong_rows(std::move(observation), seen, stop);
  if (acknowledged() == 0)
    observation.report.error = unobserved("the witness had written no row before the restart");
  TRY(tools_.record(observation, own_work(stop)));
  platform::failpoint("proof.observer.recorded");
  ObserverState next = *state_;
  next.previous = std::exchange(next.server, seen.identity);
  next.before_restart = acknowledged() == 0 ? 0 : *record_.acknowledged[kWriter].rbegin();
  next.unsafe = seen.settings.what_is_unsafe();
  TRY(save(std::move(next)));
  ++view_.restarts;
  return meet_again(seen, stop);
}

Result<Observation> Observer::compare(const SeenServer& seen, const std::stop_token& stop) {
  Observation observation;
  DurabilityReport& report = observation.report;
  const MonoTime began = tools_.clock.monotonic();
  observation.started_at = tools_.clock.now();
  observation.after = seen.identity;
  report.settings = seen.settings;
  report.deviations = seen.settings.deviations();
  report.shows = kShows;
  if (view_.last_row_at)
    report.durations["down"] = std::max(Duration{0}, observation.started_at - *view_.last_row_at);
  TRY_ASSIGN(auto found, table().rows(*session_, 2 * kMostObservedRows,
                                      {tools_.clock.monotonic() + kComparison, stop}));
  report.verdict = judge_witness(record_, std::move(found));
  const std::string unsafe =
      state_->unsafe.empty() ? seen.settings.what_is_unsafe() : state_->unsafe;
  if (const auto judged = judge_durability(options_.name, *report.verdict, unsafe); !judged)
    report.error = judged.error();
  report.durations["comparison"] =
      std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - began);
  observation.ended_at = tools_.clock.now();
  view_.last_compared_at = observation.ended_at;
  return observation;
}

Result<> Observer::record_wrong_rows(Observation observation, const SeenServer& seen,
                                     const std::stop_token& stop) {
  if (!observation.before)
    observation.report.deviations.emplace_back("no restart was seen before it");
  TRY(tools_.record(observation, own_work(stop)));
  return begin(seen, true, stop);
}

Result<DurabilityReport> Observer::compare_now(const Work& work) {
  const std::lock_guard lock(mutex_);
  const auto ready = be_ready(work.stop);
  note(ready, work.stop);
  TRY(ready);
  TRY_ASSIGN(const SeenServer seen, look_at_server(work.stop));
  TRY_ASSIGN(Observation observation, compare(seen, work.stop));
  observation.report.durations.erase("down");
  const bool holds = observation.report.verdict->holds();
  if (holds && state_->before_restart == 0) {
    observation.report.error =
        unobserved("all rows are there, and the server has not restarted since " +
                   format_rfc3339(state_->began_at));
    return std::move(observation.report);
  }
  observation.before = state_->previous;
  observation.report.deviations.emplace_back("compared because somebody asked for it");
  TRY(tools_.record(observation, work));
  if (!holds) TRY(begin(seen, true, work.stop));
  return std::move(observation.report);
}

Error Observer::unobserved(std::string reason) const {
  return Error(ErrorCode::durability_unobserved,
               {{"name", options_.name}, {"reason", std::move(reason)}});
}

// The order is that of docs/formats/observed-1.md: a crash in between leaves nothing unknown.
Result<> Observer::begin(const SeenServer& seen, bool keep_old, const std::stop_token& stop) {
  ObserverState next;
  next.key = new_run_id().str();
  next.began_at = tools_.clock.now();
  next.server = seen.identity;
  next.unsafe = seen.settings.what_is_unsafe();
  if (state_) next.retired = with_retired(*state_, keep_old);
  TRY_ASSIGN(auto log, WitnessLog::create(tools_.files, own_files_.log(next.key), next.key));
  platform::failpoint("proof.observer.log");
  TRY(save(std::move(next)));
  platform::failpoint("proof.observer.state");
  log_ = std::move(log);
  damage_.reset();
  record_ = {};
  record_.key = state_->key;
  TRY(table().create(*session_, options_, limits(stop)));
  return clear_retired(stop);
}

Result<> Observer::save(ObserverState state) {
  TRY(own_files_.write(state));
  state_ = std::move(state);
  return {};
}

Result<> Observer::clear_retired(const std::stop_token& stop) {
  const auto done = [](const RetiredRows& one) { return !one.kept; };
  if (std::ranges::none_of(state_->retired, done)) return {};
  for (const RetiredRows& one : state_->retired) {
    if (one.kept) continue;
    TRY(WitnessTable(observed_table(one.key)).drop(*session_, limits(stop)));
    TRY(own_files_.remove_log(one.key));
  }
  ObserverState next = *state_;
  std::erase_if(next.retired, done);
  return save(std::move(next));
}

WitnessTable Observer::table() const {
  return WitnessTable(observed_table(state_->key));
}

uint64_t Observer::acknowledged() const {
  const auto found = record_.acknowledged.find(kWriter);
  return found == record_.acknowledged.end() ? 0 : found->second.size();
}

// Whoever stops it is no trouble. After an error nobody knows what the session is worth.
void Observer::note(const Result<>& done, const std::stop_token& stop) {
  if (!done) session_.reset();
  if (!done && stop.stop_requested()) return;
  if (done && trouble_) tools_.tell(std::nullopt);
  if (!done && !trouble_) {
    tools_.tell(done.error());
    view_.not_observing_since = tools_.clock.now();
  }
  if (done) view_.not_observing_since.reset();
  trouble_ = done ? std::nullopt : std::optional(done.error());
  view_.error_code = done ? "" : done.error().info().name;
  view_.rows = acknowledged();
  if (state_) view_.since = state_->began_at;
  tools_.publish(view_);
}

CallLimits Observer::limits(const std::stop_token& stop) const {
  return {tools_.clock.monotonic() + kStatement, stop};
}

}  // namespace vigie::proof
