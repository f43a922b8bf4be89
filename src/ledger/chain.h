// The rules of the chain: line by line, is this entry what was written, and does it follow? Pure;
// one thread. Format: docs/formats/evidence-1.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "ledger/line.h"

namespace vigie::ledger {

class Chain {
 public:
  struct Judged {
    // When the line's own hash fits and its seq can be; lives as long as the line.
    std::optional<LineView> entry;
    std::string_view problem;  // empty: good. Fixed words
    uint64_t seq = 0;          // what the line says; 0: it cannot be read
    // Entries are missing before it, and it links to the last one that there is: whoever wrote it
    // knew that they are lost.
    bool follows_lost_end = false;
  };

  Judged judge(std::string_view line);
  // So many bytes could not be looked at, of one line or of more.
  void lose_line(uint64_t bytes);
  // The entries up to `seq` are lost, and one at least: the next entry leaves a gap that tells.
  void lose_end(uint64_t seq);

  // For whoever appends: beyond every line that is there, and the hash to link to.
  uint64_t next_seq() const { return next_ + lost_; }
  const std::string& head() const { return whole_; }  // of the last entry whose own hash fits
  uint64_t last_seq() const { return next_ - 1; }
  // As if `line` had been judged good.
  void append(uint64_t seq, std::string entry_hash);

 private:
  std::string_view problem_of(const LineView& entry) const;
  bool links(std::string_view prev_hash) const;

  Sha256 hash_;
  uint64_t next_ = 1;  // after the last good entry
  uint64_t lost_ = 0;  // as many entries at most may be in damaged lines since then
  std::string whole_ = first_prev_hash();
  std::string stated_ = first_prev_hash();  // of the last line; empty: it could not be read
};

}  // namespace vigie::ledger
