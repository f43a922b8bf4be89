#include "store/s3/object_file.h"

#include <algorithm>

namespace vigie::store::s3 {
namespace {

class ObjectFile final : public platform::ReadableFile {
 public:
  ObjectFile(Client client, std::string key, Piece first)
      : client_(std::move(client)),
        key_(std::move(key)),
        size_(first.total),
        etag_(std::move(first.etag)),
        window_(std::move(first.bytes)) {}

  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    const std::lock_guard lock(mutex_);
    size_t done = 0;
    while (done < into.size() && offset + done < size_.count) {
      TRY(move_window_to(offset + done));
      const size_t from = offset + done - begin_;
      const size_t count = std::min(window_.size() - from, into.size() - done);
      std::copy_n(window_.begin() + static_cast<std::ptrdiff_t>(from), count,
                  into.begin() + static_cast<std::ptrdiff_t>(done));
      done += count;
    }
    return done;
  }

  Result<Bytes> size() const override { return size_; }

 private:
  // Until the byte at `offset`, which is one of the object's, lies in it.
  Result<> move_window_to(uint64_t offset) const {
    if (offset >= begin_ && offset < begin_ + window_.size()) return {};
    window_ = {};  // not two at once; after an error the next read fills it
    TRY_ASSIGN(auto piece, client_.get(key_, offset, kWindow, etag_));
    if (!piece) return fail(ErrorCode::file_not_found, {{"path", key_}});
    if (piece->bytes.empty() || piece->total != size_)
      return fail(ErrorCode::file_io, {{"path", key_}, {"reason", "its size has changed"}});
    window_ = std::move(piece->bytes);
    begin_ = offset;
    return {};
  }

  const Client client_;
  const std::string key_;
  const Bytes size_;
  const std::string etag_;
  mutable std::mutex mutex_;
  mutable std::string window_;  // guarded by mutex_
  mutable uint64_t begin_ = 0;  // of the window; guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<platform::ReadableFile>> open_object(Client client, std::string key) {
  TRY_ASSIGN(auto first, client.get(key, 0, kWindow, {}));
  if (!first) return fail(ErrorCode::file_not_found, {{"path", std::move(key)}});
  return std::make_unique<ObjectFile>(std::move(client), std::move(key), std::move(*first));
}

}  // namespace vigie::store::s3
