// The checks and data of each kind of report. Pure functions; make_report and full_document put the
// rest around them.
#pragma once

#include <algorithm>
#include <vector>

#include "status/facts.h"
#include "status/status.h"

namespace vigie::status {

// Evidence older than this is stale. Whoever publishes a view does so more often, also when nothing
// has changed.
inline constexpr Duration kStaleAfter = std::chrono::hours(1);
// The catalogue is compared with the stores every hour.
inline constexpr Duration kCatalogueStaleAfter = std::chrono::hours(3);
inline constexpr Duration kStoreStaleAfter = std::chrono::minutes(15);

// state.db and the ledger are written to at least every five minutes, if only to see that they can
// be.
inline constexpr Duration kWriteStaleAfter = std::chrono::minutes(15);
// The scheduler looks at the due times every half minute.
inline constexpr Duration kSchedulerStaleAfter = std::chrono::minutes(5);

// The daemon verifies its ledger every day; REQ-EVD-1 asks for it every 26 h.
inline constexpr Duration kLedgerVerifiedStaleAfter = std::chrono::hours(26);

// REQ-DUR-1 asks for a proof of durability every quarter.
inline constexpr Duration kDurabilityStaleAfter = std::chrono::hours(24 * 93);

std::vector<Check> health_checks(const Views& views, SystemTime now);
std::vector<Check> readiness_checks(const Views& views, SystemTime now);
std::vector<Check> backups_checks(const Views& views, SystemTime now);
std::vector<Check> restore_checks(const Views& views, SystemTime now);

json::object health_data(const Views& views);
json::object readiness_data(const Views& views);
json::object backups_data(const Views& views, SystemTime now);
// Of those that no job speaks for: lost, or of a job that is not configured any more.
std::vector<Check> kept_checks(const backup::BackupsView& view);
// Of copies in further stores, and whether any lies off the host.
std::vector<Check> copies_checks(const backup::BackupsView& view, SystemTime now);
// Of looks for damage in the databases themselves.
std::vector<Check> amcheck_checks(const Views& views);
json::array amcheck_json(const Views& views);
json::array copies_json(const backup::BackupsView& view, const backup::BackupJobView& job,
                        const std::string& database);
json::array losses_json(const backup::BackupsView& view);
json::array not_configured_json(const backup::BackupsView& view);
json::object restore_data(const Views& views, SystemTime now);

Check make_check(std::string id, Status status, std::string reason_code, std::string runbook);
void judge(Check& check, Status status, std::string reason_code);
json::value progress_json(const std::optional<ProgressFacts>& progress);

// Of one job and database: the newest artefact that is good, and what is wrong with the others.
struct ArtefactFacts {
  const backup::ArtefactView* newest_good = nullptr;   // the one that counts as a success
  const backup::ArtefactView* newest_whole = nullptr;  // not known to be damaged
  const backup::ArtefactView* newest = nullptr;
  size_t count = 0;
  size_t damaged = 0;
  size_t good = 0;                        // verified, or taken as good unverified
  size_t unreadable = 0;                  // whole when they were read last, and now nobody can
  std::optional<SystemTime> oldest_look;  // the longest that an artefact was not fully verified
};
ArtefactFacts artefact_facts(const backup::BackupsView& view, std::string_view job,
                             std::string_view database);

// Null is what is not known: it is no number.
template <class Number>
json::value number_json(const std::optional<Number>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}
json::value time_json(const std::optional<SystemTime>& time);
json::value text_json(const std::string& text);  // null when empty

}  // namespace vigie::status
