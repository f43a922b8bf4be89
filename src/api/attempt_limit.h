// A limit on attempts with a wrong token, for each address: a token bucket. A good token is not
// asked for it: whoever guesses must not lock out those who share his address. The table is
// bounded; when it is full, the fullest bucket (the address that has failed least) makes room.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "platform/clock.h"

namespace vigie::api {

struct AttemptOptions {
  double burst = 10;        // failures in a row
  double per_second = 0.1;  // given back
  size_t addresses = 1024;
};

// Thread-safe. `clock` outlives it.
class AttemptLimit {
 public:
  AttemptLimit(const platform::Clock& clock, AttemptOptions options)
      : clock_(clock), options_(options) {}

  // too_many_attempts, with the seconds to wait, when the address has used up its attempts.
  Result<> admit(const std::string& address);
  void failed(const std::string& address);
  size_t size() const;

 private:
  struct Bucket {
    double left = 0;
    MonoTime at{};
  };
  double left_now(const Bucket& bucket, MonoTime now) const;
  void make_room(MonoTime now);

  const platform::Clock& clock_;
  AttemptOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;  // guarded by mutex_
};

// An IPv6 network of 64 bits counts as one address: a host has as many as it likes.
std::string attempt_key(const std::string& address);

}  // namespace vigie::api
