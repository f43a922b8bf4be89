#include "api/query_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace vigie::api {
namespace {

struct Job {
  PoolTask task;
  MonoTime deadline{};
  std::stop_source stop;
};
using JobPtr = std::shared_ptr<Job>;

}  // namespace

struct QueryPool::Core {
  Core(const platform::Clock& the_clock, size_t longest_queue, Duration the_allowance)
      : clock(the_clock), queue(longest_queue), allowance(the_allowance) {}

  bool submit(PoolTask task);
  void work(const std::stop_token& stop);
  void watch(const std::stop_token& stop);
  JobPtr next_job(const std::stop_token& stop);
  void finished(const JobPtr& job);
  void expire_until(MonoTime now);
  void close();
  void ended();
  bool all_end_within(std::chrono::milliseconds patience);

  const platform::Clock& clock;
  const size_t queue;
  const Duration allowance;
  std::mutex mutex;
  std::condition_variable_any changed;
  bool closed = false;         // guarded by mutex
  size_t threads = 0;          // that have not ended; guarded by mutex
  std::deque<JobPtr> waiting;  // guarded by mutex
  std::deque<JobPtr> all;      // waiting or at work, by deadline; guarded by mutex
};

bool QueryPool::Core::submit(PoolTask task) {
  auto job = std::make_shared<Job>();
  job->task = std::move(task);
  const std::lock_guard lock(mutex);
  if (closed || waiting.size() >= queue) return false;
  job->deadline = clock.monotonic() + allowance;
  waiting.push_back(job);
  all.push_back(job);
  changed.notify_all();
  return true;
}

JobPtr QueryPool::Core::next_job(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  if (!changed.wait(lock, stop, [&] { return !waiting.empty(); })) return nullptr;
  auto job = waiting.front();
  waiting.pop_front();
  return job;
}

void QueryPool::Core::work(const std::stop_token& stop) {
  while (const auto job = next_job(stop)) {
    const std::stop_callback forward(stop, [&] { job->stop.request_stop(); });
    job->task.run(job->deadline, job->stop.get_token());
    finished(job);
  }
}

void QueryPool::Core::finished(const JobPtr& job) {
  const std::lock_guard lock(mutex);
  std::erase(all, job);
}

// All tasks have the same allowance: the first has the earliest deadline.
void QueryPool::Core::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    MonoTime deadline;
    {
      std::unique_lock lock(mutex);
      if (!changed.wait(lock, stop, [&] { return !all.empty(); })) return;
      deadline = all.front()->deadline;
    }
    if (!clock.sleep_until(deadline, stop)) return;
    expire_until(clock.monotonic());
  }
}

void QueryPool::Core::expire_until(MonoTime now) {
  std::vector<JobPtr> late;
  {
    const std::lock_guard lock(mutex);
    while (!all.empty() && all.front()->deadline <= now) {
      late.push_back(all.front());
      std::erase(waiting, all.front());
      all.pop_front();
    }
  }
  for (const auto& job : late) {
    job->stop.request_stop();
    job->task.expired();
  }
}

void QueryPool::Core::close() {
  const std::lock_guard lock(mutex);
  closed = true;
  waiting.clear();  // stop() expires them, as all of them
}

void QueryPool::Core::ended() {
  const std::lock_guard lock(mutex);
  --threads;
  changed.notify_all();
}

bool QueryPool::Core::all_end_within(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, patience, [&] { return threads == 0; });
}

QueryPool::QueryPool(const platform::Clock& clock, size_t threads, size_t queue, Duration allowance)
    : core_(std::make_shared<Core>(clock, queue, allowance)) {
  core_->threads = threads + 1;
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([core = core_](const std::stop_token& stop) {
      core->work(stop);
      core->ended();
    });
  }
  threads_.emplace_back([core = core_](const std::stop_token& stop) {
    core->watch(stop);
    core->ended();
  });
}

QueryPool::~QueryPool() {
  (void)stop();
}

bool QueryPool::submit(PoolTask task) {
  return core_->submit(std::move(task));
}

bool QueryPool::stop(std::chrono::milliseconds patience) {
  if (threads_.empty()) return !left_behind_;
  core_->close();
  for (auto& thread : threads_) thread.request_stop();
  left_behind_ = !core_->all_end_within(patience);
  if (left_behind_) {
    for (auto& thread : threads_) thread.detach();
  }
  threads_.clear();
  // Also what is left at work: its client is answered, and what it answers later goes nowhere.
  core_->expire_until(MonoTime::max());
  return !left_behind_;
}

}  // namespace vigie::api
