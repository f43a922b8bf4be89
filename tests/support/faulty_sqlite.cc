#include "tests/support/faulty_sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>

namespace vigie::testing {

struct FaultySqlite::State {
  sqlite3_vfs vfs{};  // first: SQLite gives it back to us
  sqlite3_vfs* real = nullptr;
  std::string root;
  std::mutex mutex;
  size_t calls = 0;
  size_t failed = 0;
  size_t first = SIZE_MAX;
  size_t last = SIZE_MAX;
  Fault fault = Fault::io;

  // SQLITE_OK, or what this call has to fail with.
  int next_call(int io_code, bool needs_space) {
    const std::lock_guard lock(mutex);
    const size_t call = calls++;
    if (call < first || call > last) return SQLITE_OK;
    if (fault == Fault::disk_full && !needs_space) return SQLITE_OK;
    ++failed;
    return fault == Fault::disk_full ? SQLITE_FULL : io_code;
  }
};

namespace {

using State = FaultySqlite::State;

// What SQLite holds of an open file: ours, and behind it the real one.
struct File {
  sqlite3_file base{};
  State* state = nullptr;
  sqlite3_file* real = nullptr;
};

File& ours(sqlite3_file* file) {
  return *reinterpret_cast<File*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return ours(file).real;
}

int close_file(sqlite3_file* file) {
  return real(file)->pMethods->xClose(real(file));
}
int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), into, size, at);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  const int code = ours(file).state->next_call(SQLITE_IOERR_WRITE, true);
  if (code == SQLITE_OK) return real(file)->pMethods->xWrite(real(file), from, size, at);
  (void)real(file)->pMethods->xWrite(real(file), from, size / 2, at);  // as a full disk does
  return code;
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const int code = ours(file).state->next_call(SQLITE_IOERR_TRUNCATE, false);
  return code != SQLITE_OK ? code : real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  const int code = ours(file).state->next_call(SQLITE_IOERR_FSYNC, true);
  return code != SQLITE_OK ? code : real(file)->pMethods->xSync(real(file), flags);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_lock(sqlite3_file* file, int* out) {
  return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
int control_file(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  if (extend != 0) {
    const int code = ours(file).state->next_call(SQLITE_IOERR_SHMSIZE, true);
    if (code != SQLITE_OK) return code;
  }
  return real(file)->pMethods->xShmMap(real(file), region, size, extend, out);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void shared_barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int unmap_shared(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

// Version 2: without memory-mapped pages, which would be read and never be seen here.
constexpr sqlite3_io_methods kMethods{2,
                                      close_file,
                                      read_file,
                                      write_file,
                                      truncate_file,
                                      sync_file,
                                      file_size,
                                      lock_file,
                                      unlock_file,
                                      check_lock,
                                      control_file,
                                      sector_size,
                                      characteristics,
                                      map_shared,
                                      lock_shared,
                                      shared_barrier,
                                      unmap_shared,
                                      nullptr,
                                      nullptr};

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* const state = static_cast<State*>(vfs->pAppData);
  if (path == nullptr || !std::string_view(path).starts_with(state->root))
    return state->real->xOpen(state->real, path, file, flags, out_flags);
  auto* const own = new (file) File;
  own->state = state;
  own->real = reinterpret_cast<sqlite3_file*>(own + 1);
  const int code = state->real->xOpen(state->real, path, own->real, flags, out_flags);
  // Without methods SQLite does not close it.
  own->base.pMethods = own->real->pMethods == nullptr ? nullptr : &kMethods;
  return code;
}

}  // namespace

FaultySqlite::FaultySqlite(const platform::Path& root) : state_(std::make_unique<State>()) {
  state_->real = ::sqlite3_vfs_find(nullptr);
  state_->root = root.string();
  state_->vfs = *state_->real;
  state_->vfs.szOsFile += static_cast<int>(sizeof(File));
  state_->vfs.zName = "faulty";
  state_->vfs.pNext = nullptr;
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = open_file;
  if (::sqlite3_vfs_register(&state_->vfs, 1) != SQLITE_OK) std::abort();
}

FaultySqlite::~FaultySqlite() {
  ::sqlite3_vfs_unregister(&state_->vfs);
  ::sqlite3_vfs_register(state_->real, 1);
}

size_t FaultySqlite::calls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}
size_t FaultySqlite::failed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failed;
}
void FaultySqlite::fail_once(size_t call, Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->first = state_->last = call;
  state_->fault = fault;
}
void FaultySqlite::fail_from(size_t call, Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->first = call;
  state_->last = SIZE_MAX;
  state_->fault = fault;
}
void FaultySqlite::no_faults() {
  const std::lock_guard lock(state_->mutex);
  state_->first = state_->last = SIZE_MAX;
}

}  // namespace vigie::testing
