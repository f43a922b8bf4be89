// A copy of the ledger, its checkpoints and its public key in a folder elsewhere: only added to,
// and at any moment what `vigie evidence verify FOLDER` takes. Format and order:
// docs/formats/checkpoint-1.md, "Copies".
//
// One thread copies; view() is for any, and never waits for a disk. A folder that hangs hangs its
// thread, and nobody else.
#pragma once

#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "ledger/checkpoints.h"
#include "ledger/ledger.h"
#include "platform/clock.h"

namespace vigie::ledger {

class LedgerCopy {
 public:
  // `folder` is the ledger's, `to` must be there already: a disk that is not mounted is not filled
  // in its place. What it is given must outlive it.
  LedgerCopy(platform::FileSystem& files, const platform::Path& folder, platform::Path to,
             const platform::Clock& clock);

  // What the copy's newest checkpoint says, when one of `keys` signs there; size 0: nothing. A
  // ledger that does not hold that entry is older than its copy. Errors: those of files, cancelled.
  Result<Mark> newest(const std::vector<PublicKey>& keys, const std::stop_token& stop) const;

  // Brings it to what `ledger` and `checkpoints` hold now; view() shows how that went, unless it
  // was cancelled. The first time, before anything is added, the ledger is compared with it: one
  // that is older records its damage. checkpoint_invalid: what lies there is of another history,
  // and stays as it is.
  Result<> update(Ledger& ledger, const Checkpoints& checkpoints, const std::stop_token& stop);

  CopyView view() const;

 private:
  Result<> compare_once(Ledger& ledger, const Checkpoints& checkpoints,
                        const std::stop_token& stop);
  Result<> copy_all(const Ledger& ledger, const Checkpoints& checkpoints,
                    const std::stop_token& stop);
  Result<> copy_key();
  Result<> copy_segments(const LedgerView& view, const std::stop_token& stop);
  Result<> copy_sealed(const std::string& name, bool known, const std::stop_token& stop);
  Result<> copy_growing(const platform::Path& from, const platform::Path& to, Bytes size,
                        const std::stop_token& stop);
  Result<> compare(const platform::Path& from, const platform::Path& to, Bytes size,
                   const std::stop_token& stop) const;
  Result<> write(const platform::Path& from, const platform::Path& to, Bytes size,
                 const std::stop_token& stop);
  Result<> check_names(const LedgerView& view, const std::vector<std::string>& there) const;
  tl::unexpected<Error> differs(const platform::Path& file) const;

  platform::FileSystem& files_;
  const platform::Path from_;  // the folder that holds the ledger's
  const platform::Path name_;  // of the ledger's folder
  const platform::Path to_;
  const platform::Clock& clock_;
  bool compared_ = false;  // of the thread that copies
  mutable std::mutex mutex_;
  CopyView view_;  // guarded by mutex_
};

}  // namespace vigie::ledger
