#include "api/http_body.h"

#include <algorithm>
#include <optional>

namespace vigie::api {
namespace {

constexpr size_t kLineLimit = 256;  // of a chunk's size with its extensions
constexpr size_t kTrailerLimit = 4 << 10;
constexpr size_t kSizeDigits = 8;

tl::unexpected<Error> bad(std::string_view reason) {
  return fail(ErrorCode::http_bad_request, {{"reason", std::string(reason)}});
}

tl::unexpected<Error> too_large(size_t limit) {
  return fail(ErrorCode::http_body_too_large, {{"limit", std::to_string(limit)}});
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The line without its CRLF, or nothing when its end has not come.
Result<std::optional<std::string_view>> find_line(std::string_view bytes, size_t limit) {
  const auto newline = bytes.substr(0, limit).find('\n');
  if (newline == std::string_view::npos) {
    if (bytes.size() >= limit) return bad("a line of the chunked coding is too long");
    return std::optional<std::string_view>();
  }
  if (newline == 0 || bytes[newline - 1] != '\r')
    return bad("a line of the chunked coding ends without CR");
  const auto line = bytes.substr(0, newline - 1);
  if (!std::ranges::all_of(line,
                           [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }))
    return bad("a control character in the chunked coding");
  return std::optional(line);
}

// Takes a token or a quoted string off the front; false when there is neither.
bool take_extension_value(std::string_view& rest) {
  if (!rest.starts_with('"')) {
    const auto end = std::min(rest.find_first_of(";="), rest.size());
    const bool valid = is_token(rest.substr(0, end));
    rest.remove_prefix(end);
    return valid;
  }
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// *( ";" name [ "=" value ] ), without the white space that RFC 9112, 7.1.1 calls bad.
bool are_extensions(std::string_view rest) {
  while (!rest.empty()) {
    if (rest.front() != ';') return false;
    rest.remove_prefix(1);
    if (rest.starts_with('"') || !take_extension_value(rest)) return false;
    if (!rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    if (!take_extension_value(rest)) return false;
  }
  return true;
}

Result<uint64_t> parse_size(std::string_view line) {
  const auto digits = line.substr(0, line.find(';'));
  if (!are_extensions(line.substr(digits.size()))) return bad("a chunk's extension is not valid");
  if (digits.empty() || digits.size() > kSizeDigits) return bad("a chunk's size is not valid");
  uint64_t size = 0;
  for (const char c : digits) {
    const int digit = hex_digit(c);
    if (digit < 0) return bad("a chunk's size is not hexadecimal");
    size = size * 16 + unsigned(digit);
  }
  return size;
}

}  // namespace

Result<BodyReader> BodyReader::begin(const Head& head, size_t limit) {
  BodyReader reader(limit);
  if (head.chunked) {
    reader.state_ = State::size_line;
  } else if (head.content_length.value_or(0) > limit) {
    return too_large(limit);
  } else if (head.content_length.value_or(0) > 0) {
    reader.state_ = State::data;
    reader.remaining_ = *head.content_length;
  }
  return reader;
}

Result<size_t> BodyReader::feed(std::string_view bytes) {
  size_t taken = 0;
  while (!done()) {
    const auto before = state_;
    TRY_ASSIGN(const size_t step_taken, step(bytes.substr(taken)));
    taken += step_taken;
    if (step_taken == 0 && state_ == before) break;
  }
  return taken;
}

Result<size_t> BodyReader::step(std::string_view bytes) {
  switch (state_) {
    case State::data:
      return copy(bytes, State::done);
    case State::size_line:
      return read_size_line(bytes);
    case State::chunk_data:
      return copy(bytes, State::chunk_end);
    case State::chunk_end:
      return read_chunk_end(bytes);
    case State::trailer:
      return read_trailer(bytes);
    case State::done:
      break;
  }
  return 0;
}

size_t BodyReader::copy(std::string_view bytes, State next) {
  const auto part = bytes.substr(0, remaining_);
  body_.append(part);
  remaining_ -= part.size();
  if (remaining_ == 0) state_ = next;
  return part.size();
}

Result<size_t> BodyReader::read_size_line(std::string_view bytes) {
  TRY_ASSIGN(const auto line, find_line(bytes, kLineLimit));
  if (!line) return 0;
  TRY_ASSIGN(remaining_, parse_size(*line));
  if (remaining_ > limit_ - body_.size()) return too_large(limit_);
  state_ = remaining_ == 0 ? State::trailer : State::chunk_data;
  return line->size() + 2;
}

Result<size_t> BodyReader::read_chunk_end(std::string_view bytes) {
  if (!bytes.empty() && bytes[0] != '\r') return bad("a chunk is longer than its size");
  if (bytes.size() < 2) return 0;
  if (bytes[1] != '\n') return bad("a chunk is longer than its size");
  state_ = State::size_line;
  return 2;
}

Result<size_t> BodyReader::read_trailer(std::string_view bytes) {
  TRY_ASSIGN(const auto line, find_line(bytes, kTrailerLimit - trailer_bytes_));
  if (!line) return 0;
  trailer_bytes_ += line->size() + 2;
  if (line->empty()) {
    state_ = State::done;
    return 2;
  }
  if (!is_token(line->substr(0, std::min(line->find(':'), line->size()))) ||
      line->find(':') == std::string_view::npos)
    return bad("a trailer that is not a header");
  return line->size() + 2;
}

}  // namespace vigie::api
