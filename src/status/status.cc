#include "status/status.h"

#include <algorithm>

#include "status/reports.h"

namespace vigie::status {
namespace {

std::vector<Check> make_checks(Kind kind, const Views& views, SystemTime now) {
  switch (kind) {
    case Kind::health:
      return health_checks(views, now);
    case Kind::readiness:
      return readiness_checks(views, now);
    case Kind::backups:
      return backups_checks(views, now);
    case Kind::restore:
      break;
  }
  return restore_checks(views, now);
}

json::object make_data(Kind kind, const Views& views, SystemTime now) {
  switch (kind) {
    case Kind::health:
      return health_data(views);
    case Kind::readiness:
      return readiness_data(views);
    case Kind::backups:
      return backups_data(views, now);
    case Kind::restore:
      break;
  }
  return restore_data(views, now);
}

// A clock that was set back must not make evidence younger than new.
Duration age(SystemTime observed_at, SystemTime now) {
  return std::max(Duration(0), now - observed_at);
}

bool is_stale(const Check& check, SystemTime now) {
  return check.observed_at && check.stale_after &&
         age(*check.observed_at, now) > *check.stale_after;
}

// What cannot be known any more, or was never looked at, is not good. What was bad stays bad.
void apply_staleness(Check& check, SystemTime now) {
  const bool good = check.status == Status::pass || check.status == Status::warn;
  if (!good) return;
  if (check.stale_after && !check.observed_at) {
    check.status = Status::unknown;
    check.reason_code = "not_evaluated";
    check.observed = nullptr;
  }
  if (!is_stale(check, now)) return;
  check.status = Status::unknown;
  check.reason_code = "stale";
}

// How much of the time is over in which it must be looked at again: 1 is all of it.
double share_of_limit(const Check& check, SystemTime now) {
  if (!check.observed_at || !check.stale_after || *check.stale_after <= Duration(0)) return 0;
  return to_seconds(now - *check.observed_at) / to_seconds(*check.stale_after);
}

// Age and limit are of one check, the one that is nearest to being stale: those of two would say
// nothing together.
void summarise(Report& report, SystemTime now) {
  double nearest = 0;
  report.status = report.checks.empty() ? Status::unknown : Status::pass;
  for (const auto& check : report.checks) {
    report.status = worse(report.status, check.status);
    report.stale = report.stale || is_stale(check, now);
    const double share = share_of_limit(check, now);
    const bool first = check.observed_at && !report.observed_at;
    if (!first && share <= nearest) continue;
    nearest = std::max(nearest, share);
    report.observed_at = check.observed_at;
    report.stale_after = check.stale_after.value_or(Duration(0));
  }
}

json::value seconds_json(const std::optional<Duration>& duration) {
  return duration ? json::value(to_seconds(*duration)) : json::value(nullptr);
}

std::optional<Duration> optional_age(const std::optional<SystemTime>& at, SystemTime now) {
  return at ? std::optional(age(*at, now)) : std::nullopt;
}

json::value milliseconds_json(const std::optional<Duration>& duration) {
  return duration ? json::value(to_seconds(*duration) * 1000) : json::value(nullptr);
}

json::array strings_json(const std::vector<std::string>& all) {
  return json::array(all.begin(), all.end());
}

json::object check_json(const Check& check, SystemTime now) {
  return {{"id", check.id},
          {"status", to_string(check.status)},
          {"reason_code", check.reason_code},
          {"observed", json::object{{"value", check.observed}, {"unit", text_json(check.unit)}}},
          {"threshold", check.threshold},
          {"observed_at", time_json(check.observed_at)},
          {"age_s", seconds_json(optional_age(check.observed_at, now))},
          {"stale", is_stale(check, now)},
          {"since", time_json(check.since)},
          {"duration_ms", milliseconds_json(check.duration)},
          {"sources", strings_json(check.sources)},
          {"runbook", text_json(check.runbook)}};
}

void put_head(json::object& document, const Report& report, SystemTime now) {
  document["kind"] = to_string(report.kind);
  document["status"] = to_string(report.status);
  document["generated_at"] = format_rfc3339(now);
  document["observed_at"] = time_json(report.observed_at);
  document["age_s"] = seconds_json(optional_age(report.observed_at, now));
  document["stale_after_s"] = report.stale_after == Duration(0)
                                  ? json::value(nullptr)
                                  : json::value(to_seconds(report.stale_after));
  document["stale"] = report.stale;
}

}  // namespace

void judge(Check& check, Status status, std::string reason_code) {
  check.status = status;
  check.reason_code = std::move(reason_code);
}

Check make_check(std::string id, Status status, std::string reason_code, std::string runbook) {
  Check check;
  check.id = std::move(id);
  check.status = status;
  check.reason_code = std::move(reason_code);
  check.runbook = std::move(runbook);
  return check;
}

std::string_view to_string(Status status) {
  switch (status) {
    case Status::pass:
      return "pass";
    case Status::warn:
      return "warn";
    case Status::fail:
      return "fail";
    case Status::unknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::health:
      return "health";
    case Kind::readiness:
      return "readiness";
    case Kind::backups:
      return "backups";
    case Kind::restore:
      break;
  }
  return "restore";
}

std::optional<Kind> parse_kind(std::string_view text) {
  for (const Kind kind : {Kind::health, Kind::readiness, Kind::backups, Kind::restore})
    if (text == to_string(kind)) return kind;
  return std::nullopt;
}

json::value time_json(const std::optional<SystemTime>& time) {
  return time ? json::value(format_rfc3339(*time)) : json::value(nullptr);
}

json::value text_json(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

Report make_report(Kind kind, const Views& views, SystemTime now) {
  Report report;
  report.kind = kind;
  report.checks = make_checks(kind, views, now);
  for (auto& check : report.checks) apply_staleness(check, now);
  std::ranges::sort(report.checks, {}, &Check::id);
  summarise(report, now);
  return report;
}

json::object full_document(const Report& report, const Views& views, SystemTime now,
                           const CorrelationId& correlation_id) {
  json::object document{{"schema", "vigie.status/1"}};
  put_head(document, report, now);
  document["correlation_id"] = correlation_id.str();
  document["service"] =
      json::object{{"name", views.process.service_name}, {"version", views.process.version}};
  json::array checks;
  for (const auto& check : report.checks) checks.push_back(check_json(check, now));
  document["checks"] = std::move(checks);
  document["data"] = make_data(report.kind, views, now);
  return document;
}

json::object public_document(const Report& report, SystemTime now,
                             const CorrelationId& correlation_id) {
  json::object document{{"schema", "vigie.status-public/1"}};
  put_head(document, report, now);
  document["correlation_id"] = correlation_id.str();
  return document;
}

int http_status(const Report& report, bool strict) {
  const bool bad = report.status == Status::fail || report.status == Status::unknown;
  const bool counts = report.kind == Kind::readiness || (strict && report.kind != Kind::health);
  return bad && counts ? 503 : 200;
}

}  // namespace vigie::status
