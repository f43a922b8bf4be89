// Entries, and ledgers in a folder, for tests of and around the ledger.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace vigie::testing {

inline ledger::Entry backup_entry(int number) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kBackup;
  entry.started_at = SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) +
                     std::chrono::minutes(number);
  entry.ended_at = entry.started_at + std::chrono::seconds(20);
  entry.result = ledger::Outcome::passed;
  entry.trigger = {"schedule", "", CorrelationId("c" + std::to_string(number)), {}};
  const std::string id = "nightly.app-" + format_compact(entry.started_at);
  entry.subject = {{"job", "nightly"}, {"database", "app"}, {"backup", id}};
  entry.environment = {{"server_version", "15.14"}};
  entry.measures = {{"rows", 1000000 + number}, {"raw_bytes", 812345678}, {"ratio", 0.25}};
  entry.assertions = {{"rows", 12, 12, ledger::Outcome::passed}};
  entry.artefacts = {{id, std::string(64, 'a'), 4711_KiB}};
  return entry;
}

inline std::vector<std::string> lines_of(const platform::Path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline void write_lines(const platform::Path& file, const std::vector<std::string>& lines) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  for (const std::string& line : lines) out << line << '\n';
}

inline std::string bytes_of(const platform::Path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

inline void write_bytes(const platform::Path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace vigie::testing
