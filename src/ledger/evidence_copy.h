// A copy of the ledger, its checkpoints and its public key elsewhere, whatever holds it: a folder
// (copy.h), a store (store_copy.h). Only added to. Format and order: docs/formats/checkpoint-1.md.
//
// One thread copies; standing() is for any, and never waits for what holds the copy. What hangs
// hangs its thread, and nobody else.
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "ledger/checkpoints.h"
#include "ledger/ledger.h"
#include "platform/clock.h"

namespace vigie::ledger {

// How a copy stands, for whoever keeps it.
struct CopyStanding {
  CopyView view;                          // for everybody
  bool waits = false;                     // a store that nobody has written to yet: nothing is due
  std::optional<SystemTime> looked_at{};  // when it was last compared, or found to wait
  Mark newest{};                          // its newest checkpoint when it was last compared
  bool missing_here = false;              // and it is not among ours, though its entry is here
};

class EvidenceCopy {
 public:
  virtual ~EvidenceCopy() = default;

  // Brings it to what `ledger` and `checkpoints` hold now; standing() shows how that went, unless
  // it was cancelled. Before anything is added the ledger is compared with it: one that is older,
  // or was written anew, records its damage. checkpoint_invalid: what lies there is of another
  // history, and stays as it is.
  virtual Result<> update(Ledger& ledger, const Checkpoints& checkpoints,
                          const std::stop_token& stop) = 0;
  virtual CopyStanding standing() const = 0;
};

// How far a copy is, for standing(). Thread-safe.
class CopyProgress {
 public:
  // `waits`: as if wait() had been called.
  CopyProgress(std::string where, const platform::Clock& clock, bool waits = false);

  void begin();
  // What the newest checkpoint of the copy covers, and whether it is missing here.
  void saw(const Mark& newest, bool missing_here);
  void wait();                    // there is nothing to copy to yet
  void done(uint64_t size);       // of the newest checkpoint that is there now
  void failed(const Error& why);  // nothing, when it was cancelled
  CopyStanding standing() const;

 private:
  const platform::Clock& clock_;
  mutable std::mutex mutex_;
  CopyStanding standing_;  // guarded by mutex_
};

// `known` is the newest checkpoint of a copy. A ledger that does not hold its entry records that
// its end was lost. True: the entry is here, and the checkpoint is not: it was removed. Errors: of
// Ledger::compare_end().
Result<bool> compare_with_copy(Ledger& ledger, const Checkpoints& checkpoints, const Mark& known,
                               const std::stop_token& stop);

// What an older or another history in a copy is told as.
tl::unexpected<Error> copy_differs(const std::string& file);

// Both begin with the same `size` bytes. Error: cancelled; those of files.
Result<bool> begin_alike(const platform::ReadableFile& a, const platform::ReadableFile& b,
                         Bytes size, const std::stop_token& stop);

Result<> not_stopped(const std::stop_token& stop);

}  // namespace vigie::ledger
