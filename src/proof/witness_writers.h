// Sessions that write rows one after the other, and note in the log what the server has
// acknowledged.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/work.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "proof/witness_log.h"
#include "proof/witness_table.h"

namespace vigie::proof {

// All of them together write no more rows than these; then they wait for the end.
inline constexpr uint64_t kMostWitnessRows = 500'000;

class WitnessWriters {
 public:
  struct Setup {
    platform::PgConnector& postgres;
    const platform::Clock& clock;
    platform::Dsn dsn;
    WitnessTable table;
    std::string key;
    uint32_t count = 1;
  };

  // The log must outlive it. Starts its threads.
  WitnessWriters(Setup setup, WitnessLog& log);
  ~WitnessWriters();  // stops

  // Returns when every thread has ended.
  void stop();
  uint64_t acknowledged() const;
  // The first setting that a row was acknowledged under and that need not mean durable; empty:
  // none.
  std::string unsafe() const;
  // After stop(). Error: the log did not take a line.
  Result<WitnessRecord> record() const;

 private:
  void write_as(uint32_t writer, const std::stop_token& stop);
  Result<> write_some(platform::PgConnection& session, uint32_t writer,
                      const std::stop_token& stop);
  std::optional<WitnessRow> next(uint32_t writer);

  const Setup setup_;
  WitnessLog& log_;
  mutable std::mutex mutex_;
  WitnessRecord record_;       // guarded by mutex_
  uint64_t sent_ = 0;          // guarded by mutex_
  uint64_t acknowledged_ = 0;  // guarded by mutex_
  Result<> logged_;            // guarded by mutex_
  std::string unsafe_;         // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace vigie::proof
