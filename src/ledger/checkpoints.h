// The one that signs: makes checkpoints of the ledger as it grows, and keeps the key. Format:
// docs/formats/checkpoint-1.md.
//
// What it cannot do shows in view() and fails nothing else: evidence is written without it, and it
// is tried again. One process at a time, as for the ledger. Thread-safe; view() never waits for a
// disk.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ledger/checkpoint_file.h"
#include "ledger/key_files.h"
#include "ledger/ledger.h"
#include "ledger/mark.h"
#include "platform/clock.h"

namespace vigie::ledger {

// When a checkpoint is due: after so many entries, or so long after the last one.
inline constexpr uint64_t kCheckpointEntries = 1000;
inline constexpr Duration kCheckpointPeriod = std::chrono::hours(1);

struct KeyChange {
  std::string old_id;
  std::string new_id;
};

class Checkpoints {
 public:
  // Beside the ledger's `folder`. What it is given must outlive it. `read_only`: makes and changes
  // nothing.
  Checkpoints(platform::FileSystem& files, const platform::Path& folder,
              const platform::Clock& clock, bool read_only = false);

  // Reads the lines and the key; finishes what a crash left; makes the first key. Errors:
  // signing_key_invalid, checkpoint_invalid (goes on all the same), those of files. make() does it
  // again when it has failed.
  Result<> open();

  // Durable when it returns; nothing when `ledger` has no entry beyond the last one.
  Result<> make(const LedgerView& ledger);
  Result<> make_when_due(const LedgerView& ledger);

  // A new key, introduced by the old one. Errors as of open().
  Result<KeyChange> rotate();
  // The rotations so far, oldest first.
  std::vector<KeyChange> rotations() const;

  // Reads the lines again and holds each against the ledger: checkpoint_invalid with the first that
  // does not fit; cancelled; those of files.
  Result<> verify(const Ledger& ledger, const std::stop_token& stop);

  // Bytes of checkpoints.jsonl that count.
  Bytes written() const;
  // checkpoint_invalid, while a line is known to be damaged, as it was last read: none is copied
  // until that is mended, or the damage would be all that there is.
  std::optional<Error> damage() const;
  // Those that were ever in use, the current one last.
  std::vector<PublicKey> keys() const;
  // The newest one, as a mark: size 0 when there is none.
  Mark newest() const;
  CheckpointsViewPtr view() const;  // never null

 private:
  Result<> load();
  Result<> settle_key();
  Result<SigningKey> first_key();
  Result<SigningKey> key_in_use();
  Result<> introduce(const SigningKey& new_key, const SigningKey& key);
  Result<> append(const std::string& line);
  Result<> make_locked(const LedgerView& ledger);
  Result<> noted(Result<> done);
  Result<> ready();
  void publish();

  platform::FileSystem& files_;
  const platform::Path path_;
  const platform::Clock& clock_;
  const bool read_only_;

  mutable std::mutex mutex_;  // of everything that follows; held while a line becomes durable
  KeyFiles keys_;
  CheckpointFile file_;  // its problems are those that were found when it was read
  std::optional<SigningKey> key_;
  std::optional<Error> failure_;  // of the last attempt
  std::optional<Error> damage_;   // of the lines alone, when they were last read
  std::optional<Error> misfit_;   // of the last verification, or of opening
  std::optional<SystemTime> failed_at_;
  MonoTime next_try_{};
  MonoTime made_at_{};

  mutable std::mutex view_mutex_;
  CheckpointsViewPtr view_;  // guarded by view_mutex_
};

// The newest checkpoint up to the entry `at_most` as it stands in the file, with the key that
// signed it; nothing when there is none. It reads the file.
struct FoundCheckpoint {
  json::object line;
  std::string public_key;  // PEM
};
Result<std::optional<FoundCheckpoint>> find_checkpoint(platform::FileSystem& files,
                                                       const platform::Path& path, uint64_t at_most,
                                                       std::stop_token stop = {});

// The first problem as an error.
std::optional<Error> finding_of(const CheckpointFile& file);

}  // namespace vigie::ledger
