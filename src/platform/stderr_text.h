// What a program wrote to stderr, in bounded memory: its first half and its last.
#pragma once

#include <string>
#include <string_view>

namespace vigie::platform {

class StderrText {
 public:
  // Keeps at most `keep` bytes, and says between the halves how many it left out.
  explicit StderrText(size_t keep) : half_(keep / 2) {}
  void append(std::string_view text);
  std::string text() const;

 private:
  size_t half_;
  std::string first_;
  std::string last_;  // a ring once it is full
  size_t next_ = 0;   // where the ring goes on
  size_t left_out_ = 0;
};

}  // namespace vigie::platform
