// The proof room: restores backups, for real and as drills, and writes the evidence. Others see its
// view (view.h); work is asked for by runs.
#pragma once

#include <functional>
#include <mutex>

#include "base/json.h"
#include "ledger/ledger.h"
#include "proof/amcheck.h"
#include "proof/drill.h"
#include "proof/evidence.h"
#include "proof/observer.h"
#include "proof/owed_start.h"
#include "proof/reboot.h"
#include "proof/restore.h"
#include "proof/view.h"

namespace vigie::proof {

// Writes one entry; durable when it returns.
using RecordFn = std::function<Result<ledger::Recorded>(const ledger::Entry&)>;

// Thread-safe. Runs that restore into the same database must not overlap: the claims of `jobs` see
// to that.
class ProofRoom {
 public:
  // `http` asks Kubernetes, and outlives the room.
  ProofRoom(RestoreTools tools, platform::HttpClient& http, RecordFn record);

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
  // A restore whose backup could not even be opened: it leaves an entry as well.
  Result<> not_restored(const evidence::Subject& subject, const Error& why, const Work& work);
  // A drill that found nothing to restore: it leaves an entry as well. `rehearsal` as in
  // DrillRequest.
  Result<> not_drilled(const DrillOptions& options, evidence::Subject subject, bool rehearsal,
                       const Error& why, const Work& work);

  // As amcheck() of amcheck.h; it leaves an entry however it ends, and the view has its result.
  Result<AmcheckReport> amcheck(const AmcheckRequest& request, const Work& work);

  // As prove_durability(); it leaves an entry however it ends, and the view has its result.
  Result<DurabilityReport> prove(const DurabilityRequest& request, const Work& work);

  // As give_owed_start(), where the server does not answer; it leaves an entry when it was run. The
  // note goes when the server answers. Errors: why it does not; those of the ledger and of files.
  Result<> settle_owed_start(const DurabilityRequest& request, const OwedStart& owed,
                             const Work& work);

  // As settle_reboot(); it leaves an entry, of a machine that has restarted one of its own kind as
  // well, and the note goes. Errors: those of the ledger and of files.
  Result<> settle_owed_reboot(const DurabilityRequest& request, const OwedReboot& owed,
                              const Work& work);

  // A witness of a proof that observes: it writes its evidence by this room, which outlives it.
  // `tell` and `warn`: as in ObserverTools.
  std::unique_ptr<Observer> make_observer(
      const DurabilityRequest& request, std::function<void(const std::optional<Error>&)> tell,
      std::function<void(const std::string&, const Error&)> warn);
  // It is at work no more.
  void forget_observer(const std::string& proof);

  void configure(std::vector<DrillPlanView> drills, std::vector<DurabilityPlanView> durability,
                 std::vector<AmcheckPlanView> amcheck = {});

  // The newest view; waits for nothing.
  ProofViewPtr view() const;

 private:
  Result<> record(const ledger::Entry& entry);
  DurabilityTools durability_tools() const;
  // Publishes a view that `change` was made to.
  void publish(const std::function<void(ProofView&)>& change);

  const RestoreTools tools_;
  platform::HttpClient& http_;
  const RecordFn record_;
  mutable std::mutex mutex_;
  ProofViewPtr view_;  // guarded by mutex_
};

}  // namespace vigie::proof
