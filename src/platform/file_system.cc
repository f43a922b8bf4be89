#include "platform/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "platform/descriptor.h"

namespace vigie::platform {
namespace {

tl::unexpected<Error> failed(const Path& path) {
  return fail(file_error(errno, path));
}

Result<> checked(int result, const Path& path) {
  if (result != 0) return failed(path);
  return {};
}

class RealWritableFile final : public WritableFile {
 public:
  RealWritableFile(Descriptor fd, Path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<> append(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed(path_);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return {};
  }
  Result<> sync() override { return checked(::fdatasync(fd_.get()), path_); }
  void start_writeback() override {
    (void)::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint
  }
  Result<> close() override { return checked(fd_.close(), path_); }

 private:
  Descriptor fd_;
  Path path_;
};

class RealReadableFile final : public ReadableFile {
 public:
  RealReadableFile(Descriptor fd, Path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t got = ::pread(fd_.get(), into.data() + done, into.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed(path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }
  Result<Bytes> size() const override {
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return failed(path_);
    return Bytes{static_cast<uint64_t>(st.st_size)};
  }

 private:
  Descriptor fd_;
  Path path_;
};

EntryKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return EntryKind::file;
  if (S_ISDIR(mode)) return EntryKind::folder;
  if (S_ISLNK(mode)) return EntryKind::link;
  return EntryKind::other;
}

SystemTime to_system_time(const timespec& t) {
  return SystemTime(std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_nsec / 1000));
}

constexpr size_t kManyFiles = 32;

class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> create(const Path& path, unsigned mode) override {
    return open_writable(path, O_CREAT | O_EXCL, mode);
  }
  Result<std::unique_ptr<WritableFile>> open_append(const Path& path, unsigned mode) override {
    return open_writable(path, O_CREAT | O_APPEND, mode);
  }
  Result<std::unique_ptr<ReadableFile>> open_read(const Path& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return failed(path);
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return failed(path);
    if (!S_ISREG(st.st_mode)) return fail(file_error(EINVAL, path));
    return std::make_unique<RealReadableFile>(std::move(fd), path);
  }
  // NFS, ZFS before 2.2 and some of FUSE know no flags of rename. There it is looked for first: in
  // our folders nobody but us makes names.
  Result<> rename_new(const Path& from, const Path& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return failed(to);
    struct stat st {};
    if (::lstat(to.c_str(), &st) == 0) return fail(file_error(EEXIST, to));
    return errno == ENOENT ? rename_replace(from, to) : Result<>(failed(to));
  }
  Result<> rename_replace(const Path& from, const Path& to) override {
    return checked(::rename(from.c_str(), to.c_str()), to);
  }
  Result<> sync_folder(const Path& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return failed(path);
    return checked(::fsync(fd.get()), path);
  }
  // Each fdatasync commits the journal and flushes the disk: 5,000 small files took 20 s. syncfs
  // does both once; what else is dirty on that file system is written with it.
  Result<> sync_files(const std::vector<Path>& paths) override {
    const bool at_once = paths.size() >= kManyFiles && syncfs_reaches_disk(paths.front());
    if (at_once) TRY(sync_file_system(paths.front()));
    for (const Path& path : paths) TRY(sync_file(path, at_once));
    return {};
  }
  Result<> truncate(const Path& path, Bytes size) override {
    return checked(::truncate(path.c_str(), static_cast<off_t>(size.count)), path);
  }
  Result<> remove_file(const Path& path) override { return checked(::unlink(path.c_str()), path); }
  Result<> remove_folder(const Path& path) override { return checked(::rmdir(path.c_str()), path); }
  Result<> create_folder(const Path& path, unsigned mode) override {
    if (::mkdir(path.c_str(), mode) == 0) return {};
    if (errno == ENOENT && path.has_parent_path() && path.parent_path() != path) {
      TRY(create_folder(path.parent_path(), mode));
      return checked(::mkdir(path.c_str(), mode), path);
    }
    struct stat st {};
    const int error = errno;
    if (error == EEXIST && ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
    return fail(file_error(error, path));
  }
  Result<std::vector<Entry>> list(const Path& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
    if (!dir) return failed(path);
    std::vector<Entry> entries;
    errno = 0;
    while (const dirent* one = ::readdir(dir.get())) {
      const std::string name = one->d_name;
      if (name != "." && name != "..") entries.push_back({name, entry_kind(path, *one)});
      errno = 0;
    }
    if (errno != 0) return failed(path);
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }
  Result<FileInfo> info(const Path& path) override {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return failed(path);
    return FileInfo{kind_of(st.st_mode),
                    {static_cast<uint64_t>(st.st_size)},
                    to_system_time(st.st_mtim),
                    st.st_mode & 07777U,
                    st.st_uid,
                    st.st_gid,
                    st.st_dev};
  }
  Result<Space> space(const Path& path) override {
    struct statvfs vfs {};
    if (::statvfs(path.c_str(), &vfs) != 0) return failed(path);
    return Space{{vfs.f_blocks * vfs.f_frsize}, {vfs.f_bavail * vfs.f_frsize}};
  }

 private:
  // Behind FUSE, SMB and 9p it does not reach the server, so only those of which it is known.
  static bool syncfs_reaches_disk(const Path& path) {
    constexpr long kF2fs = 0xF2F52010;
    constexpr long kZfs = 0x2FC12FC1;
    constexpr std::array<long, 8> kKnown{
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,    kF2fs, kZfs,
        NFS_SUPER_MAGIC,  TMPFS_MAGIC,     OVERLAYFS_SUPER_MAGIC};
    struct statfs fs {};
    return ::statfs(path.c_str(), &fs) == 0 &&
           std::ranges::find(kKnown, static_cast<long>(fs.f_type)) != kKnown.end();
  }
  static Result<> sync_file_system(const Path& path) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return failed(path);
    return checked(::syncfs(fd.get()), path);
  }
  // `written`: by a syncfs. Its own error may have been told to another caller; sync_file_range
  // tells this file's, and costs no flush.
  static Result<> sync_file(const Path& path, bool written) {
    constexpr unsigned kAll =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return failed(path);
    return checked(written ? ::sync_file_range(fd.get(), 0, 0, kAll) : ::fdatasync(fd.get()), path);
  }
  static Result<std::unique_ptr<WritableFile>> open_writable(const Path& path, int flags,
                                                             unsigned mode) {
    Descriptor fd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, mode));
    if (!fd) return failed(path);
    return std::make_unique<RealWritableFile>(std::move(fd), path);
  }
  static EntryKind entry_kind(const Path& folder, const dirent& entry) {
    switch (entry.d_type) {
      case DT_REG:
        return EntryKind::file;
      case DT_DIR:
        return EntryKind::folder;
      case DT_LNK:
        return EntryKind::link;
      case DT_UNKNOWN:
        break;
      default:
        return EntryKind::other;
    }
    struct stat st {};  // file systems without d_type
    return ::lstat((folder / entry.d_name).c_str(), &st) == 0 ? kind_of(st.st_mode)
                                                              : EntryKind::other;
  }
};

