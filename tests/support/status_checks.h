// What tests ask of a report, at one moment.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "status/reports.h"
#include "tests/support/status_samples.h"

namespace vigie::status {

inline const SystemTime kNow = parse_rfc3339("2026-11-20T00:00:00Z").value();

inline const Check* find(const Report& report, std::string_view id) {
  for (const auto& check : report.checks)
    if (check.id == id) return &check;
  return nullptr;
}

// "fail rpo_missed"
inline std::string reason(const Report& report, std::string_view id) {
  const auto* check = find(report, id);
  return check ? std::string(to_string(check->status)) + " " + check->reason_code : "absent";
}

inline Views with_backups(std::shared_ptr<backup::BackupsView> backups) {
  auto views = testing::sample_views(kNow);
  views.backups = std::move(backups);
  return views;
}

}  // namespace vigie::status
