#include "proof/witness.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"

namespace vigie::proof {
namespace {

uint64_t highest_sent(const WitnessRecord& record, uint32_t writer) {
  const auto found = record.sent.find(writer);
  return found == record.sent.end() ? 0 : found->second;
}

bool is_acknowledged(const WitnessRecord& record, WitnessRow row) {
  const auto found = record.acknowledged.find(row.writer);
  return found != record.acknowledged.end() && found->second.contains(row.seq);
}

// Rows sorted by writer, seq and position.
void judge_found(const WitnessRecord& record, const std::vector<FoundRow>& found,
                 WitnessVerdict& verdict) {
  const FoundRow* before = nullptr;
  for (const FoundRow& one : found) {
    const bool same_writer = before != nullptr && before->row.writer == one.row.writer;
    if (same_writer && before->row.seq == one.row.seq) verdict.twice.push_back(one.row);
    if (same_writer && one.position < before->position) verdict.out_of_order.push_back(one.row);
    before = &one;
    const bool ours = one.content == witness_content(record.key, one.row);
    if (one.row.seq == 0 || one.row.seq > highest_sent(record, one.row.writer)) {
      verdict.never_sent.push_back(one.row);
      if (ours && one.row.seq > 0) ++verdict.beyond_the_log;
    } else if (!ours) {
      verdict.changed.push_back(one.row);
    } else if (!is_acknowledged(record, one.row)) {
      ++verdict.indeterminate_there;
    }
  }
}

}  // namespace

std::string witness_content(std::string_view key, WitnessRow row) {
  return sha256_hex(fmt::format("{} {} {}", key, row.writer, row.seq));
}

WitnessVerdict judge_witness(const WitnessRecord& record, std::vector<FoundRow> found) {
  std::ranges::sort(found, {}, [](const FoundRow& one) {
    return std::tuple(one.row.writer, one.row.seq, one.position);
  });
  WitnessVerdict verdict;
  judge_found(record, found, verdict);
  for (const auto& [writer, seqs] : record.acknowledged) {
    verdict.acknowledged += seqs.size();
    for (const uint64_t seq : seqs) {
      const auto there =
          std::ranges::binary_search(found, WitnessRow{writer, seq}, {}, &FoundRow::row);
      if (!there) verdict.lost.push_back({writer, seq});
    }
  }
  verdict.present = verdict.acknowledged - verdict.lost.size();
  uint64_t sent = 0;
  for (const auto& [writer, highest] : record.sent) sent += highest;
  verdict.indeterminate_absent = sent - verdict.acknowledged - verdict.indeterminate_there;
  return verdict;
}

}  // namespace vigie::proof
