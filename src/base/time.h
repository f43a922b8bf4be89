// Points in time. Stored and exchanged in UTC; a time zone is for schedules and for what a person
// reads.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vigie {

using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;
using MonoTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::microseconds;

// RFC 3339 with Z: "2026-11-20T02:00:00Z", with six decimals only when there is a fraction of a
// second.
std::string format_rfc3339(SystemTime time);
// Accepts any offset and up to nine decimals (cut to microseconds). Years 1970 to 9999.
Result<SystemTime> parse_rfc3339(std::string_view text);

// "20261120T020000Z": the compact ISO 8601 form in artefact ids; whole seconds.
std::string format_compact(SystemTime time);
Result<SystemTime> parse_compact(std::string_view text);

// "90s", "15m", "26h", "7d", "2w", and sums of them ("1h30m"); also "500ms". As Prometheus writes
// durations.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // the same form: "1h30m"

inline double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace vigie
