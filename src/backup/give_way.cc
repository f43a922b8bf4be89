#include "backup/give_way.h"

#include <algorithm>

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTick = 1s;
constexpr Duration kLookLimit = 10s;  // for one look, with the connection that it may need

// pg_locks is visible to every role; what pg_stat_activity says of other roles' sessions is not.
constexpr std::string_view kWaiting = R"sql(
with own as (select array_agg(pid) as pids from pg_stat_activity
             where application_name = any(array[$1, 'vigie ' || $1]))
select distinct l.pid from pg_locks l, own
where not l.granted and l.pid <> all(own.pids) and pg_blocking_pids(l.pid) && own.pids
limit 1000)sql";

}  // namespace

Result<std::vector<int>> waiting_behind(platform::PgConnection& session, const RunId& run,
                                        const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kWaiting, {run.str()}, limits));
  std::vector<int> pids;
  for (size_t i = 0; i < rows->rows(); ++i) pids.push_back(static_cast<int>(rows->integer(i, 0)));
  return pids;
}

bool Waiters::update(const std::vector<int>& pids, MonoTime now) {
  std::erase_if(since_,
                [&](const auto& one) { return std::ranges::find(pids, one.first) == pids.end(); });
  return std::ranges::any_of(
      pids, [&](int pid) { return now - since_.emplace(pid, now).first->second >= patience_; });
}

GiveWayWatch::GiveWayWatch(platform::PgConnector& connector, const platform::Dsn& dsn, RunId run,
                           Duration patience, const platform::Clock& clock,
                           std::stop_source give_way)
    : connector_(connector),
      dsn_(dsn),
      run_(std::move(run)),
      patience_(patience),
      clock_(clock),
      give_way_source_(std::move(give_way)),
      waiters_(patience_),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void GiveWayWatch::watch(const std::stop_token& stop) {
  MonoTime seen = clock_.monotonic();
  Duration pause = kTick;
  while (!gave_way_) {
    const bool looked = look(stop);
    if (stop.stop_requested()) return;
    const MonoTime now = clock_.monotonic();
    if (now - seen > patience_ + kLookLimit) blind_ = true;
    blind_now_ = !looked;
    if (looked) seen = now;
    pause = looked ? kTick : std::min(pause * 2, kLongestPause);
    if (!clock_.sleep_until(now + pause, stop)) return;
  }
}

// False: it could not.
bool GiveWayWatch::look(const std::stop_token& stop) {
  const CallLimits limits{clock_.monotonic() + kLookLimit, stop};
  if (!session_) {
    auto opened = connector_.connect(dsn_, "vigie give way", limits);
    if (!opened) return false;
    session_ = std::move(*opened);
  }
  const auto waiting = waiting_behind(*session_, run_, limits);
  if (!waiting) {
    session_.reset();
    return false;
  }
  if (waiters_.update(*waiting, clock_.monotonic())) {
    gave_way_ = true;
    give_way_source_.request_stop();
  }
  return true;
}

}  // namespace vigie::backup
