// What others may see of the ledger without reading files: plain immutable values, published anew
// after each append.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "base/verdict.h"
#include "ledger/matrix.h"

namespace vigie::ledger {

struct SegmentView {
  std::string name;        // ledger-000001.jsonl; the current one: ledger.jsonl
  uint64_t first_seq = 0;  // 0: it has no readable entry
  uint64_t last_seq = 0;
  uint64_t entries = 0;
  Bytes size;
};

// A segment that does not hold what was written to it, as a ledger_damage entry recorded it.
struct DamageView {
  std::string segment;
  uint64_t line = 0;          // the first damaged one; from 1
  std::string reason;         // fixed words of the checker (chain.h)
  uint64_t problems = 0;      // in this segment
  Bytes size;                 // of the segment
  std::string sha256;         // of it; empty: it cannot be read
  uint64_t recorded_seq = 0;  // of the entry that recorded it; 0: not recorded yet
  bool acknowledged = false;
};

// What the last evidence_verify entry says.
struct VerificationView {
  SystemTime at;
  Verdict result = Verdict::could_not_verify;
  std::string error_code;     // empty when it passed
  uint64_t problems = 0;      // acknowledged ones too
  bool acknowledged = false;  // an acknowledgement of the ledger's damage followed
};

struct LedgerView {
  SystemTime observed_at;
  uint64_t entries = 0;               // readable ones
  uint64_t last_seq = 0;              // 0: none
  std::optional<SystemTime> last_at;  // ended_at of the last entry
  std::string head;                   // entry_hash of the last entry; empty: none
  Bytes size;                         // of all segments
  std::vector<SegmentView> segments;  // oldest first
  std::vector<DamageView> damages;
  Bytes torn;                  // cut off at the end of the current segment when it was opened
  bool reserve_ready = false;  // a full disk can still be recorded
  std::string error_code;      // of the last append, or of the last probe, when it failed
  std::optional<SystemTime> failed_at;
  std::optional<SystemTime> proven_at;  // when it last took a write; nothing: nobody has tried
  std::optional<VerificationView> verification;
  NewestPtr newest;  // null: not known

  // Damage that nobody has acknowledged: status is fail.
  bool damaged() const {
    for (const DamageView& one : damages) {
      if (!one.acknowledged) return true;
    }
    return false;
  }
};

using LedgerViewPtr = std::shared_ptr<const LedgerView>;

// The signed checkpoints (docs/formats/checkpoint-1.md).
struct CheckpointsView {
  SystemTime observed_at;
  std::string key_id;            // of the key in use; empty: there is none yet
  uint64_t size = 0;             // what the newest covers: the seq of an entry; 0: there is none
  std::string head;              // that entry's hash
  std::optional<SystemTime> at;  // of the newest
  std::string error_code;        // why none can be made, or one does not fit; empty: all is well
  std::optional<SystemTime> failed_at;
};
using CheckpointsViewPtr = std::shared_ptr<const CheckpointsView>;

// A copy in one folder of `evidence: copy_to`, or in one store.
struct CopyView {
  std::string folder;
  uint64_t size = 0;                     // what its newest checkpoint covers
  std::optional<SystemTime> copied_at;   // when all that there was had last been copied
  std::optional<SystemTime> busy_since;  // it is being copied
  std::string reason;                    // why the last attempt failed: a reason of status-1.md
  std::optional<SystemTime> failed_at;
};

}  // namespace vigie::ledger
