#include "store/s3/object_writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::store::s3 {

ObjectWriter::ObjectWriter(Client client, std::string key, Written written)
    : stopped_outside_(client.limits().stop, [this] { stop_.request_stop(); }),
      client_(client.within({client.limits().deadline, stop_.get_token()})),
      upload_{std::move(key), {}},
      written_(std::move(written)) {}

ObjectWriter::~ObjectWriter() {
  stop_.request_stop();
}

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
    sha256_.update(bytes.first(count));
    bytes = bytes.subspan(count);
    size_ += {count};
  }
  return {};
}

Result<> ObjectWriter::send_part() {
  if (parts_ == kMostParts)
    return fail(ErrorCode::limit_exceeded, {{"name", "a file in store " + client_.store()},
                                            {"observed", "its size"},
                                            {"limit", fmt::format("{} parts", kMostParts)}});
  if (upload_.id.empty()) {
    TRY_ASSIGN(upload_.id, client_.begin_upload(upload_.key));
  }
  TRY(settle());
  const bool large = part_bytes() == kLargePartBytes;
  start_sending(++parts_);
  return large ? settle() : Result<>();  // two of these would be too much memory
}

void ObjectWriter::start_sending(size_t number) {
  const auto part = std::make_shared<std::string>(std::move(part_));
  part_ = std::move(spare_);
  part_.clear();
  spare_ = {};
  auto send = [client = client_, upload = upload_, number, body = Body(part),
               sha256 = hex_encode(sha256_.finish())]() mutable {
    return client.put_part(upload, number, std::move(body), std::move(sha256));
  };
  sending_ = {part, std::async(std::launch::async, std::move(send))};
}

// The part's memory comes back, unless a transfer that hangs still holds it.
Result<> ObjectWriter::settle() {
  if (!sending_) return {};
  auto etag = sending_->etag.get();
  if (sending_->part.use_count() == 1) spare_ = std::move(*sending_->part);
  sending_.reset();
  TRY(etag);
  etags_.push_back(std::move(*etag));
  return {};
}

Result<std::string> ObjectWriter::finish() {
  if (upload_.id.empty())
    return client_.put(upload_.key, std::make_shared<const std::string>(std::move(part_)),
                       hex_encode(sha256_.finish()));
  TRY(send_part());
  TRY(settle());
  return client_.finish_upload(upload_, etags_, size_);
}

Result<> ObjectWriter::close() {
  TRY_ASSIGN(std::string etag, finish());
  written_({upload_.key, size_, std::move(etag)});
  return {};
}

}  // namespace vigie::store::s3
