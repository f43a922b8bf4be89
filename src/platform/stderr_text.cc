#include "platform/stderr_text.h"

#include <algorithm>

namespace vigie::platform {

void StderrText::append(std::string_view text) {
  const size_t head = std::min(half_ - first_.size(), text.size());
  first_ += text.substr(0, head);
  text.remove_prefix(head);
  const size_t room = std::min(half_ - last_.size(), text.size());
  last_ += text.substr(0, room);
  text.remove_prefix(room);
  left_out_ += text.size();
  for (const char c : text.substr(text.size() - std::min(text.size(), half_))) {
    last_[next_] = c;
    next_ = (next_ + 1) % half_;
  }
}

std::string StderrText::text() const {
  std::string out = first_;
  if (left_out_ > 0) out += "\n[" + std::to_string(left_out_) + " bytes left out]\n";
  out.append(last_, next_);
  out.append(last_, 0, next_);
  return out;
}

}  // namespace vigie::platform
