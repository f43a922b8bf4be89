// What a durability proof writes and what must be found again: rows of known content, the log of
// those that the server has acknowledged, and their comparison. Pure.
//
// A row is (writer, seq, content): content is a function of the run's key, so that a row that was
// never sent, or that was changed, is told from one that was. Each writer sends one row at a time,
// and the next only after the server has answered or the session is gone: so at most one row of a
// writer is in flight at once, and what is in flight when a session breaks is indeterminate,
// neither lost nor saved.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vigie::proof {

struct WitnessRow {
  uint32_t writer = 0;
  uint64_t seq = 0;
  auto operator<=>(const WitnessRow&) const = default;  // NOLINT: clang-tidy 14 errs, no pointer
};

// As it is found in the table. `position` grows with every row that the server inserted.
struct FoundRow {
  WitnessRow row;
  std::string content;
  uint64_t position = 0;
};

// 64 hexadecimal digits: SHA-256 over "key writer seq".
std::string witness_content(std::string_view key, WitnessRow row);

// What is known of what was sent. Sent is more than acknowledged: the difference is indeterminate.
struct WitnessRecord {
  std::string key;
  std::map<uint32_t, std::set<uint64_t>> acknowledged;  // by writer
  std::map<uint32_t, uint64_t> sent;                    // the highest seq of each writer
};

struct WitnessVerdict {
  uint64_t acknowledged = 0;
  uint64_t present = 0;                  // of those
  std::vector<WitnessRow> lost;          // acknowledged, and not there
  std::vector<WitnessRow> changed;       // there, and not what was sent
  std::vector<WitnessRow> never_sent;    // there, and nobody sent it, as far as is noted
  uint64_t beyond_the_log = 0;           // of these: only who has the key can have written them
  std::vector<WitnessRow> out_of_order;  // of a writer, stored before an earlier one
  std::vector<WitnessRow> twice;         // there more than once
  uint64_t indeterminate_there = 0;      // not acknowledged: may be there or not
  uint64_t indeterminate_absent = 0;

  bool holds() const {
    return lost.empty() && changed.empty() && never_sent.empty() && out_of_order.empty() &&
           twice.empty();
  }
  // All is well but for rows that were written with the key, and of which nothing is noted: what
  // was noted is older than the table.
  bool is_newer_than_its_log() const {
    return beyond_the_log > 0 && beyond_the_log == never_sent.size() && lost.empty() &&
           changed.empty() && out_of_order.empty() && twice.empty();
  }
  bool finds_nothing() const {
    return present == 0 && indeterminate_there == 0 && changed.empty() && never_sent.empty();
  }
};

// `found` in any order. Every list is sorted.
WitnessVerdict judge_witness(const WitnessRecord& record, std::vector<FoundRow> found);

}  // namespace vigie::proof
