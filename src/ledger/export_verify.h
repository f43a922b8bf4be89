// Verifies an export of evidence (vigie.evidence-export/1, JSON) by itself: each entry's hash, the
// chain of what is contiguous, and the signed checkpoint in it. Streams; no configuration, no
// ledger. Format: docs/formats/evidence-export-1.md.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "ledger/checkpoint.h"
#include "ledger/verify.h"
#include "platform/file_system.h"

namespace vigie::ledger {

struct ExportReport {
  uint64_t entries = 0;
  uint64_t gaps = 0;              // where entries of the ledger are left out
  Checkpoint checkpoint;          // size 0: there is none
  bool signed_by_key = false;     // the key that was given signs the checkpoint
  bool reached = false;           // the checkpoint's entry is there, with its hash
  uint64_t vouched = 0;           // the entries that the checkpoint covers without a gap
  std::vector<Problem> problems;  // the first 1,000; Problem::line of the file
  uint64_t problem_count = 0;

  // Passed: there is no problem, and, when a key was given, it vouches for every entry.
  Verdict verdict(bool key_given) const;
};

// Line by line. Pure; one thread.
class ExportChecker {
 public:
  // `key` may be null: signatures are not looked at.
  explicit ExportChecker(const PublicKey* key) : key_(key) {}

  void line(uint64_t number, std::string_view text, bool too_long = false);
  // After the last line; `torn`: bytes stand behind its line feed.
  ExportReport end(bool torn);

 private:
  void head(std::string_view text);
  void checkpoint(const json::object& head);
  void entry(std::string_view text);
  void separator(std::string_view text);
  void follow(const LineView& entry);
  void problem(std::string_view what, uint64_t seq = 0);

  enum class Expects : unsigned char { head, first, entry, separator, end, nothing };
  const PublicKey* key_;
  Expects expects_ = Expects::head;
  uint64_t number_ = 0;
  uint64_t count_ = 0;  // what the head says
  uint64_t last_seq_ = 0;
  std::string last_hash_;
  uint64_t run_ = 0;  // entries without a gap
  Sha256 hash_;
  ExportReport report_;
};

// file_not_found and others of files; cancelled.
Result<ExportReport> verify_export(platform::FileSystem& files, const platform::Path& path,
                                   const std::optional<PublicKey>& key, std::stop_token stop = {});

}  // namespace vigie::ledger
