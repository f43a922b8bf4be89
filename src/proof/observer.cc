#include "proof/observer.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/failpoint.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kStatement = 10s;  // a server that hangs is one that is gone
constexpr Duration kFirstRetry = 1s;
constexpr Duration kLastRetry = 30s;

constexpr std::string_view kMoment = R"sql(
select (extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000000)::bigint,
       to_char(w.stats_reset at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       (extract(epoch from clock_timestamp() - w.stats_reset) * 1000000)::bigint,
       w.stats_reset = a.stats_reset
from pg_stat_bgwriter w, pg_stat_archiver a)sql";

// The one that is written to now, and of those that were wrong the last few.
std::vector<RetiredRows> with_retired(const ObserverState& state, bool keep) {
  std::vector<RetiredRows> retired = state.retired;
  retired.push_back({state.key, keep});
  size_t kept = 0;
  for (auto one = retired.rbegin(); one != retired.rend(); ++one)
    if (one->kept && ++kept > kWrongRowsKept) one->kept = false;
  return retired;
}

// Those that were told and cannot be dropped would fill the state.
void forget_oldest(std::vector<RetiredRows>& retired) {
  const auto droppable = [](const RetiredRows& one) { return !one.kept; };
  auto count = static_cast<size_t>(std::ranges::count_if(retired, droppable));
  for (; count > kMostRetired; --count) retired.erase(std::ranges::find_if(retired, droppable));
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
  TRY_ASSIGN(const auto turn, turns_.take({MonoTime::max(), stop}, "a row of the witness"));
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
  auto resumed = WitnessLog::resume(tools_.files, own_files_.log(state_->key), kWriter);
  if (!resumed && is_damage(resumed.error())) damage_ = resumed.error();
  if (damage_) return {};
  if (!resumed) return fail(resumed.error());
  log_ = std::move(resumed->log);
  record_ = std::move(resumed->record);
  view_.last_row_at = resumed->last_at;
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
  if (seen.settings.standby) return fail(unobserved("the server is a standby, which takes no row"));
  TRY_ASSIGN(const auto moment, session_->query(kMoment, limits(stop)));
  seen.at = tools_.clock.now();
  seen.started_at = seen.at - Duration(moment->integer(0, 0));
  seen.statistics_began_at = seen.at - Duration(moment->integer(0, 2));
  seen.forgot_statistics = moment->at(0, 3) == "t";
  TRY(look_at_pod(seen, stop));
  seen.identity = {seen.settings.cluster, seen.settings.started_at, tools_.boot_id(),
                   std::string(moment->at(0, 1)), seen.pod ? seen.pod->uid : ""};
  return seen;
}

// An API that is away or refuses keeps nobody from observing: the pod is not known then.
Result<> Observer::look_at_pod(SeenServer& seen, const std::stop_token& stop) {
  if (!tools_.find_pod) return {};
  const CallLimits look = limits(stop);
  TRY_ASSIGN(std::string address, read_server_address(*session_, look));
  auto found = tools_.find_pod({std::move(address), seen.settings.data_directory}, look);
  if (!found && found.error().code() == ErrorCode::cancelled) return fail(found.error());
  if (!found) {
    seen.unknown_of_pod.push_back("the pod is not known: " +
                                  found.error().detail(Audience::everybody));
    return {};
  }
  seen.pod = std::move(found->pod);
  seen.unknown_of_pod = std::move(found->unknown);
  return {};
}

// What is not acknowledged is not sent again under its number, whatever the error says.
Result<> Observer::insert(const std::stop_token& stop) {
  const WitnessRow row{kWriter, ++record_.sent[kWriter]};
  const auto inserted = table().insert(*session_, record_.key, row, limits(stop));
  const auto logged = inserted ? acknowledge(row, *inserted) : log_->unanswered(row);
  if (!logged) log_.reset();  // read again: it says what is durable
  if (!logged) return logged;
  TRY(inserted);
  record_.acknowledged[kWriter].insert(row.seq);
  view_.last_row_at = tools_.clock.now();
  away_ = false;
  return {};
}

// Durable before the row counts: nobody may take it for one that had to be durable.
Result<> Observer::acknowledge(WitnessRow row, const std::string& unsafe) {
  if (!unsafe.empty() && state_->unsafe.empty()) {
    ObserverState next = *state_;
    next.unsafe = unsafe;
    TRY(save(std::move(next)));
  }
  return log_->acknowledge(row, tools_.clock.now());
}

