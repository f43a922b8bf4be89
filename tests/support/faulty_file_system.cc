#include "tests/support/faulty_file_system.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "tests/support/durable_tree.h"

namespace vigie::testing {

using platform::Path;

namespace {

using namespace platform;

struct Order {
  size_t call = 0;
  Fault fault = Fault::io;
  bool stays = false;
};

// Which calls a full disk refuses.
enum class Needs : unsigned char { space, nothing };

}  // namespace

struct FaultyFileSystem::State {
  explicit State(const Path& root) : tree(root) {}

  std::mutex mutex;
  DurableTree tree;            // guarded by mutex
  std::optional<Order> order;  // guarded by mutex
  size_t calls = 0;            // guarded by mutex
  size_t failed = 0;           // guarded by mutex
  uint64_t generation = 0;     // guarded by mutex; open files of an earlier one are dead

  bool power_is_off() const { return order && order->fault == Fault::power && calls > order->call; }
  // Counts a mutating call: nothing when it may go on, else what it fails with.
  std::optional<Error> count(const Path& path, Needs needs) {
    const size_t number = calls++;
    if (!order || number < order->call || (number > order->call && !order->stays)) return {};
    if (order->fault == Fault::disk_full && needs == Needs::nothing) return {};
    ++failed;
    return file_error(order->fault == Fault::disk_full ? ENOSPC : EIO, path);
  }
  Result<> check_reading(const Path& path) const {
    if (power_is_off()) return fail(file_error(EIO, path));
    return {};
  }
};

namespace {

using State = FaultyFileSystem::State;

class FaultyWritableFile final : public WritableFile {
 public:
  FaultyWritableFile(std::shared_ptr<State> state, std::unique_ptr<WritableFile> below, NodeId node,
                     Path path)
      : state_(std::move(state)),
        below_(std::move(below)),
        node_(node),
        path_(std::move(path)),
        generation_(state_->generation) {}

  Result<> append(ByteSpan bytes) override {
    const std::lock_guard lock(state_->mutex);
    TRY(check_alive());
    if (auto error = state_->count(path_, Needs::space)) {
      (void)below_->append(bytes.first(bytes.size() / 2));  // as much as there was room for
      return fail(*std::move(error));
    }
    return below_->append(bytes);
  }
  Result<> sync() override {
    const std::lock_guard lock(state_->mutex);
    TRY(check_alive());
    if (auto error = state_->count(path_, Needs::space)) return fail(*std::move(error));
    state_->tree.synced(node_);
    return {};
  }
  Result<> close() override {
    const std::lock_guard lock(state_->mutex);
    TRY(check_alive());
    if (auto error = state_->count(path_, Needs::nothing)) {
      (void)below_->close();  // the descriptor is gone either way
      return fail(*std::move(error));
    }
    return below_->close();
  }

 private:
  Result<> check_alive() const {
    if (generation_ != state_->generation) return fail(file_error(EIO, path_));
    return {};
  }

  std::shared_ptr<State> state_;
  std::unique_ptr<WritableFile> below_;
  NodeId node_;
  Path path_;
  uint64_t generation_;
};

class FaultyReadableFile final : public ReadableFile {
 public:
  FaultyReadableFile(std::shared_ptr<State> state, std::unique_ptr<ReadableFile> below, Path path)
      : state_(std::move(state)), below_(std::move(below)), path_(std::move(path)) {
    generation_ = state_->generation;
  }

  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    TRY(check_alive());
    return below_->read_at(offset, into);
  }
  Result<Bytes> size() const override {
    TRY(check_alive());
    return below_->size();
  }

 private:
  Result<> check_alive() const {
    const std::lock_guard lock(state_->mutex);
    if (generation_ != state_->generation) return fail(file_error(EIO, path_));
    return state_->check_reading(path_);
  }

  std::shared_ptr<State> state_;
  std::unique_ptr<ReadableFile> below_;
  Path path_;
  uint64_t generation_ = 0;
};

}  // namespace

FaultyFileSystem::FaultyFileSystem(const Path& root) : state_(std::make_shared<State>(root)) {}
FaultyFileSystem::~FaultyFileSystem() = default;

size_t FaultyFileSystem::calls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}
void FaultyFileSystem::fail_once(size_t call, Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->order = Order{call, fault, fault == Fault::power};
}
void FaultyFileSystem::fail_from(size_t call, Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->order = Order{call, fault, true};
}
void FaultyFileSystem::no_faults() {
  const std::lock_guard lock(state_->mutex);
  state_->order.reset();
}
size_t FaultyFileSystem::failed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failed;
}

