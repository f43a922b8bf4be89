// What a run last said of its progress, its rate, and when others should hear of it. A pure
// function of what it is told. Not thread-safe.
#pragma once

#include <optional>

#include "jobs/run.h"

namespace vigie::jobs {

inline constexpr Duration kPublishEvery = std::chrono::milliseconds(500);

class ProgressMeter {
 public:
  enum class News : unsigned char { none, publish, new_phase };
  // Fills in rate and at. `none`: somebody heard less than kPublishEvery ago.
  News update(RunProgress progress, MonoTime mono, SystemTime wall);
  const std::optional<RunProgress>& latest() const { return latest_; }

 private:
  std::optional<double> rate_of(const RunProgress& progress, MonoTime mono);

  std::optional<RunProgress> latest_;
  MonoTime published_{};
  MonoTime sampled_{};  // the rate's last sample: when, and at what
  uint64_t sampled_done_ = 0;
  std::optional<double> rate_;
};

}  // namespace vigie::jobs
