// The logs of runs that entries of the ledger name, held against what lies in the state folder.
#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "cli/console.h"
#include "jobs/kept_logs.h"
#include "ledger/line.h"
#include "ledger/verify.h"

namespace vigie::cli {

struct LogReport {
  uint64_t named = 0;                     // entries that name one
  uint64_t there = 0;                     // of them, those whose log is there still
  std::vector<ledger::Problem> problems;  // the first 1,000; Problem::seq of the entry
  uint64_t problem_count = 0;
};

// Sees each entry once. One thread.
class LogChecker {
 public:
  LogChecker(platform::FileSystem& files, const platform::Path& state)
      : files_(files), folders_(jobs::LogFolders::of(state)) {}

  void see(const ledger::LineView& entry);
  LogReport report() { return std::move(report_); }

 private:
  void problem(uint64_t seq, std::string what);

  platform::FileSystem& files_;
  const jobs::LogFolders folders_;
  LogReport report_;
};

json::object to_json(const LogReport& logs);
void print(Console& console, const LogReport& logs);

}  // namespace vigie::cli