void FaultyFileSystem::crash(uint64_t seed) {
  const std::lock_guard lock(state_->mutex);
  state_->order.reset();
  ++state_->generation;
  state_->tree.crash(seed);
}

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::create(const Path& path, unsigned mode) {
  if (!state_->tree.covers(path)) return real_file_system().create(path, mode);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::space)) return fail(*std::move(error));
  TRY_ASSIGN(auto below, real_file_system().create(path, mode));
  const NodeId node = state_->tree.created(path);
  return std::make_unique<FaultyWritableFile>(state_, std::move(below), node, path);
}

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::open_append(const Path& path,
                                                                    unsigned mode) {
  if (!state_->tree.covers(path)) return real_file_system().open_append(path, mode);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::space)) return fail(*std::move(error));
  TRY_ASSIGN(auto below, real_file_system().open_append(path, mode));
  const auto known = state_->tree.find(path);
  const NodeId node = known ? *known : state_->tree.created(path);
  return std::make_unique<FaultyWritableFile>(state_, std::move(below), node, path);
}

Result<std::unique_ptr<ReadableFile>> FaultyFileSystem::open_read(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().open_read(path);
  const std::lock_guard lock(state_->mutex);
  TRY(state_->check_reading(path));
  TRY_ASSIGN(auto below, real_file_system().open_read(path));
  return std::make_unique<FaultyReadableFile>(state_, std::move(below), path);
}

Result<> FaultyFileSystem::rename_new(const Path& from, const Path& to) {
  if (!state_->tree.covers(from)) return real_file_system().rename_new(from, to);
  if (!state_->tree.covers(to)) return fail(file_error(EXDEV, to));
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(to, Needs::space)) return fail(*std::move(error));
  TRY(real_file_system().rename_new(from, to));
  state_->tree.renamed(from, to);
  return {};
}

Result<> FaultyFileSystem::rename_replace(const Path& from, const Path& to) {
  if (!state_->tree.covers(from)) return real_file_system().rename_replace(from, to);
  if (!state_->tree.covers(to)) return fail(file_error(EXDEV, to));
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(to, Needs::space)) return fail(*std::move(error));
  TRY(real_file_system().rename_replace(from, to));
  state_->tree.renamed(from, to);
  return {};
}

Result<> FaultyFileSystem::sync_folder(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().sync_folder(path);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::nothing)) return fail(*std::move(error));
  TRY(real_file_system().list(path));  // it must be a folder
  state_->tree.folder_synced(path);
  return {};
}

Result<> FaultyFileSystem::truncate(const Path& path, Bytes size) {
  if (!state_->tree.covers(path)) return real_file_system().truncate(path, size);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::nothing)) return fail(*std::move(error));
  TRY(real_file_system().info(path));
  state_->tree.will_be_truncated(path, size);
  return real_file_system().truncate(path, size);
}

Result<> FaultyFileSystem::remove_file(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().remove_file(path);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::nothing)) return fail(*std::move(error));
  TRY(real_file_system().remove_file(path));
  state_->tree.removed(path);
  return {};
}

Result<> FaultyFileSystem::remove_folder(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().remove_folder(path);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::nothing)) return fail(*std::move(error));
  TRY(real_file_system().remove_folder(path));
  state_->tree.removed(path);
  return {};
}

Result<> FaultyFileSystem::create_folder(const Path& path, unsigned mode) {
  if (!state_->tree.covers(path)) return real_file_system().create_folder(path, mode);
  const std::lock_guard lock(state_->mutex);
  if (auto error = state_->count(path, Needs::space)) return fail(*std::move(error));
  TRY(real_file_system().create_folder(path, mode));
  state_->tree.folder_created(path);
  return {};
}

Result<std::vector<Entry>> FaultyFileSystem::list(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().list(path);
  const std::lock_guard lock(state_->mutex);
  TRY(state_->check_reading(path));
  return real_file_system().list(path);
}

Result<FileInfo> FaultyFileSystem::info(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().info(path);
  const std::lock_guard lock(state_->mutex);
  TRY(state_->check_reading(path));
  return real_file_system().info(path);
}

Result<Space> FaultyFileSystem::space(const Path& path) {
  if (!state_->tree.covers(path)) return real_file_system().space(path);
  const std::lock_guard lock(state_->mutex);
  TRY(state_->check_reading(path));
  return real_file_system().space(path);
}

}  // namespace vigie::testing
