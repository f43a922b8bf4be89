// Bytes as text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vigie {

using ByteSpan = std::span<const unsigned char>;

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string hex_encode(ByteSpan bytes);  // lower case
std::optional<std::vector<unsigned char>> hex_decode(std::string_view text);
std::string base64_encode(ByteSpan bytes);                         // RFC 4648, section 4, padded
std::string percent_encode(std::string_view text);                 // RFC 3986: all but unreserved
std::optional<std::string> percent_decode(std::string_view text);  // nothing when malformed
bool is_utf8(std::string_view text);                               // RFC 3629
std::string printable(std::string_view text,
                      size_t max = 200);  // control bytes and bad UTF-8 as \xNN; cut

}  // namespace vigie
