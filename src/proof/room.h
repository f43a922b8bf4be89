// The proof room: restores backups, and writes the evidence. Others see its view (view.h); work is
// asked for by runs.
#pragma once

#include <functional>
#include <mutex>

#include "base/json.h"
#include "ledger/ledger.h"
#include "proof/evidence.h"
#include "proof/restore.h"
#include "proof/view.h"

namespace vigie::proof {

// Writes one entry; durable when it returns.
using RecordFn = std::function<Result<ledger::Recorded>(const ledger::Entry&)>;

// Thread-safe. Runs that restore into the same database must not overlap: the claims of `jobs` see
// to that.
class ProofRoom {
 public:
  ProofRoom(RestoreTools tools, RecordFn record);

  // What the ledger remembers of the last restore: once, after the start. Errors: those of the
  // ledger.
  Result<> remember(const ledger::Ledger& ledger);

  // As restore() of restore.h; it leaves an entry however it ends. What the run says of itself.
  Result<json::object> restore(const RestoreRequest& request, evidence::Subject subject,
                               const Work& work);

  // The newest view; waits for nothing.
  ProofViewPtr view() const;

 private:
  Result<> record(const ledger::Entry& entry);

  const RestoreTools tools_;
  const RecordFn record_;
  mutable std::mutex mutex_;
  ProofViewPtr view_;  // guarded by mutex_
};

}  // namespace vigie::proof
