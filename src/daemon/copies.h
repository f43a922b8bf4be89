// The copies of the ledger elsewhere, each with a thread of its own: one that hangs keeps nobody
// waiting. Those in folders are for as long as the process lives, those in stores follow the
// configuration. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "daemon/beside.h"
#include "ledger/copy.h"
#include "ledger/store_copy.h"
#include "platform/log.h"

namespace vigie::daemon {

// When a copy is looked at: when there is a checkpoint that it lacks, and once a day. What failed,
// or waits, is tried again after five minutes.
bool copy_is_due(const ledger::CopyStanding& seen, uint64_t newest_checkpoint, SystemTime now);

class Copies {
 public:
  using PlaceOf = std::function<ledger::OpenPlace(const std::string& store)>;

  // What it is given must outlive it. `places` is called when a copy in a store begins.
  Copies(platform::FileSystem& files, platform::Path ledger_folder,
         const std::vector<std::string>& folders, PlaceOf places, const platform::Clock& clock,
         platform::Logger& log);

  // The stores that are to hold a copy: new ones begin, the others' threads are told to end.
  void set_stores(const std::vector<std::string>& names);
  // Compares the ledger with each copy, then copies after each checkpoint, until it is stopped.
  void start(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints);
  // The same once, in this thread.
  void once(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints, std::stop_token stop);
  // False: a thread hangs, and everything that it uses must stay.
  bool stop(std::chrono::milliseconds patience);
  std::vector<ledger::CopyStanding> standings() const;
  // Without the stores that wait for their first backup.
  std::vector<ledger::CopyView> view() const;

 private:
  struct One {
    std::string store;  // empty: a folder
    std::unique_ptr<ledger::EvidenceCopy> copy;
    Beside thread;
  };
  // What start() was given.
  struct Source {
    ledger::Ledger* ledger;
    const ledger::Checkpoints* checkpoints;
  };
  void retire(const std::vector<std::string>& names);
  void begin(One& one, const Source& source);
  void update(ledger::EvidenceCopy& copy, const Source& source, const std::stop_token& stop);

  platform::FileSystem& files_;
  const platform::Path ledger_folder_;
  const PlaceOf places_;
  const platform::Clock& clock_;
  platform::Logger& log_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<One>> all_;      // guarded by mutex_
  std::vector<std::unique_ptr<One>> retired_;  // guarded by mutex_; until their threads end
  std::optional<Source> source_;               // guarded by mutex_; once it is started
};

}  // namespace vigie::daemon
