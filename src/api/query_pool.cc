#include "api/query_pool.h"

#include <algorithm>
#include <utility>

namespace vigie::api {

QueryPool::QueryPool(const platform::Clock& clock, size_t threads, size_t queue, Duration allowance)
    : clock_(clock), queue_(queue), allowance_(allowance) {
  for (size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { watch(stop); });
}

QueryPool::~QueryPool() {
  stop();
}

bool QueryPool::submit(PoolTask task) {
  auto job = std::make_shared<Job>();
  job->task = std::move(task);
  const std::lock_guard lock(mutex_);
  if (stopped_ || waiting_.size() >= queue_) return false;
  job->deadline = clock_.monotonic() + allowance_;
  waiting_.push_back(job);
  all_.push_back(job);
  changed_.notify_all();
  return true;
}

QueryPool::JobPtr QueryPool::next_job(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [&] { return !waiting_.empty(); })) return nullptr;
  auto job = waiting_.front();
  waiting_.pop_front();
  return job;
}

void QueryPool::work(const std::stop_token& stop) {
  while (const auto job = next_job(stop)) {
    const std::stop_callback forward(stop, [&] { job->stop.request_stop(); });
    job->task.run(job->deadline, job->stop.get_token());
    finished(job);
  }
}

void QueryPool::finished(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  std::erase(all_, job);
}

// All tasks have the same allowance: the first has the earliest deadline.
void QueryPool::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    MonoTime deadline;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !all_.empty(); })) return;
      deadline = all_.front()->deadline;
    }
    if (!clock_.sleep_until(deadline, stop)) return;
    expire_until(clock_.monotonic());
  }
}

void QueryPool::expire_until(MonoTime now) {
  std::vector<JobPtr> late;
  {
    const std::lock_guard lock(mutex_);
    while (!all_.empty() && all_.front()->deadline <= now) {
      late.push_back(all_.front());
      std::erase(waiting_, all_.front());
      all_.pop_front();
    }
  }
  for (const auto& job : late) {
    job->stop.request_stop();
    job->task.expired();
  }
}

void QueryPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  for (auto& thread : threads_) thread.request_stop();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
  expire_until(MonoTime::max());
}

}  // namespace vigie::api
