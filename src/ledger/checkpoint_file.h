// checkpoints.jsonl: read in one pass, compared with the ledger that it speaks of, appended to.
// Format: docs/formats/checkpoint-1.md.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "ledger/checkpoint.h"
#include "ledger/verify.h"
#include "platform/file_system.h"

namespace vigie::ledger {

inline constexpr std::string_view kCheckpointsName = "checkpoints.jsonl";

// What a checkpoint that is itself sound may be told.
inline constexpr std::string_view kNotThere = "its entry is not there";
inline constexpr std::string_view kAnotherEntry = "another entry stands in its place";
inline constexpr std::string_view kEndsBefore = "the ledger ends before it";

// What a sound line says, and where it stands.
struct CheckpointPoint {
  uint64_t line = 0;  // from 1
  uint64_t size = 0;
  Sha256Digest head{};
};

struct CheckpointFile {
  bool there = false;
  CheckpointChain chain;
  std::vector<CheckpointPoint> points;  // by size
  std::vector<Problem> problems;        // the first 1,000; Problem::seq is the checkpoint's size
  uint64_t problem_count = 0;
  Bytes whole;             // up to and with the last line feed
  Bytes torn;              // behind it: an append that was interrupted
  bool open_line = false;  // the last line is damaged and has no line feed; it is in `whole`

  void problem(uint64_t line, uint64_t size, std::string_view what);
};

// One that is not there is empty. limit_exceeded beyond 1,000,000 lines; cancelled; those of files.
Result<CheckpointFile> read_checkpoints(platform::FileSystem& files, const platform::Path& path,
                                        std::stop_token stop = {},
                                        Signatures signatures = Signatures::every);
Result<CheckpointFile> read_checkpoints(const platform::ReadableFile& file,
                                        std::stop_token stop = {},
                                        Signatures signatures = Signatures::every);

// Holds each checkpoint against the ledger's entries as they pass, in their order. One thread.
class CheckpointMatcher {
 public:
  explicit CheckpointMatcher(CheckpointFile& file) : file_(file) {}

  void see(uint64_t seq, std::string_view entry_hash) {
    while (at_ < file_.points.size() && file_.points[at_].size <= seq) match(seq, entry_hash);
  }
  // After the last entry.
  void end();
  uint64_t matched() const { return matched_; }

 private:
  void match(uint64_t seq, std::string_view entry_hash);

  CheckpointFile& file_;
  size_t at_ = 0;
  uint64_t matched_ = 0;
};

// Appends a line: durable when it returns. `whole`: what counts of the file so far; what lies
// behind it, from an append that failed, is cut off first.
Result<> append_checkpoint(platform::FileSystem& files, const platform::Path& path, Bytes whole,
                           std::string_view line);

}  // namespace vigie::ledger
