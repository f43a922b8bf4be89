// One object on its way: what fits into a part goes by one PUT, the rest as a multipart upload.
// Holds one part in memory. Every part carries its SHA-256, which the server compares.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/s3/client.h"
#include "store/store.h"

namespace vigie::store::s3 {

// S3 takes 10'000 parts: the first of 8 MiB (62 GiB in all), the last 2'000 of 128 MiB (312 GiB).
inline constexpr size_t kPartBytes = size_t{8} << 20;
inline constexpr size_t kSmallParts = 8'000;
inline constexpr size_t kLargePartBytes = size_t{128} << 20;
inline constexpr size_t kMostParts = 10'000;

class ObjectWriter final : public FileWriter {
 public:
  // `written` is told once, by close(), what lies there now.
  using Written = std::function<void(Object)>;
  ObjectWriter(Client client, std::string key, Written written)
      : client_(std::move(client)), upload_{std::move(key), {}}, written_(std::move(written)) {}

  // Also limit_exceeded, when the parts are used up.
  Result<> append(ByteSpan bytes) override;
  Result<> close() override;

 private:
  size_t part_bytes() const { return etags_.size() < kSmallParts ? kPartBytes : kLargePartBytes; }
  void make_room(size_t bytes);
  Result<> send_part();
  Result<std::string> finish();
  Result<std::string> hand_over(const std::function<Result<std::string>(Body)>& send);

  Client client_;
  Upload upload_;  // without an id: not begun
  Written written_;
  std::string part_;
  std::vector<std::string> etags_;
  Bytes size_;
};

}  // namespace vigie::store::s3