// Enough rows: they are compared once more, and the next ones begin anew.
Result<> Observer::turn_over(const std::stop_token& stop) {
  TRY_ASSIGN(const SeenServer seen, look_at_server(stop));
  TRY_ASSIGN(auto observation, compare(seen, stop));
  if (!observation.report.verdict->holds())
    return record_wrong_rows(observation, seen, own_work(stop));
  return begin(seen, false, stop);
}

Work Observer::own_work(const std::stop_token& stop) {
  Work work;
  work.correlation = new_correlation_id();
  work.trigger.by = "daemon";
  work.stop = stop;
  return work;
}

// The order is that of docs/formats/observed-1.md: a crash in between leaves nothing unknown.
Result<> Observer::begin(const SeenServer& seen, bool keep_old, const std::stop_token& stop) {
  ObserverState next = next_generation(seen, keep_old);
  TRY(own_files_.remove_log(next.key));
  TRY_ASSIGN(auto log, WitnessLog::create(tools_.files, own_files_.log(next.key), next.key));
  platform::failpoint("proof.observer.log");
  TRY(save(std::move(next)));
  platform::failpoint("proof.observer.state");
  log_ = std::move(log);
  damage_.reset();
  record_ = {};
  record_.key = state_->key;
  later_.clear();
  tried_.clear();
  TRY(make_table(stop));
  return clear_retired(stop);
}

ObserverState Observer::next_generation(const SeenServer& seen, bool keep_old) {
  ObserverState next;
  if (state_) {
    next.lineage = state_->lineage;
    next.generation = state_->generation;
    next.retired = with_retired(*state_, keep_old);
  }
  for (const uint64_t later : later_) {
    next.retired.push_back({generation_key(next.lineage, later), false});
    next.generation = later;
  }
  if (next.lineage.empty()) next.lineage = new_run_id().str();
  next.key = generation_key(next.lineage, ++next.generation);
  next.began_at = tools_.clock.now();
  next.server = seen.identity;
  next.unsafe = seen.settings.what_is_unsafe();
  return next;
}

// One that is there without an acknowledged row is of an earlier attempt.
Result<> Observer::make_table(const std::stop_token& stop) {
  TRY(table().drop(*session_, limits(stop)));
  return table().create(*session_, options_, limits(stop));
}

Result<> Observer::save(ObserverState state) {
  TRY(own_files_.write(state));
  state_ = std::move(state);
  return {};
}

// What cannot be dropped, since somebody reads it or owns it, keeps nobody from observing.
Result<> Observer::clear_retired(const std::stop_token& stop) {
  ObserverState next = *state_;
  next.retired.clear();
  Result<> session;
  for (const RetiredRows& one : state_->retired) {
    const bool due = !one.kept && session && !tried_.contains(observed_table(one.key));
    const auto cleared = due ? clear(one, stop) : Result<>();
    if (!due || !cleared) next.retired.push_back(one);
    if (!cleared && cleared.error().code() != ErrorCode::database_query) session = cleared;
  }
  forget_oldest(next.retired);
  if (next.retired.size() != state_->retired.size()) TRY(save(std::move(next)));
  return session;
}

Result<> Observer::clear(const RetiredRows& rows, const std::stop_token& stop) {
  const std::string name = observed_table(rows.key);
  auto cleared = WitnessTable(name).drop(*session_, limits(stop));
  if (cleared) cleared = own_files_.remove_log(rows.key);
  if (cleared) told_.erase(name);
  if (cleared || stop.stop_requested()) return cleared;
  tried_.insert(name);
  if (told_.insert(name).second) tools_.warn(name, cleared.error());
  return cleared;
}

WitnessTable Observer::table() const {
  return WitnessTable(observed_table(state_->key));
}

uint64_t Observer::acknowledged() const {
  const auto found = record_.acknowledged.find(kWriter);
  return found == record_.acknowledged.end() ? 0 : found->second.size();
}

// Whoever stops it is no trouble, and wants to see no more of it. After an error nobody knows what
// the session is worth.
void Observer::note(const Result<>& done, const std::stop_token& stop) {
  if (!done) session_.reset();
  if (stop.stop_requested()) return;
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
