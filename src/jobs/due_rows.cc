#include "jobs/due_rows.h"

namespace vigie::jobs {

using platform::Sqlite;

Result<std::vector<DueRow>> due_rows(Sqlite& db) {
  TRY_ASSIGN(auto rows, db.query("select job, kind, schedule, last_due_at, missed_due_at, "
                                 "missed_reason from due"));
  std::vector<DueRow> out;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return out;
    DueRow& due = out.emplace_back();
    due = {rows.text(0), rows.text(1), rows.text(2), rows.time(3), std::nullopt, rows.text(5)};
    if (!rows.is_null(4)) due.missed_due_at = rows.time(4);
  }
}

Result<> save_due(Sqlite& db, const std::string& job, const std::string& kind,
                  const std::string& schedule, SystemTime last_due) {
  return db.run(
      "insert into due values (?1, ?2, ?3, ?4, null, '') on conflict(job, kind) do update set "
      "schedule = excluded.schedule, last_due_at = excluded.last_due_at",
      job, kind, schedule, last_due);
}

Result<> mark_missed(Sqlite& db, const std::string& job, const std::string& kind, SystemTime due,
                     std::string_view reason) {
  return db.run(
      "update due set last_due_at = max(last_due_at, ?3), missed_due_at = ?3, missed_reason = ?4 "
      "where job = ?1 and kind = ?2",
      job, kind, due, reason);
}

Result<> mark_started(Sqlite& db, const std::string& job, const std::string& kind, SystemTime due) {
  return db.run("update due set last_due_at = ?3 where job = ?1 and kind = ?2", job, kind, due);
}

}  // namespace vigie::jobs
