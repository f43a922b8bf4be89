#include "proof/leftovers.h"

#include "proof/witness_table.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTables = "run_";
constexpr std::string_view kEnding = ".log";
constexpr std::string_view kWrongEnding = ".wrong.log";
constexpr size_t kRunDigits = 32;
constexpr size_t kNameDigits = 12;
constexpr size_t kMostAtOnce = 100;
constexpr auto kElsewhere = 30 * 24h;

bool is_run(std::string_view text) {
  return text.size() == kRunDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The runs whose logs came to no verdict.
Result<std::vector<std::string>> unsettled(platform::FileSystem& files,
                                           const platform::Path& folder) {
  std::vector<std::string> runs;
  TRY_ASSIGN(const auto entries, files.list(folder));
  for (const platform::Entry& entry : entries) {
    const std::string run = entry.name.substr(0, kRunDigits);
    if (is_run(run) && entry.name == run + std::string(kEnding)) runs.push_back(run);
  }
  return runs;
}

bool is_old(platform::FileSystem& files, const platform::Path& log, SystemTime now) {
  const auto info = files.info(log);
  return info && now - info->modified > kElsewhere;
}

}  // namespace

std::string proof_table(std::string_view run) {
  return std::string(kTables) + std::string(run.substr(0, kNameDigits));
}

platform::Path proof_log(const platform::Path& folder, std::string_view run) {
  return folder / (std::string(run) + std::string(kEnding));
}

Result<> keep_log(platform::FileSystem& files, const platform::Path& folder, std::string_view run) {
  TRY(files.rename_replace(proof_log(folder, run),
                           folder / (std::string(run) + std::string(kWrongEnding))));
  return files.sync_folder(folder);
}

Result<> remove_leftovers(platform::PgConnection& session, platform::FileSystem& files,
                          const platform::Path& folder, const std::set<std::string>& needed,
                          SystemTime now, const CallLimits& limits) {
  TRY_ASSIGN(const auto runs, unsettled(files, folder));
  TRY_ASSIGN(const auto tables, tables_named(session, kTables, limits));
  size_t left = kMostAtOnce;
  for (const std::string& run : runs) {
    if (needed.contains(run)) continue;
    const platform::Path log = proof_log(folder, run);
    const bool here = tables.contains(proof_table(run));
    if (!here && !is_old(files, log, now)) continue;
    if (left-- == 0) break;
    if (here) TRY(WitnessTable(proof_table(run)).drop(session, limits));
    TRY(files.remove_file(log));
  }
  return files.sync_folder(folder);
}

}  // namespace vigie::proof
