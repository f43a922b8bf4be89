// A file system over a real folder that fails when it is told to, and that can lose power: then all
// that was not synced is gone. For crash tests of durable state:
//
//   size_t calls = 0;                                  // how many mutating calls the work makes
//   { FaultyFileSystem files(folder); work(files); calls = files.calls(); }
//   for (size_t n = 0; n < calls; ++n) {
//     TempFolder fresh;
//     FaultyFileSystem files(fresh.path());
//     files.fail_from(n, Fault::power);                // or fail_once(n, Fault::disk_full)
//     (void)work(files);
//     files.crash(seed);                               // what a machine would find after it
//     check(files);                                    // it can be used again, and has no faults
//   }
//
// What counts as durable is the least that POSIX promises: a file's bytes after sync() of that
// file; a name (created, renamed, removed) after sync_folder() of the folder that holds it; a new
// folder after sync_folder() of its parent. A rename is atomic, also between two folders: it is
// durable when either is synced. A file whose name is durable and whose bytes are not is there, and
// empty.
//
// Paths outside the root go to the real file system, uncounted and unharmed. Thread-safe.
// Must outlive the files that it opened.
#pragma once

#include <cstdint>
#include <memory>

#include "platform/file_system.h"

namespace vigie::testing {

enum class Fault : unsigned char {
  disk_full,  // ENOSPC: what needs space fails; an append writes half of its bytes first
  io,         // EIO
  power,      // EIO to every call, reading ones too, until crash(): the machine is off
};

class FaultyFileSystem final : public platform::FileSystem {
 public:
  // What lies in `root` (made when it is missing) counts as durable.
  explicit FaultyFileSystem(const platform::Path& root);
  ~FaultyFileSystem() override;

  // Mutating calls so far: create, open_append, append, sync, close, renames, sync_folder,
  // truncate, removals, create_folder. The next one has this number; the first is 0.
  size_t calls() const;
  // Call number `call` fails. A disk that is full refuses only what needs space: create,
  // open_append, append, sync, renames, create_folder; other calls pass, but the fault is spent.
  void fail_once(size_t call, Fault fault);
  // Every call from number `call` on fails.
  void fail_from(size_t call, Fault fault);
  void no_faults();
  // How many calls failed by order.
  size_t failed() const;

  // Power loss: brings the real folder to what a restart would find, ends every open file (further
  // use of it is EIO), takes the faults off, and goes on from there. Seed 0 loses everything that
  // was not synced. Another seed keeps, reproducibly, a part: the bytes of each file up to a random
  // place, and the changes of names up to a random moment.
  void crash(uint64_t seed = 0);

  Result<std::unique_ptr<platform::WritableFile>> create(const platform::Path& path,
                                                         unsigned mode = 0600) override;
  Result<std::unique_ptr<platform::WritableFile>> open_append(const platform::Path& path,
                                                              unsigned mode = 0600) override;
  Result<std::unique_ptr<platform::ReadableFile>> open_read(const platform::Path& path) override;
  Result<> rename_new(const platform::Path& from, const platform::Path& to) override;
  Result<> rename_replace(const platform::Path& from, const platform::Path& to) override;
  Result<> sync_folder(const platform::Path& path) override;
  Result<> truncate(const platform::Path& path, Bytes size) override;
  Result<> remove_file(const platform::Path& path) override;
  Result<> remove_folder(const platform::Path& path) override;
  Result<> create_folder(const platform::Path& path, unsigned mode = 0700) override;
  Result<std::vector<platform::Entry>> list(const platform::Path& path) override;
  Result<platform::FileInfo> info(const platform::Path& path) override;
  Result<platform::Space> space(const platform::Path& path) override;

  struct State;  // shared with the files that it opened

 private:
  std::shared_ptr<State> state_;
};

}  // namespace vigie::testing
