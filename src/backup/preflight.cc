#include "backup/preflight.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::backup {
namespace {

std::string number(uint64_t n) {
  return fmt::format("{}", n);
}

std::optional<Finding> judge_version(const SourceFacts& facts) {
  if (facts.major() >= kOldestTestedMajor && facts.major() <= kNewestTestedMajor)
    return std::nullopt;
  const std::string tested = fmt::format("{} to {}", kOldestTestedMajor, kNewestTestedMajor);
  return Finding{
      Error(ErrorCode::unsupported_server,
            {{"version", number(static_cast<uint64_t>(facts.major()))}, {"expected", tested}}),
      false};
}

// One of what cannot be read.
std::string unreadable_object(const SourceFacts& facts) {
  const auto table = std::ranges::find(facts.tables, false, &SourceRelation::readable);
  if (table != facts.tables.end()) return table->qualified();
  if (facts.unreadable_sequences > 0) return facts.unreadable_sequence;
  return fmt::format("{} large objects", facts.unreadable_large_objects);
}

std::optional<Finding> judge_readable(const SourceFacts& facts, const PreflightInput& input) {
  const auto tables =
      static_cast<uint64_t>(std::ranges::count(facts.tables, false, &SourceRelation::readable));
  const uint64_t all = tables + facts.unreadable_sequences + facts.unreadable_large_objects;
  if (all == 0) return std::nullopt;
  return Finding{Error(ErrorCode::table_not_readable, {{"database", input.database},
                                                       {"observed", number(all)},
                                                       {"object", unreadable_object(facts)}})};
}

std::optional<Finding> judge_row_security(const SourceFacts& facts, const PreflightInput& input) {
  const auto hidden = std::ranges::count(facts.tables, true, &SourceRelation::row_security);
  if (hidden == 0) return std::nullopt;
  return Finding{
      Error(ErrorCode::row_security_applies,
            {{"database", input.database}, {"observed", number(static_cast<uint64_t>(hidden))}})};
}

std::optional<Finding> judge_large_objects(const SourceFacts& facts, const PreflightInput& input) {
  if (facts.large_objects <= input.large_objects_limit) return std::nullopt;
  return Finding{
      Error(ErrorCode::large_objects_limit, {{"database", input.database},
                                             {"observed", number(facts.large_objects)},
                                             {"limit", number(input.large_objects_limit)}})};
}

// For want of rights, or since a standby has no such rows. What lives in another server, or is
// computed again, is no loss: the manifest names it.
bool is_missed(const artefact::NotIncluded& one) {
  return one.kind != "rows of a foreign table" && one.kind != "rows of a materialised view";
}

std::optional<Finding> judge_not_included(const SourceFacts& facts, const PreflightInput& input) {
  const auto first = std::ranges::find_if(facts.not_included, is_missed);
  if (first == facts.not_included.end()) return std::nullopt;
  const auto all = static_cast<uint64_t>(std::ranges::count_if(facts.not_included, is_missed));
  return Finding{Error(ErrorCode::not_included, {{"database", input.database},
                                                 {"observed", number(all)},
                                                 {"object", first->kind + " " + first->object}}),
                 false};
}

Error client_missing(int major) {
  return Error(ErrorCode::client_missing, {{"version", number(static_cast<uint64_t>(major))},
                                           {"command", "pg_dump"},
                                           {"package", platform::client_package(major)}});
}

}  // namespace

std::vector<Finding> judge_source(const SourceFacts& facts, const PreflightInput& input) {
  std::vector<Finding> findings;
  if (facts.pooled) {
    findings.push_back({Error(ErrorCode::pooler_in_between,
                              {{"database", input.database}, {"name", "a pooler"}})});
  }
  for (auto finding :
       {judge_version(facts), judge_readable(facts, input), judge_row_security(facts, input),
        judge_large_objects(facts, input), judge_not_included(facts, input)}) {
    if (finding) findings.push_back(std::move(*finding));
  }
  return findings;
}

std::optional<Finding> judge_clock(const std::string& database, SystemTime before,
                                   SystemTime theirs, SystemTime after) {
  constexpr Duration kTolerated = std::chrono::seconds(2);
  const Duration apart = theirs < before ? before - theirs : theirs - after;
  if (apart <= kTolerated) return std::nullopt;
  const auto seconds = std::chrono::round<std::chrono::seconds>(apart);
  return Finding{Error(ErrorCode::clock_differs,
                       {{"database", database}, {"observed", format_duration(seconds)}}),
                 false};
}

std::vector<Finding> judge_space(const SpaceNeed& need) {
  const auto reserve_broken = [&](Bytes left, bool blocks) {
    return Finding{Error(ErrorCode::space_reserve, {{"store", need.store},
                                                    {"observed", format_bytes(left)},
                                                    {"expected", format_bytes(need.reserve)}}),
                   blocks};
  };
  if (need.available < need.reserve) return {reserve_broken(need.available, true)};
  const Bytes left{need.available.count - std::min(need.available.count, need.estimate.count)};
  if (left < need.reserve) return {reserve_broken(left, false)};
  return {};
}

std::optional<Finding> judge_clients(platform::FileSystem& files, platform::ProcessRunner& runner,
                                     int major, const platform::Path& bindir,
                                     const CallLimits& limits) {
  const auto clients = platform::find_clients(files, major, bindir);
  if (!clients) return Finding{clients.error()};
  if (bindir.empty()) return std::nullopt;  // Debian's folders hold what their name says
  const auto version = platform::client_major(runner, *clients, limits);
  if (!version) return Finding{version.error()};
  if (*version != major) return Finding{client_missing(major)};
  return std::nullopt;
}

const Finding* blocking(const std::vector<Finding>& findings) {
  const auto found = std::ranges::find(findings, true, &Finding::blocks);
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace vigie::backup
