// Counts and fingerprints the rows of COPY text as it passes, and finds its trailer. A row may span
// any number of pieces; nothing is copied or kept but the state of one hash.
#pragma once

#include <cstdint>

#include "artefact/row_fingerprint.h"

namespace vigie::artefact {

// What a table's rows are, in 24 bytes.
struct RowSummary {
  uint64_t rows = 0;
  Fingerprint fingerprint;
  bool operator==(const RowSummary&) const = default;
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

  explicit CopyRows(const FingerprintKey& key) : key_(key), row_(key) {}

  void update(ByteSpan bytes);
  State state() const { return state_; }
  // The file may end here.
  bool complete() const { return state_ == State::complete; }
  const RowSummary& summary() const { return summary_; }

 private:
  const unsigned char* take_line(const unsigned char* at, const unsigned char* end);
  const unsigned char* finish_spanning_line(const unsigned char* at, const unsigned char* end);
  void keep_partial_line(ByteSpan piece);
  void add(Fingerprint row);

  FingerprintKey key_;
  RowSummary summary_;
  State state_ = State::rows;
  int empty_lines_ = 0;         // seen of the trailer's two
  RowHash row_;                 // of a line that began in an earlier piece
  uint64_t line_bytes_ = 0;     // of that line; 0: none is open
  unsigned char head_[2] = {};  // its first two bytes, to know the trailer
};

// The rows that a COPY … TO STDOUT gives one by one, without a trailer: what a source or a restored
// database says.
class RowCounter {
 public:
  explicit RowCounter(const FingerprintKey& key) : key_(key) {}
  // `line` with its newline or without.
  void add(std::string_view line);
  const RowSummary& summary() const { return summary_; }

 private:
  FingerprintKey key_;
  RowSummary summary_;
};

}  // namespace vigie::artefact