Path temporary_beside(const Path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".tmp");
}

// Leaves a complete, synced temporary file, or nothing.
Result<> write_temporary(FileSystem& files, const Path& temporary, std::string_view text,
                         unsigned mode) {
  if (auto removed = files.remove_file(temporary);
      !removed && removed.error().code() != ErrorCode::file_not_found) {
    return fail(removed.error());
  }
  TRY_ASSIGN(auto file, files.create(temporary, mode));
  TRY(file->append(as_bytes(text)));
  TRY(file->sync());
  return file->close();
}

using Rename = Result<> (FileSystem::*)(const Path&, const Path&);

Result<> write_and_rename(FileSystem& files, const Path& path, std::string_view text, unsigned mode,
                          Rename rename) {
  const Path temporary = temporary_beside(path);
  auto done = write_temporary(files, temporary, text, mode);
  if (done) done = (files.*rename)(temporary, path);
  if (!done) {
    (void)files.remove_file(temporary);  // best effort: the first error is the one to report
    return done;
  }
  return files.sync_folder(path.parent_path());
}

}  // namespace

Result<> FileSystem::sync_files(const std::vector<Path>& paths) {
  for (const Path& path : paths) {
    TRY(info(path));  // else it would be made anew, empty
    TRY_ASSIGN(const auto file, open_append(path));
    TRY(file->sync());
    TRY(file->close());
  }
  return {};
}

