#include "base/ids.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/encoding.h"

namespace vigie {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_correlation_char(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

// RFC 9562, section 5.4, written as 32 hexadecimal digits.
std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1)
    std::abort();  // no random source: nothing is safe
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  return hex_encode(bytes);
}

tl::unexpected<Error> no_backup(std::string_view text) {
  return fail(ErrorCode::backup_not_found, {{"backup", std::string(text.substr(0, 160))}});
}

}  // namespace

bool is_correlation_id(std::string_view text) {
  return !text.empty() && text.size() <= 48 && std::ranges::all_of(text, is_correlation_char);
}

CorrelationId new_correlation_id() {
  return CorrelationId(random_uuid());
}
RunId new_run_id() {
  return RunId(random_uuid());
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_lower_or_digit(text.front()) &&
         std::ranges::all_of(text,
                             [](char c) { return is_lower_or_digit(c) || c == '_' || c == '-'; });
}

Result<BackupId> BackupId::parse(std::string_view text) {
  const size_t dot = text.find('.');
  const size_t dash = text.rfind('-');
  if (dot == std::string_view::npos || dash == std::string_view::npos || dash < dot)
    return no_backup(text);
  const auto time = parse_compact(text.substr(dash + 1));
  BackupId id{
      std::string(text.substr(0, dot)), std::string(text.substr(dot + 1, dash - dot - 1)), {}};
  if (!time || !is_name(id.job) || !is_name(id.database)) return no_backup(text);
  id.started_at = *time;
  return id;
}

std::string BackupId::str() const {
  return job + "." + database + "-" + format_compact(started_at);
}

}  // namespace vigie
