// Sees what the log writes, while somebody listens: for the program's look at itself.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/log.h"

namespace vigie::platform {

// Thread-safe. One listener at a time; what comes beyond kMostLines is not kept.
class LogTap {
 public:
  static constexpr size_t kMostLines = 1'000;

  // A sink that passes on every line, and keeps those that hold the text that is listened for. This
  // outlives it.
  LogSink around(LogSink below) {
    return [this, below = std::move(below)](std::string_view line) {
      below(line);
      take(line);
    };
  }

  void listen_for(std::string text) {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(text);
    lines_.clear();
  }
  // What was written since; and listens no more.
  std::vector<std::string> finish() {
    const std::lock_guard lock(mutex_);
    wanted_.clear();
    return std::exchange(lines_, {});
  }

 private:
  void take(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (wanted_.empty() || lines_.size() == kMostLines) return;
    if (line.find(wanted_) != std::string_view::npos) lines_.emplace_back(line);
  }

  std::mutex mutex_;
  std::string wanted_;              // guarded by mutex_; empty: nobody listens
  std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace vigie::platform
