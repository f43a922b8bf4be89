// What happened, append-only: the one writer. Format: docs/formats/evidence-1.md.
//
// append() returns when the entry is durable, and not before; what it has returned is never lost
// and its seq is never used again. When it fails, the entry is not in the ledger (after a crash in
// that very moment it may be). One process at a time: the state folder's lock is the caller's duty.
// Thread-safe; appends queue behind one another's fsync, readers and view() do not wait for it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "ledger/entry.h"
#include "ledger/ledger_options.h"
#include "ledger/mark.h"
#include "ledger/named_log.h"
#include "ledger/query.h"
#include "ledger/verify.h"
#include "ledger/view.h"
#include "platform/clock.h"
#include "platform/file_system.h"

namespace vigie::ledger {

// What append() answers: where the entry is from now on.
struct Recorded {
  uint64_t seq = 0;
  std::string id;          // 32 hexadecimal digits
  std::string entry_hash;  // SHA-256, hexadecimal
};

// What a run has logged so far; nothing: nothing.
using LogOfRun = std::function<std::optional<RunLogRef>(const RunId&)>;

class Ledger {
 public:
  // Makes the folder when it is missing (its parent is durable already); cuts a torn last line;
  // checks the whole chain. Damage that no entry has recorded is recorded now, in a new segment
  // when it is in the current one. Makes the reserve when there is room for it. `files` and `clock`
  // must outlive the ledger. Fails with ledger_newer, or when the folder or the name of a segment
  // cannot be read; not when a segment's bytes cannot, and not when it cannot be written.
  static Result<std::unique_ptr<Ledger>> open(platform::FileSystem& files,
                                              const platform::Path& folder,
                                              const platform::Clock& clock,
                                              LedgerOptions options = {});
  ~Ledger();

  // Durable when it returns. limit_exceeded (256 KiB, 16 levels), ledger_entry_invalid, disk_full
  // (beyond the reserve), ledger_unwritable.
  Result<Recorded> append(const Entry& entry);

  // From now on append() adds to each entry of a run what its log holds. Before other threads
  // append.
  void attach_logs(LogOfRun log_of_run) { log_of_run_ = std::move(log_of_run); }

  // A human has seen the damage: an acknowledgement of all that is recorded; view().damaged() ends.
  Result<Recorded> acknowledge_damage(const Trigger& trigger, std::string reason,
                                      std::string reference);

  // As verify() of verify.h, and more: a tail that was cut or written anew since this process wrote
  // it. Damage that nobody knew is recorded. Leaves an entry evidence_verify, unless it was stopped
  // (cancelled); appends go on meanwhile, but while new damage is looked at again. Errors: those of
  // verify() and append().
  // `also`: what else was found, and makes the entry a failed one (the checkpoints do not fit).
  Result<VerifyReport> verify(const Trigger& trigger, std::stop_token stop = {},
                              const std::optional<Error>& also = {});

  // `known` was an entry of this ledger, as a signed checkpoint says. When it is not there, the end
  // was lost, as if the mark had said so: recorded as damage. Reads one entry when all is well,
  // else the whole ledger. Errors: those of verify().
  Result<> compare_end(const Mark& known, std::stop_token stop = {});

  // As in query.h, up to the last durable entry.
  Result<> for_each(const Filter& filter, const Visit& visit, std::stop_token stop = {}) const;
  Result<Page> page(const Filter& filter, std::stop_token stop = {}) const;

  // Never null, never waits for a disk.
  LedgerViewPtr view() const;

  // Makes the reserve again when it was released and there is room; records damage that could not
  // be recorded; writes a probe when nothing was written for five minutes, so that the view's
  // proven_at is earned. Cheap when there is nothing to do: call it every minute or so.
  Result<> maintain();

 private:
  class Writer;
  explicit Ledger(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
  LogOfRun log_of_run_;
};

}  // namespace vigie::ledger