FileSystem& real_file_system() {
  static RealFileSystem files;
  return files;
}

Error file_error(int error_number, const Path& path) {
  Parameters parameters{{"path", path.string()}, {"reason", std::strerror(error_number)}};
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return Error(ErrorCode::disk_full, std::move(parameters));
    case ENOENT:
    case ENOTDIR:
      return Error(ErrorCode::file_not_found, std::move(parameters));
    case EEXIST:
    case ENOTEMPTY:
      return Error(ErrorCode::file_exists, std::move(parameters));
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(ErrorCode::file_permission, std::move(parameters));
    default:
      return Error(ErrorCode::file_io, std::move(parameters));
  }
}

Result<std::string> read_file(FileSystem& files, const Path& path, Bytes max) {
  TRY_ASSIGN(const auto file, files.open_read(path));
  return read_file(*file, path.filename().string(), max);
}

Result<std::string> read_file(const ReadableFile& file, std::string name, Bytes max) {
  TRY_ASSIGN(const Bytes size, file.size());
  if (size > max) {
    return fail(ErrorCode::limit_exceeded, {{"name", std::move(name)},
                                            {"observed", format_bytes(size)},
                                            {"limit", format_bytes(max)}});
  }
  std::string text(size.count, '\0');
  TRY_ASSIGN(const size_t got,
             file.read_at(0, {reinterpret_cast<unsigned char*>(text.data()), text.size()}));
  text.resize(got);
  return text;
}

Result<> write_file_new(FileSystem& files, const Path& path, std::string_view text, unsigned mode) {
  return write_and_rename(files, path, text, mode, &FileSystem::rename_new);
}

Result<> write_file_replace(FileSystem& files, const Path& path, std::string_view text,
                            unsigned mode) {
  return write_and_rename(files, path, text, mode, &FileSystem::rename_replace);
}

Result<> remove_tree(FileSystem& files, const Path& path) {
  const auto entries = files.list(path);
  if (!entries) {
    if (entries.error().code() == ErrorCode::file_not_found) return {};
    return fail(entries.error());
  }
  for (const Entry& entry : *entries) {
    const Path child = path / entry.name;
    TRY(entry.kind == EntryKind::folder ? remove_tree(files, child) : files.remove_file(child));
  }
  return files.remove_folder(path);
}

Result<std::unique_ptr<WritableFile>> ForwardingFileSystem::create(const Path& path,
                                                                   unsigned mode) {
  return below_.create(path, mode);
}
Result<std::unique_ptr<WritableFile>> ForwardingFileSystem::open_append(const Path& path,
                                                                        unsigned mode) {
  return below_.open_append(path, mode);
}
Result<std::unique_ptr<ReadableFile>> ForwardingFileSystem::open_read(const Path& path) {
  return below_.open_read(path);
}
Result<> ForwardingFileSystem::rename_new(const Path& from, const Path& to) {
  return below_.rename_new(from, to);
}
Result<> ForwardingFileSystem::rename_replace(const Path& from, const Path& to) {
  return below_.rename_replace(from, to);
}
Result<> ForwardingFileSystem::sync_folder(const Path& path) {
  return below_.sync_folder(path);
}
Result<> ForwardingFileSystem::truncate(const Path& path, Bytes size) {
  return below_.truncate(path, size);
}
Result<> ForwardingFileSystem::remove_file(const Path& path) {
  return below_.remove_file(path);
}
Result<> ForwardingFileSystem::remove_folder(const Path& path) {
  return below_.remove_folder(path);
}
Result<> ForwardingFileSystem::create_folder(const Path& path, unsigned mode) {
  return below_.create_folder(path, mode);
}
Result<std::vector<Entry>> ForwardingFileSystem::list(const Path& path) {
  return below_.list(path);
}
Result<FileInfo> ForwardingFileSystem::info(const Path& path) {
  return below_.info(path);
}
Result<Space> ForwardingFileSystem::space(const Path& path) {
  return below_.space(path);
}

}  // namespace vigie::platform
