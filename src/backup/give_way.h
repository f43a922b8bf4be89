// A dump holds a lock on every table, and so do the counts of the source check beside it. A session
// that wants to alter a table queues behind them, and all others queue behind that one: so whoever
// waits behind a run's locks for too long makes it give way.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "platform/clock.h"
#include "platform/postgres.h"

namespace vigie::backup {

// The sessions that wait for a lock behind those of `run`, whatever it called them: pg_dump's carry
// its id, the one of the source check `vigie ID`. Its own are not among them. Errors: database_*.
Result<std::vector<int>> waiting_behind(platform::PgConnection& session, const RunId& run,
                                        const CallLimits& limits);

// Who waits, and since when we have seen it; pure.
class Waiters {
 public:
  explicit Waiters(Duration patience) : patience_(patience) {}
  // `pids`: the sessions that wait behind the run at `now`. True when one has waited for the whole
  // patience.
  bool update(const std::vector<int>& pids, MonoTime now);

 private:
  Duration patience_;
  std::map<int, MonoTime> since_;
};

// Watches from a thread of its own, in a session of its own, from construction to destruction.
// Every second it looks for sessions that wait behind `run`; when one has waited for `patience`, it
// requests `give_way` to stop and is done. When its session is lost, or there is no connection left
// for one, it connects again, ever later, at most every kLongestPause; what it could not see
// meanwhile it says.
class GiveWayWatch {
 public:
  GiveWayWatch(platform::PgConnector& connector, const platform::Dsn& dsn, RunId run,
               Duration patience, const platform::Clock& clock, std::stop_source give_way);

  static constexpr Duration kLongestPause = std::chrono::seconds(30);

  bool gave_way() const { return gave_way_; }
  // For longer than the patience and one look's own time nobody could look, or nobody can now.
  bool blind() const { return blind_ || blind_now_; }

 private:
  void watch(const std::stop_token& stop);
  bool look(const std::stop_token& stop);

  platform::PgConnector& connector_;
  platform::Dsn dsn_;
  RunId run_;
  Duration patience_;
  const platform::Clock& clock_;
  std::stop_source give_way_source_;
  std::atomic<bool> gave_way_ = false;
  std::atomic<bool> blind_ = false;
  std::atomic<bool> blind_now_ = false;
  std::unique_ptr<platform::PgConnection> session_;  // of the thread, as all below
  Waiters waiters_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vigie::backup
