#include "jobs/progress_meter.h"

#include <cmath>
#include <utility>

namespace vigie::jobs {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr milliseconds kSampleEvery{200};
constexpr duration<double> kSmoothing{5};

bool same_phase(const std::optional<RunProgress>& before, const RunProgress& now) {
  return before && before->phase == now.phase && before->subject == now.subject &&
         before->unit == now.unit;
}

}  // namespace

ProgressMeter::News ProgressMeter::update(RunProgress progress, MonoTime mono, SystemTime wall) {
  const bool same = same_phase(latest_, progress);
  if (!same || progress.done < sampled_done_) {
    sampled_ = mono;
    sampled_done_ = progress.done;
    rate_.reset();
  }
  progress.rate = rate_of(progress, mono);
  progress.at = wall;
  latest_ = std::move(progress);
  if (same && mono - published_ < kPublishEvery) return News::none;
  published_ = mono;
  return same ? News::publish : News::new_phase;
}

std::optional<double> ProgressMeter::rate_of(const RunProgress& progress, MonoTime mono) {
  const duration<double> passed = mono - sampled_;
  if (passed < kSampleEvery) return rate_;
  const double now = static_cast<double>(progress.done - sampled_done_) / passed.count();
  // The first sample that says something is taken as it is.
  const double before = rate_.value_or(0);
  const double weight = before == 0 ? 1 : 1 - std::exp(-passed / kSmoothing);
  rate_ = before + weight * (now - before);
  sampled_ = mono;
  sampled_done_ = progress.done;
  return rate_;
}

}  // namespace vigie::jobs
