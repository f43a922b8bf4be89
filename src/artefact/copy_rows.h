// Counts and fingerprints the rows of COPY text as it passes, and finds its trailer. A row may span
// any number of pieces; nothing is copied or kept but the state of one hash.
#pragma once

#include <cstdint>
#include <string_view>

#include "artefact/row_fingerprint.h"

namespace vigie::artefact {

// What a table's rows are.
struct RowSummary {
  uint64_t rows = 0;
  Fingerprint fingerprint;
  bool operator==(const RowSummary&) const = default;

  void add(Fingerprint row) {
    ++rows;
    fingerprint += row;
  }
};

// The file N.dat of pg_dump's directory format: rows, the line `\.`, two empty lines, the end. A
// value type; not for two threads.
class CopyRows {
 public:
  enum class State : unsigned char {
    rows,      // the trailer has not begun
    trailer,   // `\.` was seen, the two empty lines not yet
    complete,  // everything was seen
    broken,    // something followed the trailer, or stands in it
  };

  explicit CopyRows(const FingerprintKey& key) : start_(sip_start(key)), row_(start_) {}

  void update(ByteSpan bytes);
  State state() const { return state_; }
  // The file may end here, and nothing more will come.
  bool complete() const { return state_ == State::complete; }
  const RowSummary& summary() const { return summary_; }

 private:
  const unsigned char* take_lines(const unsigned char* at, const unsigned char* end);
  const unsigned char* take_open_line(const unsigned char* at, const unsigned char* end);
  void open_line(ByteSpan piece);
  void take_trailer(ByteSpan bytes);

  SipState start_;
  RowSummary summary_;
  State state_ = State::rows;
  int empty_lines_ = 0;         // seen of the trailer's two
  RowHash row_;                 // of the line that began in an earlier piece
  uint64_t open_bytes_ = 0;     // of that line; 0: none is open
  unsigned char head_[2] = {};  // its first two bytes, to know the trailer
};

// The rows that a COPY … TO STDOUT gives one by one, without a trailer: what a source or a restored
// database says.
class RowCounter {
 public:
  explicit RowCounter(const FingerprintKey& key) : start_(sip_start(key)) {}
  // `line` with its newline or without.
  void add(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    summary_.add(hash_row(start_, as_bytes(line)));
  }
  const RowSummary& summary() const { return summary_; }

 private:
  SipState start_;
  RowSummary summary_;
};

}  // namespace vigie::artefact
