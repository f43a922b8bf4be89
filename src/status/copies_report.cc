// Copies in further stores: whether each has what the first one has, verified, and whether any of
// them lies off the host.
#include <fmt/format.h>

#include "status/reports.h"

namespace vigie::status {
namespace {

using backup::BackupJobView;
using backup::BackupsView;
using backup::CopyAttempt;
using backup::CopyView;

bool is_of_place(const CopyView& copy, std::string_view job, std::string_view database,
                 std::string_view store) {
  return copy.id.job == job && copy.id.database == database && copy.store == store;
}

const CopyView* newest_good(const BackupsView& view, std::string_view job,
                            std::string_view database, std::string_view store) {
  const CopyView* newest = nullptr;
  for (const CopyView& one : view.copies) {
    if (!is_of_place(one, job, database, store)) continue;
    if (one.verdict() == Verdict::passed) newest = &one;  // sorted by time
  }
  return newest;
}

const CopyAttempt* attempt_of(const BackupsView& view, std::string_view job,
                              std::string_view database, std::string_view store) {
  const auto found = std::ranges::find_if(view.copy_attempts, [&](const CopyAttempt& one) {
    return one.job == job && one.database == database && one.store == store;
  });
  return found == view.copy_attempts.end() ? nullptr : &*found;
}

constexpr size_t kMostNamed = 20;

// What somebody has given up goes with the next run.
json::array damaged_ones(const BackupsView& view, std::string_view job, std::string_view database,
                         std::string_view store) {
  json::array ids;
  for (const CopyView& one : view.copies)
    if (is_of_place(one, job, database, store) && one.is_damaged() && !one.given_up &&
        ids.size() < kMostNamed)
      ids.emplace_back(one.id.str());
  return ids;
}

// One that is damaged, or cannot be read, may be the last of its day.
bool any_bad(const BackupsView& view, std::string_view job, std::string_view database,
             std::string_view store) {
  return std::ranges::any_of(view.copies, [&](const CopyView& one) {
    return is_of_place(one, job, database, store) && one.last_verification && !one.given_up &&
           one.verdict() != Verdict::passed;
  });
}

// As old as its data is, against the job's target, like the backups themselves.
void judge_copy(Check& check, const BackupJobView& job, const CopyView* copy,
                const CopyAttempt* attempt, SystemTime now) {
  check.unit = "s";
  if (job.rpo_target > Duration(0)) check.threshold = to_seconds(job.rpo_target);
  const auto age = copy ? std::optional(now - copy->id.started_at) : std::nullopt;
  if (age) check.observed = to_seconds(std::max(Duration(0), *age));
  const bool late = !age || (job.rpo_target > Duration(0) && *age > job.rpo_target);
  if (late) judge(check, Status::warn, "no_recent_copy");
  if (attempt != nullptr && !attempt->error_code.empty())
    judge(check, Status::warn, attempt->error_code);
}

Check copy_check(const BackupsView& view, const BackupJobView& job, const std::string& database,
                 const std::string& store, SystemTime now) {
  auto check = make_check(fmt::format("backups.{}.{}.copy.{}", job.name, database, store),
                          Status::pass, "ok", "copies");
  check.observed_at = view.observed_at;
  check.stale_after = kStaleAfter;
  check.sources = {"store:" + store};
  if (any_bad(view, job.name, database, store)) judge(check, Status::warn, "copy_damaged");
  judge_copy(check, job, newest_good(view, job.name, database, store),
             attempt_of(view, job.name, database, store), now);
  return check;
}

// A verified one: what was only written there may be anything.
bool has_one_off_host(const BackupsView& view, const BackupJobView& job,
                      const backup::DatabaseView& database) {
  const auto original = [&](const backup::ArtefactView& one) {
    return one.id.job == job.name && one.id.database == database.name &&
           one.verdict() == Verdict::passed && view.is_off_host(one.store);
  };
  // Of a store that the job does not name any more nobody reads them again.
  const auto named = [&](const std::string& store) {
    return std::ranges::count(job.copies, store) > 0;
  };
  const auto copy = [&](const CopyView& one) {
    return one.id.job == job.name && one.id.database == database.name &&
           one.verdict() == Verdict::passed && named(one.store) && view.is_off_host(one.store);
  };
  return std::ranges::any_of(view.artefacts, original) || std::ranges::any_of(view.copies, copy);
}

Check off_host_check(const BackupsView& view) {
  auto check = make_check("stores.off_host", Status::pass, "ok", "copies");
  check.observed_at = view.observed_at;
  check.stale_after = kStaleAfter;
  check.sources = {"stores"};
  const bool all = std::ranges::all_of(view.jobs, [&](const BackupJobView& job) {
    return std::ranges::all_of(job.databases, [&](const backup::DatabaseView& database) {
      return has_one_off_host(view, job, database);
    });
  });
  if (!all || view.jobs.empty()) judge(check, Status::warn, "no_copy_off_host");
  return check;
}

}  // namespace

std::vector<Check> copies_checks(const BackupsView& view, SystemTime now) {
  std::vector<Check> checks;
  for (const BackupJobView& job : view.jobs)
    for (const backup::DatabaseView& database : job.databases)
      for (const std::string& store : job.copies)
        checks.push_back(copy_check(view, job, database.name, store, now));
  checks.push_back(off_host_check(view));
  return checks;
}

json::array copies_json(const BackupsView& view, const BackupJobView& job,
                        const std::string& database) {
  json::array out;
  for (const std::string& store : job.copies) {
    const CopyView* const copy = newest_good(view, job.name, database, store);
    const CopyAttempt* const attempt = attempt_of(view, job.name, database, store);
    const auto count = std::ranges::count_if(view.copies, [&](const CopyView& one) {
      return is_of_place(one, job.name, database, store);
    });
    out.push_back(json::object{
        {"store", store},
        {"off_host", view.is_off_host(store)},
        {"copies", count},
        {"damaged", damaged_ones(view, job.name, database, store)},
        {"newest_verified", copy ? json::value(copy->id.str()) : json::value(nullptr)},
        {"verified_at", time_json(copy ? copy->fully_verified_at : std::nullopt)},
        {"last_attempt_at", time_json(attempt ? std::optional(attempt->at) : std::nullopt)},
        {"error_code", text_json(attempt ? attempt->error_code : std::string())}});
  }
  return out;
}

}  // namespace vigie::status
