// How each part stands: documents of vigie.status/1 and vigie.status-public/1
// (docs/formats/status-1.md), as pure functions of the views and of now. Nothing here runs a check.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "status/views.h"

namespace vigie::status {

// A closed set, from good to bad. What is not known is worse than a warning and better than fail.
enum class Status : unsigned char { pass, warn, unknown, fail };
std::string_view to_string(Status status);
inline Status worse(Status a, Status b) {
  return a < b ? b : a;
}

enum class Kind : unsigned char { health, readiness, backups, restore };
std::string_view to_string(Kind kind);
std::optional<Kind> parse_kind(std::string_view text);

struct Check {
  std::string id;  // "backups.nightly.app.rpo"
  Status status = Status::unknown;
  std::string reason_code;  // of the error registry, or a word of status-1.md; "ok" when pass
  json::value observed;     // a number, a string or null
  std::string unit;         // "s", "bytes", "1"; empty: none
  json::value threshold;    // in the same unit, or null
  std::optional<SystemTime> observed_at;
  std::optional<Duration> stale_after;  // nothing: it does not get stale
  std::optional<SystemTime> since;      // since when it has this status, where that is known
  std::optional<Duration> duration;     // what it took to observe
  std::vector<std::string> sources;
  std::string runbook;
};

struct Report {
  Kind kind = Kind::health;
  Status status = Status::unknown;        // the worst of the checks, staleness included
  std::optional<SystemTime> observed_at;  // the oldest of the checks'
  Duration stale_after{};
  bool stale = false;
  std::vector<Check> checks;  // sorted by id; a stale pass has become unknown
};

Report make_report(Kind kind, const Views& views, SystemTime now);

// The whole document, of the views that the report was made of. `public_document` is what everybody
// may see: it costs neither data nor the JSON of checks.
json::object full_document(const Report& report, const Views& views, SystemTime now,
                           const CorrelationId& correlation_id);
json::object public_document(const Report& report, SystemTime now,
                             const CorrelationId& correlation_id);

// 200, or 503: readiness for unknown and fail; the two reports only when `strict`.
int http_status(const Report& report, bool strict);

}  // namespace vigie::status
