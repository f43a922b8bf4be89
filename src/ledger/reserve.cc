#include "ledger/reserve.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <vector>

namespace vigie::ledger {
namespace {

constexpr std::string_view kName = "reserve";
constexpr std::string_view kTemporary = ".reserve.tmp";

// Not zeros: a file system that compresses would put next to nothing aside.
std::vector<unsigned char> noise(size_t size) {
  std::mt19937_64 random(1);
  std::vector<unsigned char> bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<unsigned char>(random()); });
  return bytes;
}

}  // namespace

Reserve::Reserve(platform::FileSystem& files, platform::Path folder, Bytes size)
    : files_(files), folder_(std::move(folder)), size_(size) {
  const auto info = files_.info(folder_ / kName);
  ready_ = size_.count > 0 && info && info->size >= size_;
}

Result<> Reserve::write(const platform::Path& path) {
  const auto chunk = noise(std::min<size_t>(size_.count, 1 << 20));
  TRY_ASSIGN(const auto file, files_.create(path, 0600));
  for (uint64_t left = size_.count; left > 0;) {
    const size_t now = std::min<uint64_t>(left, chunk.size());
    TRY(file->append(std::span(chunk).first(now)));
    left -= now;
  }
  TRY(file->sync());  // only now are the blocks ours
  return file->close();
}

Result<> Reserve::make() {
  if (ready_ || size_.count == 0) return {};
  const platform::Path temporary = folder_ / kTemporary;
  (void)files_.remove_file(temporary);  // of a run that died; most often it is not there
  TRY_ASSIGN(const auto space, files_.space(folder_));
  if (space.available.count / 3 < size_.count)
    return fail(platform::file_error(ENOSPC, folder_ / kName));
  auto done = write(temporary);
  if (done) done = files_.rename_replace(temporary, folder_ / kName);
  if (!done) {
    (void)files_.remove_file(temporary);  // the first error is the one to report
    return done;
  }
  ready_ = true;
  return files_.sync_folder(folder_);
}

bool Reserve::release() {
  if (!ready_) return false;
  ready_ = false;
  const bool removed = files_.remove_file(folder_ / kName).has_value();
  (void)files_.sync_folder(folder_);  // a journal gives the blocks free when it commits
  return removed;
}

}  // namespace vigie::ledger
