// What Ledger is made of. Private to the room.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "ledger/index.h"
#include "ledger/ledger.h"
#include "ledger/reserve.h"
#include "ledger/survey.h"
#include "ledger/tail.h"

namespace vigie::ledger {

class Ledger::Writer {
 public:
  Writer(platform::FileSystem& files, const platform::Path& folder, const platform::Clock& clock,
         LedgerOptions options, Survey found, Mark mark);

  // What open() still has to do once the ledger was looked through; its failures are kept for
  // status, and tried again by the next append and by maintain().
  void settle();
  Result<Recorded> append(const Entry& entry, const std::optional<RunLogRef>& log = {});
  Result<Recorded> acknowledge_damage(Entry entry);
  Result<VerifyReport> verify(const Trigger& trigger, const std::stop_token& stop,
                              const std::optional<Error>& also);
  Result<> compare_end(const Mark& known, const std::stop_token& stop);
  Result<> maintain();

  const Index& index() const { return index_; }
  LedgerViewPtr view() const;

 private:
  Result<> writable() const;
  Result<Recorded> append_locked(const Entry& entry, const std::optional<RunLogRef>& log = {});
  Result<> write(std::string_view line);
  Result<> write_or_use_reserve(std::string_view line);
  Result<> seal();
  Mark written() const;
  Result<> raise_mark();
  void unproven(const Error& error);
  Result<> take_up_other_end();
  Result<VerifyReport> verify_files(const std::stop_token& stop);
  Result<VerifyReport> take_up_damage(const std::stop_token& stop);
  Result<VerifyReport> take_up_damage_locked(const Mark& mark, const std::stop_token& stop);
  Result<bool> holds(const Mark& known, const std::stop_token& stop) const;
  bool all_acknowledged() const;
  Result<> prove();
  void proven();
  Result<> record_damage();
  Entry damage_entry() const;
  void appended(const LineView& entry, std::string_view text);
  Error told(const Error& error) const;
  Error failed(const Error& error);
  void publish();

  platform::FileSystem& files_;
  const platform::Path folder_;
  const platform::Clock& clock_;
  const LedgerOptions options_;

  std::mutex mutex_;  // of everything that follows; held while an entry becomes durable
  Survey state_;      // its rows are the index's
  Mark mark_;         // the one on disk
  NewestPtr newest_;  // null at first; publish() makes it anew
  std::optional<Tail> tail_;
  Reserve reserve_;
  std::string error_code_;
  std::optional<SystemTime> failed_at_;
  std::string probe_error_;  // of the last probe, when it failed
  std::optional<SystemTime> proven_at_;
  MonoTime next_probe_{};

  Index index_;  // has its own mutex

  mutable std::mutex view_mutex_;
  LedgerViewPtr view_;  // guarded by view_mutex_
};

}  // namespace vigie::ledger
