// Durability proofs in the words of the rooms: those that somebody asks for, those that observe all
// the time, and what an earlier process has left owing: a server's start, a comparison after a
// reboot.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "daemon/beside.h"
#include "jobs/executor.h"
#include "platform/log.h"
#include "platform/turns.h"
#include "proof/room.h"

namespace vigie::daemon {

// What the proof room knows of the configured proofs.
std::vector<proof::DurabilityPlanView> durability_plans(const config::Config& config);

// Proofs of durability at work. Thread-safe.
class Durability {
 public:
  // What it is given must outlive it. `state`: the state folder.
  Durability(proof::ProofRoom& proofs, platform::FileSystem& files, const platform::Clock& clock,
             platform::Logger& log, platform::Path state);

  // The observers of this configuration in place of those of the one before. One that does not end
  // in time stays as it was, and so does its proof until the next time.
  void configure(const config::Config& config);
  // From now on the observers write. First of all servers get the start that is owed to them; then
  // machines that were told to restart their comparison.
  void start();
  // One run: a fault, or the comparison of a proof that observes.
  jobs::RunOutcome run(const config::Config& config, const config::Durability& proof,
                       const Work& work);
  // False: a thread hangs, and everything that it uses must stay.
  bool stop(std::chrono::milliseconds patience);

 private:
  struct Observing {
    std::unique_ptr<proof::Observer> observer;
    Beside thread;
  };
  using Observers = std::map<std::string, std::unique_ptr<Observing>>;

  void end_observers(std::chrono::milliseconds patience);
  void add_observer(const config::Config& config, const config::Durability& proof);
  void launch(Observing& one);
  void settle_owed_starts(const config::Config& config, const std::stop_token& stop);
  Result<> settle_owed_start(const config::Config& config, const std::string& name,
                             const Work& work);
  void settle_owed_reboots(const config::Config& config, const std::stop_token& stop);
  Result<> settle_owed_reboot(const config::Config& config, const std::string& name,
                              const Work& work);
  proof::DurabilityRequest request_of(const config::Config& config,
                                      const proof::DurabilityOptions& options) const;
  Result<proof::DurabilityReport> compare_now(const std::string& name, const Work& work);

  proof::ProofRoom& proofs_;
  platform::FileSystem& files_;
  const platform::Clock& clock_;
  platform::Logger& log_;
  const platform::Path state_;
  platform::Turns turns_;                         // also of whoever compares; guards what follows
  Observers observers_;                           // guarded by turns_
  std::shared_ptr<const config::Config> config_;  // guarded by turns_
  bool started_ = false;                          // guarded by turns_
  std::vector<std::unique_ptr<Observing>> hung_;  // guarded by turns_; until they end
  Beside owed_;
};

}  // namespace vigie::daemon
