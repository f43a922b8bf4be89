// The proof room: restores backups, for real and as drills, and writes the evidence. Others see its
// view (view.h); work is asked for by runs.
#pragma once

#include <functional>
#include <mutex>

#include "base/json.h"
#include "ledger/ledger.h"
#include "proof/drill.h"
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

  // What the ledger remembers of the last restore and of the last drills: once, after the start.
  // Errors: those of the ledger.
  Result<> remember(const ledger::Ledger& ledger);

  // As restore() of restore.h; it leaves an entry however it ends. What the run says of itself.
  Result<json::object> restore(const RestoreRequest& request, evidence::Subject subject,
                               const Work& work);

  // As plan_restore(); it leaves nothing. With how long the last restore and the last drill took.
  Result<json::object> plan(const RestoreRequest& request, const Work& work) const;

  // As drill() of drill.h; it leaves an entry however it ends, and the view has its result.
  Result<DrillReport> drill(const DrillRequest& request, evidence::Subject subject,
                            const Work& work);
  // A drill that found nothing to restore: it leaves an entry as well.
  Result<> not_drilled(const DrillOptions& options, evidence::Subject subject, const Error& why,
                       const Work& work);

  // As prove_durability(); it leaves an entry however it ends, and the view has its result.
  Result<DurabilityReport> prove(const DurabilityRequest& request, const Work& work);

  void configure(std::vector<DrillPlanView> drills, std::vector<std::string> durability);

  // The newest view; waits for nothing.
  ProofViewPtr view() const;

 private:
  Result<> record(const ledger::Entry& entry);
  // Publishes a view that `change` was made to.
  void publish(const std::function<void(ProofView&)>& change);

  const RestoreTools tools_;
  const RecordFn record_;
  mutable std::mutex mutex_;
  ProofViewPtr view_;  // guarded by mutex_
};

}  // namespace vigie::proof
