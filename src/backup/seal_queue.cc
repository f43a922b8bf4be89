#include "backup/seal_queue.h"

#include <algorithm>
#include <iterator>

namespace vigie::backup {
namespace {

// A worker writes about a megabyte in that time.
constexpr std::chrono::milliseconds kGrowth{3};
constexpr std::chrono::milliseconds kIdle{100};

}  // namespace

void SealQueue::tell(std::vector<DumpFile> appeared, const std::vector<std::string>& closed) {
  if (appeared.empty() && closed.empty()) return;
  const std::lock_guard lock(mutex_);
  for (DumpFile& file : appeared) {
    files_[file.name].closed = finished_;
    if (file.whole && !finished_)
      aside_.push_back(std::move(file));
    else
      waiting_.push_back(std::move(file));
  }
  for (const std::string& name : closed) close(name);
  changed_.notify_all();
}

void SealQueue::close(const std::string& name) {
  if (const auto found = files_.find(name); found != files_.end()) found->second.closed = true;
  const auto found = std::ranges::find(aside_, name, &DumpFile::name);
  if (found == aside_.end()) return;
  waiting_.push_back(std::move(*found));
  aside_.erase(found);
}

std::vector<std::string> SealQueue::aside() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const DumpFile& file : aside_) names.push_back(file.name);
  return names;
}

void SealQueue::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  for (auto& [name, state] : files_) state.closed = true;
  std::ranges::move(aside_, std::back_inserter(waiting_));
  aside_.clear();
  changed_.notify_all();
}

std::vector<std::string> SealQueue::growing() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, state] : files_) {
    if (!state.final_size) names.push_back(name);
  }
  return names;
}

void SealQueue::size_is(const std::string& name, uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(name);
  if (found == files_.end()) return;
  found->second.size = size;
  found->second.final_size = found->second.closed;
}

Bytes SealQueue::unsealed() const {
  const std::lock_guard lock(mutex_);
  Bytes sum;
  for (const auto& [name, state] : files_) {
    if (state.size > state.sealed) sum += Bytes{state.size - state.sealed};
  }
  return sum;
}

Bytes SealQueue::staged() const {
  const std::lock_guard lock(mutex_);
  Bytes sum;
  for (const auto& [name, state] : files_) {
    if (state.size > state.released) sum += Bytes{state.size - state.released};
  }
  return sum;
}

bool SealQueue::starving(unsigned threads) const {
  const std::lock_guard lock(mutex_);
  return idle_ >= threads;
}

bool SealQueue::settled(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return over(); });
}

std::optional<DumpFile> SealQueue::next() {
  std::unique_lock lock(mutex_);
  ++idle_;
  while (!error_ && !finished_ && waiting_.empty()) changed_.wait_for(lock, kIdle);
  --idle_;
  if (error_ || waiting_.empty()) return std::nullopt;
  DumpFile file = std::move(waiting_.front());
  waiting_.pop_front();
  ++at_work_;
  return file;
}

void SealQueue::sealed_more(const std::string& name, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[name].sealed += bytes;
  sealed_ += Bytes{bytes};
}

void SealQueue::released(const std::string& name, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[name].released = bytes;
}

bool SealQueue::may_grow(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return !error_ && !files_[name].closed;
}

void SealQueue::wait_for_growth(const std::string& name) {
  std::unique_lock lock(mutex_);
  ++idle_;
  const State& state = files_[name];
  if (!state.closed && !error_) changed_.wait_for(lock, kGrowth);
  --idle_;
}

void SealQueue::done(const std::string& name) {
  const std::lock_guard lock(mutex_);
  files_.erase(name);
  --at_work_;
  if (over()) changed_.notify_all();
}

void SealQueue::give_up(Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  changed_.notify_all();
}

bool SealQueue::given_up() const {
  const std::lock_guard lock(mutex_);
  return error_.has_value();
}

std::optional<Error> SealQueue::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

Bytes SealQueue::sealed() const {
  const std::lock_guard lock(mutex_);
  return sealed_;
}

}  // namespace vigie::backup
