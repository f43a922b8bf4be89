// Checkpoints as bytes: a line of checkpoints.jsonl, how one is made, and the rules that a file of
// them keeps. Pure; one thread. Format: docs/formats/checkpoint-1.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/time.h"
#include "ledger/line.h"
#include "ledger/signing.h"

namespace vigie::ledger {

inline constexpr Bytes kMaxCheckpointLine = 1_KiB;  // without its line feed
inline constexpr uint64_t kMaxCheckpointLines = 1'000'000;

// The entry `size` has the hash `head`; signed.
struct Checkpoint {
  uint64_t size = 0;  // the seq of the last entry that it covers; 0: there is none
  std::string head;   // its entry_hash
  SystemTime at;
  std::string key_id;
  std::string signature;  // hexadecimal
};

// One line, as far as it can be read; nothing in it is proven yet.
struct CheckpointLine {
  uint64_t number = 0;
  std::string prev_hash;
  std::string message;  // what the signatures are over
  std::string new_signature;
  std::optional<PublicKey> new_key;  // of an introduction
  std::string new_key_id;
  Checkpoint checkpoint;  // of an introduction: at, key_id and signature
};

// Nothing when the bytes are not a line of this release in canonical form.
std::optional<CheckpointLine> read_checkpoint(std::string_view line);
// Also of bytes that read_checkpoint() does not accept; 0: they name no version.
unsigned checkpoint_version(std::string_view line);
// True for what an interrupted append can have left behind the last line feed.
bool is_beginning_of_checkpoint(std::string_view bytes);

// A signature costs 0.1 ms. Each line is held fast by the next one's prev_hash, so that the last
// signature vouches for all of them, as long as nothing is wrong with any; who judges each tells
// which one is wrong.
enum class Signatures : bool { last, every };

// Line by line: is it what was signed, and does it follow?
class CheckpointChain {
 public:
  explicit CheckpointChain(Signatures signatures = Signatures::every) : signatures_(signatures) {}

  // Fixed words; empty: good.
  std::string_view judge(std::string_view line);

  // After the last line: false when `last` was asked for and that signature does not fit, or
  // something else was wrong. Then nothing that was read counts.
  bool holds() const;

  uint64_t lines() const { return lines_; }              // good and bad ones
  uint64_t checkpoints() const { return checkpoints_; }  // good ones
  const Checkpoint& newest() const { return newest_; }
  const std::vector<PublicKey>& keys() const { return keys_; }  // good ones, the one in use last
  const PublicKey* key(std::string_view id) const;              // nullptr: not listed

  // The next lines, with their line feed. `key` is the one in use; of the first introduction it is
  // the new one.
  std::string next(uint64_t size, std::string_view head, SystemTime at,
                   const SigningKey& key) const;
  std::string introduction(const SigningKey& new_key, SystemTime at, const SigningKey& key) const;

 private:
  std::string_view problem_of(std::string_view text);
  std::string_view forgery_in(const CheckpointLine& line) const;
  std::string_view misplacement_of(const CheckpointLine& line) const;
  std::string seal(json::object object, const SigningKey& key, const SigningKey* new_key) const;
  void accept(const CheckpointLine& line, std::string_view text);
  uint64_t next_number() const { return next_ + bad_; }

  Signatures signatures_;
  std::optional<CheckpointLine>
      unproven_;         // the last good line, when nobody looked at its signature
  bool broken_ = false;  // something was wrong, and not every signature was looked at
  uint64_t next_ = 1;    // after the last good line
  uint64_t bad_ = 0;     // lines since then
  uint64_t lines_ = 0;
  std::string last_hash_ = first_prev_hash();  // of the last good line
  std::vector<PublicKey> keys_;
  Checkpoint newest_;
  uint64_t checkpoints_ = 0;
};

}  // namespace vigie::ledger
