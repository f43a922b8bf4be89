// Links: vigie_api
// The reader of requests: whatever the bytes, and however they are cut, it comes to the same end,
// takes no more than it was given, and keeps its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/http_decoder.h"

namespace {

constexpr vigie::api::HeadLimits kLimits;
constexpr size_t kBodyLimit = 64 << 10;

struct Outcome {
  std::string text;  // the requests, and how it ended
  bool operator==(const Outcome&) const = default;
};

void note(Outcome& outcome, const vigie::api::Request& request) {
  if (request.target.size() > kLimits.target_bytes || request.body.size() > kBodyLimit ||
      request.headers.size() > kLimits.fields)
    std::abort();
  outcome.text += request.method + " " + request.target + " " + request.body + "\n";
}

Outcome decode(std::string_view bytes, size_t step) {
  vigie::api::Decoder decoder(kLimits, kBodyLimit);
  Outcome outcome;
  std::string buffer;
  for (size_t at = 0; at < bytes.size(); at += step) {
    buffer.append(bytes.substr(at, step));
    while (true) {
      const auto taken = decoder.feed(buffer);
      if (!taken) {
        outcome.text += taken.error().info().name;
        return outcome;
      }
      if (*taken > buffer.size()) std::abort();
      buffer.erase(0, *taken);
      if (!decoder.ready()) break;
      note(outcome, decoder.take());
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = decode(bytes, size + 1);
  if (decode(bytes, 1) != whole || decode(bytes, 7) != whole) std::abort();
  return 0;
}
