// The three verdicts. What could not be looked at is neither good nor bad; it is never shown as
// good.
#pragma once

#include <string_view>

namespace vigie {

enum class Verdict : unsigned char { passed, failed, could_not_verify };

constexpr std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::failed:
      return "failed";
    case Verdict::could_not_verify:
      break;
  }
  return "could_not_verify";
}

}  // namespace vigie
