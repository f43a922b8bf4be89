// The copies of the ledger elsewhere, each with a thread of its own: one that hangs keeps nobody
// waiting.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "daemon/beside.h"
#include "ledger/copy.h"
#include "platform/log.h"

namespace vigie::daemon {

class Copies {
 public:
  // What it is given must outlive it.
  Copies(platform::FileSystem& files, const platform::Path& ledger_folder,
         const std::vector<std::string>& folders, const platform::Clock& clock,
         platform::Logger& log);

  // Compares the ledger with each copy once, then copies after each checkpoint, until it is
  // stopped.
  void start(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints);
  // The same once, in this thread.
  void once(ledger::Ledger& ledger, const ledger::Checkpoints& checkpoints, std::stop_token stop);
  // False: a thread hangs, and everything that it uses must stay.
  bool stop(std::chrono::milliseconds patience);
  std::vector<ledger::CopyView> view() const;

 private:
  struct One {
    std::unique_ptr<ledger::LedgerCopy> copy;
    Beside thread;
  };
  void update(ledger::LedgerCopy& copy, ledger::Ledger& ledger,
              const ledger::Checkpoints& checkpoints, const std::stop_token& stop);

  const platform::Clock& clock_;
  platform::Logger& log_;
  std::vector<std::unique_ptr<One>> all_;
};

}  // namespace vigie::daemon
