// One line of the ledger as bytes: its outermost members as slices, its hash, and how an entry
// becomes one. Pure. Format: docs/formats/evidence-1.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/json.h"

namespace vigie::ledger {

inline constexpr std::string_view kSchema = "vigie.evidence/1";
inline constexpr Bytes kMaxLine = 256_KiB;  // without its line feed
inline constexpr size_t kMaxDepth = 16;
inline constexpr uint64_t kMaxSeq = (uint64_t{1} << 53) - 1;
// So many entries are never missing between two: they would be terabytes. A line that says so was
// not written by us, and must not use up the seqs.
inline constexpr uint64_t kMaxJump = uint64_t{1} << 32;

// Slices of a line: they live as long as its bytes.
struct LineView {
  uint64_t seq = 0;
  unsigned version = 0;  // behind the schema's slash
  std::string_view kind;
  std::string_view ended_at;
  std::string_view prev_hash;
  std::string_view entry_hash;
  std::string_view trigger;  // the object as text
  // Empty when absent; the last two as text of JSON.
  std::string_view id;
  std::string_view result;
  std::string_view requirement_ids;
  std::string_view subject;
  std::string_view before;  // the bytes that the hash is over:
  std::string_view behind;  // these two, one after the other
};

// Nothing when the bytes are not an object whose outermost members are in canonical order and of
// which those above are there. What lies deeper is only skipped over: the hash vouches for it.
std::optional<LineView> read_line(std::string_view line);

// The number behind the schema's slash, also when the line is nothing that read_line() accepts: 0
// when it names no version.
unsigned schema_version(std::string_view line);

// True for what an interrupted append can have left at the end of a file: the beginning of one
// entry's line, up to all of it but the line feed.
bool is_beginning_of_line(std::string_view bytes);

// What entry_hash must be.
std::string line_hash(const LineView& view, Sha256& hash);

// The prev_hash of the first entry.
std::string first_prev_hash();

struct SealedLine {
  std::string text;  // with its line feed
  std::string entry_hash;
};

// Adds schema, seq, prev_hash and entry_hash. `entry` must be clean (redact.h).
SealedLine seal_line(json::object entry, uint64_t seq, std::string_view prev_hash);

}  // namespace vigie::ledger
