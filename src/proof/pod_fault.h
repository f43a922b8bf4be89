// The fault pod_delete: one pod is deleted, and another must take its place. What it deletes is the
// server that is proved, or nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/work.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "proof/pods.h"

namespace vigie::proof {

// What the fault has met, and what came after it.
struct PodChange {
  std::string name_space;
  Duration grace{};
  Pod before;
  std::optional<Pod> after;             // nothing: none was ready in time
  std::vector<std::string> deviations;  // sentences

  json::object to_json() const;
};

// One proof's. What it is given must outlive it. Errors of all: durability_fault, cancelled, those
// of reading who asks.
class PodFault {
 public:
  PodFault(Pods pods, const DurabilityOptions& options, const platform::Clock& clock,
           const Work& work);

  // Exactly one running pod, whose address the server has: it is deleted, unless another has its
  // name by now. When the API's answer is lost, it is looked up what has become of it.
  Result<> strike(const ServerPlace& server);
  // One other that is ready, alone among the running ones. Also durability_no_recovery.
  Result<> wait_for_another(MonoTime until);

  // Nothing before a pod was found.
  const std::optional<PodChange>& change() const { return change_; }

 private:
  Result<Pod> find() const;
  Result<> check(const Pod& pod, const ServerPlace& server) const;
  Result<> note(Pod pod, const ServerPlace& server);
  Result<> remove() const;
  Result<bool> befell() const;
  std::optional<Pod> another_ready(const CallLimits& limits) const;
  Result<> note_after(Pod pod);
  CallLimits limits() const;
  Error could_not(std::string reason) const;
  Error explained(const Error& error) const;

  const Pods pods_;
  const DurabilityOptions& options_;
  const platform::Clock& clock_;
  const Work& work_;
  std::string data_directory_;
  std::optional<PodChange> change_;
};

}  // namespace vigie::proof
