// One object on its way: what fits into a part goes by one PUT, the rest as a multipart upload.
// While a part is sent, the next one is filled and hashed: two of them lie in memory. Every part
// carries its SHA-256, which the server compares.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "store/s3/client.h"
#include "store/store.h"

namespace vigie::store::s3 {

// S3 takes 10'000 parts: the first of 6 MiB (46 GiB in all), the last 2'000 of 128 MiB (296 GiB).
// The least that S3 takes is 5 MiB.
inline constexpr size_t kPartBytes = size_t{6} << 20;
inline constexpr size_t kSmallParts = 8'000;
inline constexpr size_t kLargePartBytes = size_t{128} << 20;
inline constexpr size_t kMostParts = 10'000;

class ObjectWriter final : public FileWriter {
 public:
  // `written` is told once, by close(), what lies there now.
  using Written = std::function<void(Object)>;
  ObjectWriter(Client client, std::string key, Written written);
  // Stops what is on its way, and waits for it.
  ~ObjectWriter() override;

  // Also limit_exceeded, when the parts are used up. What one part's transfer has failed with, a
  // later call says.
  Result<> append(ByteSpan bytes) override;
  Result<> close() override;

 private:
  struct Sending {
    std::shared_ptr<std::string> part;
    std::future<Result<std::string>> etag;
  };

  size_t part_bytes() const { return parts_ < kSmallParts ? kPartBytes : kLargePartBytes; }
  void make_room(size_t bytes);
  Result<> send_part();
  void start_sending(size_t number);
  Result<> settle();  // what is on its way
  Result<std::string> finish();

  std::stop_source stop_;
  const std::stop_callback<std::function<void()>> stopped_outside_;
  const Client client_;
  Upload upload_;  // without an id: not begun
  Written written_;
  std::string part_;   // being filled
  Sha256 sha256_;      // of it
  std::string spare_;  // the memory of the one before
  size_t parts_ = 0;   // that were begun
  std::vector<std::string> etags_;
  Bytes size_;
  std::optional<Sending> sending_;
};

}  // namespace vigie::store::s3
