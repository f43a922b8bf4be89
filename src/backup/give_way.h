// A dump holds a lock on every table. A session that wants to alter a table queues behind it, and
// all others queue behind that one: so while a dump runs, whoever waits behind its locks for too
// long makes it give way.
#pragma once

#include <atomic>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "platform/clock.h"
#include "platform/postgres.h"

namespace vigie::backup {

// Who waits, and since when we have seen it; pure.
class Waiters {
 public:
  explicit Waiters(Duration patience) : patience_(patience) {}
  // `pids`: the sessions that wait behind the dump at `now`. True when one has waited for the whole
  // patience.
  bool update(const std::vector<int>& pids, MonoTime now);

 private:
  Duration patience_;
  std::map<int, MonoTime> since_;
};

// Watches from a thread of its own, in a session of its own, from construction to destruction.
// Every second it looks for sessions that wait behind those whose application_name is
// `dump_application`; when one has waited for `patience`, it requests `give_way` to stop and is
// done. Without a session (no connection left, say) it cannot watch, and says so.
class GiveWayWatch {
 public:
  GiveWayWatch(platform::PgConnector& connector, const platform::Dsn& dsn,
               std::string dump_application, Duration patience, const platform::Clock& clock,
               std::stop_source give_way);

  bool gave_way() const { return gave_way_; }
  bool blind() const { return blind_; }  // it could not watch all the time

 private:
  void watch(std::stop_token stop);
  Result<bool> look(platform::PgConnection& session, Waiters& waiters, std::stop_token stop);

  platform::PgConnector& connector_;
  platform::Dsn dsn_;
  std::string dump_application_;
  Duration patience_;
  const platform::Clock& clock_;
  std::stop_source give_way_source_;
  std::atomic<bool> gave_way_ = false;
  std::atomic<bool> blind_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vigie::backup
