#include "backup/plausibility.h"

#include <fmt/format.h>

#include <map>

#include "base/encoding.h"

namespace vigie::backup {
namespace {

constexpr size_t kMaxTableFindings = 100;

using RowsByTable = std::map<std::string_view, uint64_t>;

RowsByTable by_name(const BackupOutline& backup) {
  RowsByTable out;
  for (const TableSize& table : backup.tables) out[table.name] = table.rows;
  return out;
}

uint64_t all_rows(const BackupOutline& backup) {
  uint64_t sum = 0;
  for (const TableSize& table : backup.tables) sum += table.rows;
  return sum;
}

bool shrunk_more_than(double share, uint64_t before, uint64_t after) {
  return after<before&& static_cast<double>(before - after)> share * static_cast<double>(before);
}

void compare_tables(const BackupOutline& previous, const BackupOutline& current,
                    std::vector<PlausibilityFinding>& findings) {
  const RowsByTable now = by_name(current);
  for (const auto& [name, rows] : by_name(previous)) {
    if (findings.size() >= kMaxTableFindings) return;
    const auto found = now.find(name);
    if (found == now.end())
      findings.push_back({Oddity::table_gone, std::string(name), rows, 0});
    else if (rows > 0 && found->second == 0)
      findings.push_back({Oddity::table_emptied, std::string(name), rows, 0});
  }
}

// A physical standby has its primary's identifier; a new cluster, a pg_upgrade and a backup that
// was carried here from elsewhere have not.
bool from_another_server(const BackupOutline& previous, const BackupOutline& current) {
  return previous.system_identifier != 0 && current.system_identifier != 0 &&
         previous.system_identifier != current.system_identifier;
}

}  // namespace

std::string_view to_string(Oddity oddity) {
  switch (oddity) {
    case Oddity::rows_shrunk:
      return "rows_shrunk";
    case Oddity::bytes_shrunk:
      return "bytes_shrunk";
    case Oddity::table_gone:
      return "table_gone";
    case Oddity::table_emptied:
      return "table_emptied";
    case Oddity::other_server:
      break;
  }
  return "other_server";
}

std::string PlausibilityFinding::text() const {
  switch (oddity) {
    case Oddity::rows_shrunk:
      return fmt::format("{} rows, and {} in the backup before", after, before);
    case Oddity::bytes_shrunk:
      return fmt::format("{}, and {} in the backup before", format_bytes({after}),
                         format_bytes({before}));
    case Oddity::table_gone:
      return fmt::format("table {} is gone; it had {} rows", printable(table), before);
    case Oddity::table_emptied:
      return fmt::format("table {} is empty; it had {} rows", printable(table), before);
    case Oddity::other_server:
      break;
  }
  return fmt::format("taken from another server: system identifier {}, and {} in the backup before",
                     after, before);
}

std::vector<PlausibilityFinding> compare_backups(const BackupOutline& previous,
                                                 const BackupOutline& current,
                                                 const PlausibilityOptions& options) {
  std::vector<PlausibilityFinding> findings;
  if (from_another_server(previous, current)) {
    findings.push_back(
        {Oddity::other_server, {}, previous.system_identifier, current.system_identifier});
  }
  compare_tables(previous, current, findings);
  const uint64_t rows_before = all_rows(previous);
  const uint64_t rows_now = all_rows(current);
  if (shrunk_more_than(options.rows, rows_before, rows_now))
    findings.push_back({Oddity::rows_shrunk, {}, rows_before, rows_now});
  if (shrunk_more_than(options.bytes, previous.raw.count, current.raw.count))
    findings.push_back({Oddity::bytes_shrunk, {}, previous.raw.count, current.raw.count});
  return findings;
}

}  // namespace vigie::backup
