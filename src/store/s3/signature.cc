#include "store/s3/signature.h"

#include <fmt/format.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/hash.h"

namespace vigie::store::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, 32> out{};
  unsigned size = out.size();
  (void)::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(text).data(),
               text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

// "20261129T150000Z"
std::string stamp_of(SystemTime now) {
  std::string text = format_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string joined_names(const Headers& sorted) {
  std::string out;
  for (const auto& [name, value] : sorted) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string canonical(const Unsigned& request, const Headers& sorted) {
  std::string out =
      fmt::format("{}\n{}\n{}\n", request.method, request.path, encoded_query(request.query));
  for (const auto& [name, value] : sorted) out += fmt::format("{}:{}\n", name, value);
  return out + fmt::format("\n{}\n{}", joined_names(sorted), request.payload_sha256);
}

// A key for this day, region and service alone.
Secret derived_key(const Credentials& credentials, std::string_view day, std::string_view region) {
  const Secret start("AWS4" + credentials.secret_key.reveal());
  const Secret of_day(hmac_sha256(start.reveal(), day));
  const Secret of_region(hmac_sha256(of_day.reveal(), region));
  const Secret of_service(hmac_sha256(of_region.reveal(), "s3"));
  return Secret(hmac_sha256(of_service.reveal(), "aws4_request"));
}

std::string hex(std::string_view bytes) {
  return hex_encode(as_bytes(bytes));
}

}  // namespace

std::string encoded_query(const Query& query) {
  std::string out;
  for (const auto& [name, value] : query)
    out +=
        fmt::format("{}{}={}", out.empty() ? "" : "&", percent_encode(name), percent_encode(value));
  return out;
}

std::string encoded_path(std::string_view path) {
  std::string out;
  while (true) {
    const size_t slash = path.find('/');
    out += percent_encode(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

Headers signed_headers(const Unsigned& request, const Credentials& credentials, SystemTime now) {
  const std::string stamp = stamp_of(now);
  const std::string scope =
      fmt::format("{}/{}/s3/aws4_request", stamp.substr(0, 8), request.region);
  Headers headers = request.headers;
  headers.emplace_back("host", request.host);
  headers.emplace_back("x-amz-date", stamp);
  headers.emplace_back("x-amz-content-sha256", request.payload_sha256);
  if (!credentials.session_token.empty())
    headers.emplace_back("x-amz-security-token", credentials.session_token.reveal());
  std::ranges::sort(headers);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, stamp, scope,
                                          sha256_hex(canonical(request, headers)));
  const Secret key = derived_key(credentials, stamp.substr(0, 8), request.region);
  headers.emplace_back("authorization",
                       fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                   kAlgorithm, credentials.access_key, scope, joined_names(headers),
                                   hex(hmac_sha256(key.reveal(), to_sign))));
  return headers;
}

}  // namespace vigie::store::s3
