// The seam to files. Durable state goes through it, so that tests can put a file system below that
// forgets what was not synced, is full, or fails (tests/support/faulty_file_system.h). Bulk data on
// its way to the store goes through it too; only staging (which is emptied at start) may use
// descriptors directly.
//
// Durability: a file's bytes are durable after sync(); its name after sync_folder() of its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/result.h"
#include "base/time.h"

namespace vigie::platform {

using Path = std::filesystem::path;

// One open file, for appending. One thread at a time. Closes itself; bytes not synced may be lost.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual Result<> append(ByteSpan bytes) = 0;
  virtual Result<> sync() = 0;  // fdatasync and the size
  // Asks the system to begin writing what is there, and does not wait: a later sync() has less to
  // do. Promises nothing.
  virtual void start_writeback() {}
  virtual Result<> close() = 0;  // reports what the destructor must swallow
};

// One open file, for reading at offsets. Thread-safe.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  // Up to `into.size()` bytes from `offset`; fewer only at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const = 0;
  virtual Result<Bytes> size() const = 0;
};

enum class EntryKind : unsigned char { file, folder, link, other };

struct Entry {
  std::string name;
  EntryKind kind = EntryKind::other;
};

struct FileInfo {
  EntryKind kind = EntryKind::other;
  Bytes size;
  SystemTime modified;
  unsigned mode = 0;  // permission bits
  unsigned owner = 0;
  unsigned group = 0;
  uint64_t device = 0;
};

struct Space {
  Bytes total;
  Bytes available;  // to us, without the file system's own reserve
};

// Thread-safe. Symbolic links are never followed in the last component of a path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // A new file (O_EXCL), or file_exists.
  virtual Result<std::unique_ptr<WritableFile>> create(const Path& path, unsigned mode = 0600) = 0;
  // An existing file or a new one, at its end.
  virtual Result<std::unique_ptr<WritableFile>> open_append(const Path& path,
                                                            unsigned mode = 0600) = 0;
  virtual Result<std::unique_ptr<ReadableFile>> open_read(const Path& path) = 0;
  virtual Result<> rename_new(const Path& from,
                              const Path& to) = 0;  // never replaces (RENAME_NOREPLACE)
  virtual Result<> rename_replace(const Path& from,
                                  const Path& to) = 0;  // atomically takes the place of `to`
  virtual Result<> sync_folder(const Path& path) = 0;
  // Makes the bytes of these files durable, all of one file system; when they are many, at the cost
  // of a few. Unless overridden, one by one.
  virtual Result<> sync_files(const std::vector<Path>& paths);
  virtual Result<> truncate(const Path& path, Bytes size) = 0;
  virtual Result<> remove_file(const Path& path) = 0;    // file_not_found when it is not there
  virtual Result<> remove_folder(const Path& path) = 0;  // an empty one
  virtual Result<> create_folder(const Path& path,
                                 unsigned mode = 0700) = 0;  // parents too; fine when it is there
  virtual Result<std::vector<Entry>> list(const Path& path) = 0;  // sorted by name; no "." and ".."
  virtual Result<FileInfo> info(const Path& path) = 0;
  virtual Result<Space> space(const Path& path) = 0;
};

// The real one. Lives as long as the process.
FileSystem& real_file_system();

// Forwards every call: a test overrides one.
class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem& below) : below_(below) {}
  Result<std::unique_ptr<WritableFile>> create(const Path& path, unsigned mode) override;
  Result<std::unique_ptr<WritableFile>> open_append(const Path& path, unsigned mode) override;
  Result<std::unique_ptr<ReadableFile>> open_read(const Path& path) override;
  Result<> rename_new(const Path& from, const Path& to) override;
  Result<> rename_replace(const Path& from, const Path& to) override;
  Result<> sync_folder(const Path& path) override;
  Result<> truncate(const Path& path, Bytes size) override;
  Result<> remove_file(const Path& path) override;
  Result<> remove_folder(const Path& path) override;
  Result<> create_folder(const Path& path, unsigned mode) override;
  Result<std::vector<Entry>> list(const Path& path) override;
  Result<FileInfo> info(const Path& path) override;
  Result<Space> space(const Path& path) override;

 protected:
  FileSystem& below() { return below_; }

 private:
  FileSystem& below_;
};

// The whole file; limit_exceeded when it is longer than `max`.
Result<std::string> read_file(FileSystem& files, const Path& path, Bytes max);
Result<std::string> read_file(const ReadableFile& file, std::string name, Bytes max);
// Temporary name beside it, write, sync, rename without replacing, sync the folder: all or nothing.
Result<> write_file_new(FileSystem& files, const Path& path, std::string_view text,
                        unsigned mode = 0600);
// The same, taking the place of what was there.
Result<> write_file_replace(FileSystem& files, const Path& path, std::string_view text,
                            unsigned mode = 0600);
// A folder and everything in it; links are removed, not followed. Fine when it is not there.
Result<> remove_tree(FileSystem& files, const Path& path);

// The Error of an errno for `path`: disk_full, file_not_found, file_exists, file_permission or
// file_io.
Error file_error(int error_number, const Path& path);

}  // namespace vigie::platform
