// What the thread that watches pg_dump and the sealing threads share: the files of the staging
// folder, how far each is written and sealed, and the first error of any of them. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "artefact/manifest.h"
#include "base/bytes.h"
#include "base/result.h"

namespace vigie::backup {

// One file that pg_dump writes.
struct DumpFile {
  std::string name;  // "3456.dat"
  artefact::FileKind kind = artefact::FileKind::data;
  // Sealed only once it is closed: the list of large objects stays open until the last of them is
  // written, and whoever followed it would seal none of them meanwhile.
  bool whole = false;
};

class SealQueue {
 public:
  // --- the watching thread ---
  // Files that are there, each told once, and then the names of those whose writer has closed them.
  // Files are sealed in the order in which they were told.
  void tell(std::vector<DumpFile> appeared, const std::vector<std::string>& closed);
  // Those that wait to be closed.
  std::vector<std::string> aside() const;
  // pg_dump has ended well: every file is closed and no other will come.
  void finish();
  // Files that are not sealed yet and may still grow: their sizes are to be told.
  std::vector<std::string> growing() const;
  void size_is(const std::string& name, uint64_t size);
  // Bytes written and not sealed yet, as far as sizes were told.
  Bytes unsealed() const;
  // Bytes written and not given back to the file system yet; the same.
  Bytes staged() const;
  // Every sealing thread waits: for a file, or for its file to grow.
  bool starving(unsigned threads) const;
  // Everything is sealed and no thread is at work, or something failed; waits up to `patience`.
  bool settled(std::chrono::milliseconds patience);

  // --- the sealing threads ---
  // The next file, once there is one; nothing: there will be none, or something failed.
  std::optional<DumpFile> next();
  // Adds to what is sealed of a file.
  void sealed_more(const std::string& name, uint64_t bytes);
  // The first `bytes` of a file were given back to the file system.
  void released(const std::string& name, uint64_t bytes);
  // Waits a moment for a file to grow. False when it was closed before this call, so that a read
  // which then finds nothing has found the end.
  bool may_grow(const std::string& name);
  void wait_for_growth(const std::string& name);
  void done(const std::string& name);

  // --- all ---
  // The first error stays; all threads come to an end.
  void give_up(Error error);
  bool given_up() const;
  std::optional<Error> error() const;
  Bytes sealed() const;

 private:
  struct State {
    uint64_t size = 0;
    uint64_t sealed = 0;
    uint64_t released = 0;
    bool closed = false;
    bool final_size = false;  // size was told after the close
  };
  bool over() const { return error_ || (finished_ && waiting_.empty() && at_work_ == 0); }
  void close(const std::string& name);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::string, State> files_;  // not done; guarded by mutex_, as all below
  std::deque<DumpFile> waiting_;
  std::vector<DumpFile> aside_;  // not closed yet, and to be sealed whole
  unsigned at_work_ = 0;         // files taken by next() and not done
  unsigned idle_ = 0;            // threads inside next() or wait_for_growth()
  Bytes sealed_;
  bool finished_ = false;
  std::optional<Error> error_;
};

}  // namespace vigie::backup
