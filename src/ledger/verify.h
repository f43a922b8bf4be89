// Checks the whole chain, as a pure reader: no lock is needed, nothing is written, a ledger that is
// being appended to is fine. Finds each edit, removal and reordering inside the chain, and by the
// mark beside the folder (mark.h) an end that was lost. Who wrote chain and mark anew is found by
// checkpoints kept elsewhere only.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/verdict.h"
#include "platform/file_system.h"

namespace vigie::ledger {

struct Problem {
  std::string segment;  // file name
  uint64_t line = 0;    // from 1
  uint64_t seq = 0;     // 0: cannot be read
  std::string what;     // fixed words, and numbers
};

struct VerifyReport {
  uint64_t entries = 0;   // whole lines that could be read
  uint64_t segments = 0;  // files; 0: this is not the folder of a ledger
  Bytes size;
  uint64_t last_seq = 0;
  std::string head;               // entry_hash of the last entry
  std::vector<Problem> problems;  // the first 1,000
  uint64_t problem_count = 0;
  bool acknowledged = false;  // there are problems, and somebody has acknowledged them all
  Bytes torn;                 // at the very end: an append at work, or one that a crash cut

  // A ledger without an entry proves nothing, and a folder without one less.
  Verdict verdict() const {
    if (problem_count > 0) return Verdict::failed;
    return entries > 0 ? Verdict::passed : Verdict::could_not_verify;
  }
  bool good() const { return verdict() == Verdict::passed; }
  // The first problem, when there is one that nobody has acknowledged.
  std::optional<Error> finding() const;
};

// ledger_newer when a newer release wrote a segment; file_not_found when there is no such folder.
Result<VerifyReport> verify(platform::FileSystem& files, const platform::Path& folder,
                            std::stop_token stop = {});

}  // namespace vigie::ledger
