#include "api/query_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace vigie::api {
namespace {

// For threads that were left behind and may be about to come back.
constexpr std::chrono::milliseconds kLastLook{100};

struct Job {
  PoolTask task;
  MonoTime deadline{};
  std::stop_source stop;
};
using JobPtr = std::shared_ptr<Job>;

}  // namespace

// The threads hold the core. Those that end are joined; those that hang at the stop are left
// behind.
struct QueryPool::Core : std::enable_shared_from_this<Core> {
  Core(const platform::Clock& the_clock, const PoolOptions& the_options)
      : clock(the_clock), options(the_options) {}

  Answer submit(PoolTask task);
  PoolFigures figures();
  void work();
  void watch();
  JobPtr next_job();
  bool goes_on(const JobPtr& job);
  void expire_until(MonoTime now);
  void close();
  bool all_end_within(std::chrono::milliseconds patience);
  // With mutex held:
  void start(void (Core::*loop)());
  void join_ended();
  void fill();
  bool hangs(const std::string& kind) const;
  // Without it:
  void ended();
  void leave_threads();

  const platform::Clock& clock;
  const PoolOptions options;
  std::stop_source stopping;
  std::mutex mutex;
  std::condition_variable_any changed;
  bool closed = false;  // guarded by mutex, as all below
  size_t alive = 0;     // threads that have not ended
  size_t able = 0;      // workers that were not left behind
  std::deque<JobPtr> waiting;
  std::deque<JobPtr> all;    // waiting or at work, by deadline
  std::vector<JobPtr> hung;  // at work beyond their deadline
  std::vector<std::thread> threads;
  std::vector<std::thread::id> over;  // of those that have nothing left to do but to end
};

void QueryPool::Core::start(void (Core::*loop)()) {
  join_ended();
  threads.emplace_back([core = shared_from_this(), loop] {
    ((*core).*loop)();
    core->ended();
  });
  ++alive;
}

void QueryPool::Core::join_ended() {
  for (const std::thread::id id : std::exchange(over, {})) {
    const auto found = std::ranges::find(threads, id, &std::thread::get_id);
    found->join();
    threads.erase(found);
  }
}

void QueryPool::Core::fill() {
  while (!closed && able < options.threads &&
         able + hung.size() < options.threads + options.spares) {
    try {
      start(&Core::work);
    } catch (const std::system_error&) {
      return;  // no thread to be had: tried again with the next task
    }
    ++able;
  }
}

bool QueryPool::Core::hangs(const std::string& kind) const {
  const auto alike =
      std::ranges::count_if(hung, [&](const JobPtr& job) { return job->task.kind == kind; });
  return able == 0 || static_cast<size_t>(alike) >= options.most_hung_alike;
}

QueryPool::Answer QueryPool::Core::submit(PoolTask task) {
  auto job = std::make_shared<Job>();
  job->task = std::move(task);
  const std::lock_guard lock(mutex);
  if (closed) return Answer::full;
  fill();
  if (hangs(job->task.kind)) return Answer::hung;
  if (waiting.size() >= options.queue) return Answer::full;
  job->deadline = clock.monotonic() + options.allowance;
  waiting.push_back(job);
  all.push_back(job);
  changed.notify_all();
  return Answer::taken;
}

PoolFigures QueryPool::Core::figures() {
  const std::lock_guard lock(mutex);
  return {hung.size(), able > 0};
}

JobPtr QueryPool::Core::next_job() {
  std::unique_lock lock(mutex);
  const auto stop = stopping.get_token();
  if (!changed.wait(lock, stop, [&] { return !waiting.empty(); })) return nullptr;
  auto job = waiting.front();
  waiting.pop_front();
  return job;
}

void QueryPool::Core::work() {
  while (const auto job = next_job()) {
    const std::stop_callback forward(stopping.get_token(), [&] { job->stop.request_stop(); });
    job->task.run(job->deadline, job->stop.get_token());
    if (!goes_on(job)) return;
  }
}

// One that was left behind has been replaced, unless the spares were used up.
bool QueryPool::Core::goes_on(const JobPtr& job) {
  const std::lock_guard lock(mutex);
  if (std::erase(hung, job) == 0) {
    std::erase(all, job);
    return true;
  }
  if (able >= options.threads) return false;
  ++able;
  return true;
}

// All tasks have the same allowance: the first has the earliest deadline.
void QueryPool::Core::watch() {
  const auto stop = stopping.get_token();
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
      all.pop_front();
      if (std::erase(waiting, late.back()) > 0) continue;
      hung.push_back(late.back());
      --able;
    }
    fill();
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

void QueryPool::Core::leave_threads() {
  const std::lock_guard lock(mutex);
  join_ended();
  for (std::thread& thread : threads) thread.detach();
  threads.clear();
}

void QueryPool::Core::ended() {
  const std::lock_guard lock(mutex);
  --alive;
  over.push_back(std::this_thread::get_id());
  changed.notify_all();
}

bool QueryPool::Core::all_end_within(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex);
  // Nobody waits again for what is known to hang.
  if (!changed.wait_for(lock, patience, [&] { return alive <= hung.size(); })) return false;
  return changed.wait_for(lock, std::min(patience, kLastLook), [&] { return alive == 0; });
}

QueryPool::QueryPool(const platform::Clock& clock, const PoolOptions& options)
    : core_(std::make_shared<Core>(clock, options)) {
  const std::lock_guard lock(core_->mutex);
  core_->start(&Core::watch);
  core_->fill();
}

QueryPool::~QueryPool() {
  (void)stop();
}

QueryPool::Answer QueryPool::submit(PoolTask task) {
  return core_->submit(std::move(task));
}

PoolFigures QueryPool::figures() const {
  return core_->figures();
}

bool QueryPool::stop(std::chrono::milliseconds patience) {
  if (std::exchange(stopped_, true)) return !left_behind_;
  core_->close();
  core_->stopping.request_stop();
  left_behind_ = !core_->all_end_within(patience);
  // Also what is left at work: its client is answered, and what it answers later goes nowhere.
  core_->expire_until(MonoTime::max());
  core_->leave_threads();
  return !left_behind_;
}

}  // namespace vigie::api
