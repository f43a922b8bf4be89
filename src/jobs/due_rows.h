// Due times as rows of state.db (docs/formats/state-db-1.md). Errors: those of Sqlite.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/sqlite.h"

namespace vigie::jobs {

inline constexpr std::string_view kMissedDown = "down";
inline constexpr std::string_view kMissedWindow = "window";
inline constexpr std::string_view kMissedOverlap = "overlap";

struct DueRow {
  std::string job;
  std::string kind;
  std::string schedule;
  SystemTime last_due_at;
  std::optional<SystemTime> missed_due_at;
  std::string missed_reason;
};

Result<std::vector<DueRow>> due_rows(platform::Sqlite& db);
// Due times of this schedule up to `last_due` are dealt with. What was missed stays.
Result<> save_due(platform::Sqlite& db, const std::string& job, const std::string& kind,
                  const std::string& schedule, SystemTime last_due);
// Dealt with, and missed.
Result<> mark_missed(platform::Sqlite& db, const std::string& job, const std::string& kind,
                     SystemTime due, std::string_view reason);
// The due time has become a run.
Result<> mark_started(platform::Sqlite& db, const std::string& job, const std::string& kind,
                      SystemTime due);

}  // namespace vigie::jobs
