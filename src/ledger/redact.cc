#include "ledger/redact.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/encoding.h"
#include "ledger/line.h"

namespace vigie::ledger {
namespace {

constexpr std::string_view kStruck = "[redacted]";
constexpr std::array<std::string_view, 8> kNames = {"password", "passwd", "pwd",     "secret",
                                                    "token",    "apikey", "api_key", "passphrase"};
constexpr std::array<std::string_view, 2> kSchemes = {"bearer", "basic"};

bool equal_folded(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool starts_folded(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), equal_folded);
}

size_t blanks(std::string_view text) {
  return std::min(text.find_first_not_of(" \t\"'"), text.size());
}

// How long the sign between a name and its value is; 0: there is none. "token:ID" names an actor.
size_t sign_length(std::string_view name, std::string_view text) {
  const size_t before = blanks(text);
  const std::string_view rest = text.substr(before);
  size_t sign = 0;
  if (rest.starts_with('=') || (rest.starts_with(':') && name != "token")) sign = 1;
  if (starts_folded(rest, "%3d") || starts_folded(rest, "%3a")) sign = 3;
  return sign == 0 ? 0 : before + sign;
}

// How long the value at the start of `text` is: a quoted one up to its quote, else up to a blank or
// a sign that separates parameters.
size_t value_length(std::string_view text) {
  const size_t before = std::min(text.find_first_not_of(" \t"), text.size());
  if (before == text.size()) return before;
  const char quote = text[before];
  if (quote != '\'' && quote != '"') {
    return std::min(text.find_first_of(" \t\r\n&;,\"'", before), text.size());
  }
  size_t at = before + 1;
  while (at < text.size() && text[at] != quote) at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

// The length of the name at the start of `text`, up to where its value begins; 0: none.
size_t name_length(std::string_view text) {
  for (const std::string_view name : kNames) {
    if (!starts_folded(text, name)) continue;
    if (const size_t sign = sign_length(name, text.substr(name.size()))) return name.size() + sign;
  }
  for (const std::string_view scheme : kSchemes) {
    const bool is = starts_folded(text, scheme) && text.size() > scheme.size() + 1 &&
                    text[scheme.size()] == ' ';
    if (is) return scheme.size() + 1;
  }
  return 0;
}

// "://user:password@": what lies between, or 0. A password may hold a slash that should have been
// encoded.
size_t user_part_length(std::string_view text) {
  const size_t end = std::min(text.find_first_of(" \t\r\n\"'"), text.size());
  const size_t at = text.substr(0, end).rfind('@');
  return at == std::string_view::npos ? 0 : at;
}

std::string strike(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t head = rest.starts_with("://") ? 3 : name_length(rest);
    const std::string_view behind = rest.substr(head);
    const size_t struck = head == 0                 ? 0
                          : rest.starts_with("://") ? user_part_length(behind)
                                                    : value_length(behind);
    const size_t kept = std::max<size_t>(head, 1);
    out += rest.substr(0, kept);
    if (struck > 0) out += kStruck;
    at += kept + struck;
  }
  return out;
}

}  // namespace

std::string redacted(std::string_view text) {
  return strike(is_utf8(text) ? std::string(text) : printable(text, kMaxLine.count));
}

void redact(json::value& value, size_t depth) {
  if (depth > kMaxDepth) {
    value = nullptr;
  } else if (json::string* text = value.if_string()) {
    *text = redacted(*text);
  } else if (json::array* array = value.if_array()) {
    for (json::value& one : *array) redact(one, depth + 1);
  } else if (json::object* object = value.if_object()) {
    json::object clean;
    for (auto& member : *object) {
      redact(member.value(), depth + 1);
      clean[redacted(member.key())] = std::move(member.value());
    }
    *object = std::move(clean);
  }
}

}  // namespace vigie::ledger
