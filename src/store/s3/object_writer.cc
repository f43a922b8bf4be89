#include "store/s3/object_writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::store::s3 {

// Most files are small; a large one has its part at once, and does not copy it while it grows.
void ObjectWriter::make_room(size_t bytes) {
  constexpr size_t kSmall = size_t{256} << 10;
  if (part_.size() + bytes > kSmall && part_.capacity() < part_bytes()) part_.reserve(part_bytes());
}

Result<> ObjectWriter::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    if (part_.size() >= part_bytes()) TRY(send_part());
    const size_t count = std::min(bytes.size(), part_bytes() - part_.size());
    make_room(count);
    part_.append(reinterpret_cast<const char*>(bytes.data()), count);
    bytes = bytes.subspan(count);
    size_ += {count};
  }
  return {};
}

// The part's memory comes back, unless a transfer that hangs still holds it.
Result<std::string> ObjectWriter::hand_over(const std::function<Result<std::string>(Body)>& send) {
  const auto body = std::make_shared<std::string>(std::move(part_));
  part_.clear();
  auto sent = send(body);
  if (body.use_count() == 1) {
    part_ = std::move(*body);
    part_.clear();
  }
  return sent;
}

Result<> ObjectWriter::send_part() {
  if (etags_.size() == kMostParts)
    return fail(ErrorCode::limit_exceeded, {{"name", "a file in store " + client_.store()},
                                            {"observed", "its size"},
                                            {"limit", fmt::format("{} parts", kMostParts)}});
  if (upload_.id.empty()) {
    TRY_ASSIGN(upload_.id, client_.begin_upload(upload_.key));
  }
  TRY_ASSIGN(std::string etag, hand_over([this](Body body) {
               return client_.put_part(upload_, etags_.size() + 1, std::move(body));
             }));
  etags_.push_back(std::move(etag));
  return {};
}

Result<std::string> ObjectWriter::finish() {
  if (upload_.id.empty())
    return hand_over([this](Body body) { return client_.put(upload_.key, std::move(body)); });
  TRY(send_part());
  return client_.finish_upload(upload_, etags_, size_);
}

Result<> ObjectWriter::close() {
  TRY_ASSIGN(std::string etag, finish());
  written_({upload_.key, size_, std::move(etag)});
  return {};
}

}  // namespace vigie::store::s3
