// The whole proof, as a pure reader: the chain, and the signed checkpoints against it. On any
// folder that holds a copy; with the public key that is known from elsewhere it finds also what
// whoever could write the folder has cut off or written anew. No lock, no configuration; one pass.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "ledger/checkpoint.h"
#include "ledger/signing.h"
#include "ledger/survey.h"
#include "ledger/verify.h"
#include "platform/file_system.h"

namespace vigie::ledger {

struct CheckpointReport {
  bool there = false;             // the file checkpoints.jsonl
  bool public_key = false;        // ledger.pub lies beside it
  bool trusted = false;           // a key was given, and it signs here
  uint64_t checkpoints = 0;       // sound ones
  uint64_t matched = 0;           // of them, those whose entry is there
  std::string key_id;             // of the key in use; empty: none
  Checkpoint newest;              // size 0: there is none
  std::vector<Problem> problems;  // the first 1,000
  uint64_t problem_count = 0;

  // could_not_verify: there is nothing to compare with, and a key was given.
  Verdict verdict(bool key_given) const;
};

struct SignedReport {
  VerifyReport ledger;
  CheckpointReport checkpoints;
  bool key_given = false;

  Verdict verdict() const;
};

// Where the parts lie. `given` is the folder of a ledger, or the folder that holds `ledger/`.
struct LedgerPlace {
  platform::Path ledger;
  platform::Path checkpoints;
  platform::Path public_key;
  // Where the checkpoints and the key lie; null: where the ledger does. A copy's checkpoints, held
  // against the ledger itself, show what was done to both.
  platform::FileSystem* beside = nullptr;
};
LedgerPlace place_of(platform::FileSystem& files, const platform::Path& given);

// signing_key_invalid when the file holds no Ed25519 public key; those of files.
Result<PublicKey> read_public_key(platform::FileSystem& files, const platform::Path& path);

// Errors as of verify(). `see`: each whole entry as it passes.
Result<SignedReport> verify_signed(platform::FileSystem& files, const LedgerPlace& place,
                                   const std::optional<PublicKey>& key, std::stop_token stop = {},
                                   const SeeEntry& see = {});

}  // namespace vigie::ledger
