#include "ledger/chain.h"

namespace vigie::ledger {

bool Chain::links(std::string_view prev_hash) const {
  return prev_hash == stated_ || prev_hash == whole_ || stated_.empty();
}

std::string_view Chain::problem_of(const LineView& entry) const {
  if (entry.seq < next_) return "out of order";
  if (entry.seq > next_ + lost_) return "entries are missing before it";
  if (!links(entry.prev_hash)) return "does not follow the entry before it";
  return {};
}

Chain::Judged Chain::judge(std::string_view line) {
  const auto entry = read_line(line);
  if (!entry) {
    lose_line(line.size());
    return {std::nullopt, "not an entry", 0};
  }
  if (line_hash(*entry, hash_) != entry->entry_hash) {
    ++lost_;
    stated_ = entry->entry_hash;
    return {std::nullopt, "the entry was changed", entry->seq};
  }
  if (entry->seq > next_seq() + kMaxJump) {
    lose_line(line.size());
    return {std::nullopt, "its seq cannot be", entry->seq};
  }
  Judged judged{entry, problem_of(*entry), entry->seq};
  judged.follows_lost_end = entry->seq > next_seq() && entry->prev_hash == whole_;
  if (entry->seq >= next_) append(entry->seq, std::string(entry->entry_hash));
  return judged;
}

// Damage may have joined lines: as many entries are gone as fit into the bytes.
void Chain::lose_line(uint64_t bytes) {
  constexpr uint64_t kShortestLine = 400;
  lost_ += 1 + bytes / kShortestLine;
  stated_.clear();
}

void Chain::lose_end(uint64_t seq) {
  ++lost_;
  if (seq >= next_seq()) lost_ = seq + 1 - next_;
}

void Chain::append(uint64_t seq, std::string entry_hash) {
  next_ = seq + 1;
  lost_ = 0;
  whole_ = std::move(entry_hash);
  stated_ = whole_;
}

}  // namespace vigie::ledger
