// A dead-man's switch outside: whoever keeps it notices when Vigie falls silent. The convention is
// that of healthchecks.io and its like: URL/start, URL, URL/fail.
#pragma once

#include <string>

#include "base/work.h"
#include "platform/clock.h"
#include "platform/http_client.h"

namespace vigie::backup {

enum class PingKind : unsigned char { start, success, failure };

// The address with the kind's path; a query string stays at the end. Pure.
std::string ping_address(std::string url, PingKind kind);

// Reads the address anew from `url_file` (a secret), and sends one GET within ten seconds. Errors:
// secret_file_*, ping_failed. Whoever calls it warns, and goes on: a backup is worth having without
// its ping.
Result<> ping(platform::HttpClient& client, const platform::Clock& clock,
              const std::string& url_file, PingKind kind, const Work& work);

}  // namespace vigie::backup
