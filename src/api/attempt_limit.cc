#include "api/attempt_limit.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/encoding.h"

namespace vigie::api {

double AttemptLimit::left_now(const Bucket& bucket, MonoTime now) const {
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(options_.burst, bucket.left + passed * options_.per_second);
}

Result<> AttemptLimit::admit(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto bucket = buckets_.find(address);
  if (bucket == buckets_.end()) return {};
  const double left = left_now(bucket->second, clock_.monotonic());
  if (left >= 1) return {};
  const auto wait = static_cast<uint64_t>(std::ceil((1 - left) / options_.per_second));
  return fail(ErrorCode::too_many_attempts,
              {{"seconds", std::to_string(std::max<uint64_t>(wait, 1))}});
}

void AttemptLimit::failed(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.monotonic();
  if (buckets_.size() >= options_.addresses && !buckets_.contains(address)) make_room(now);
  const auto [bucket, is_new] = buckets_.try_emplace(address, Bucket{options_.burst, now});
  bucket->second = {std::max(0.0, left_now(bucket->second, now) - 1), now};
}

void AttemptLimit::make_room(MonoTime now) {
  std::erase_if(buckets_,
                [&](const auto& entry) { return left_now(entry.second, now) >= options_.burst; });
  if (buckets_.size() < options_.addresses) return;
  buckets_.erase(std::ranges::max_element(
      buckets_, {}, [&](const auto& entry) { return left_now(entry.second, now); }));
}

size_t AttemptLimit::size() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

std::string attempt_key(const std::string& address) {
  std::array<unsigned char, 16> bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
  return hex_encode({bytes.data(), 8}) + "/64";
}

}  // namespace vigie::api
