#include "api/http_head.h"

#include <algorithm>
#include <array>

namespace vigie::api {
namespace {

constexpr size_t kRequestLineExtra = 64;  // method, version and spaces around the target
constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

tl::unexpected<Error> bad(std::string_view reason) {
  return fail(ErrorCode::http_bad_request, {{"reason", std::string(reason)}});
}

bool is_token_char(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(char(c)) != std::string_view::npos);
}

bool is_value_char(unsigned char c) {
  return c == '\t' || (c >= 0x20 && c != 0x7f);
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

Result<int> parse_version(std::string_view text) {
  if (!text.starts_with("HTTP/") || text.size() != 8 || text[6] != '.') return bad("version");
  const char major = text[5];
  const char minor = text[7];
  if (major < '0' || major > '9' || minor < '0' || minor > '9') return bad("version");
  if (major != '1' || minor > '1') return fail(ErrorCode::http_version);
  return minor - '0';
}

Result<> parse_request_line(std::string_view line, const HeadLimits& limits, Head& head) {
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end)
    return bad("the request line has not three parts");
  const auto method = line.substr(0, method_end);
  const auto target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!is_token(method)) return bad("the method is not a token");
  if (target.size() > limits.target_bytes)
    return fail(ErrorCode::http_uri_too_long, {{"limit", std::to_string(limits.target_bytes)}});
  if (target.empty() ||
      !std::ranges::all_of(target, [](unsigned char c) { return c > 0x20 && c < 0x7f; }))
    return bad("the target holds bytes that must be percent-encoded");
  TRY_ASSIGN(head.minor_version, parse_version(line.substr(target_end + 1)));
  if (std::ranges::find(kMethods, method) == kMethods.end())
    return fail(ErrorCode::http_not_implemented, {{"reason", "The method is not implemented."}});
  head.method = method;
  head.target = target;
  return {};
}

Result<> parse_field(std::string_view line, Head& head) {
  if (line.front() == ' ' || line.front() == '\t') return bad("a folded header line");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a header line without a colon");
  const auto name = line.substr(0, colon);
  if (!is_token(name)) return bad("a header name that is not a token");
  const auto value = trim(line.substr(colon + 1));
  if (!std::ranges::all_of(value, is_value_char)) return bad("a control character in a header");
  head.headers.emplace_back(lower_case(name), value);
  return {};
}

size_t count(const Headers& headers, std::string_view name) {
  return size_t(
      std::ranges::count_if(headers, [&](const auto& field) { return field.first == name; }));
}

const std::string* find(const Headers& headers, std::string_view name) {
  const auto it =
      std::ranges::find_if(headers, [&](const auto& field) { return field.first == name; });
  return it == headers.end() ? nullptr : &it->second;
}

bool is_host_char(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != 0 &&
          std::string_view("-._~%!$&'()*+,;=:[]").find(char(c)) != std::string_view::npos);
}

Result<> check_host(const Head& head) {
  const auto hosts = count(head.headers, "host");
  if (hosts > 1) return bad("more than one Host");
  if (hosts == 0 && head.minor_version == 1) return bad("no Host");
  if (const auto* host = find(head.headers, "host");
      host != nullptr && !std::ranges::all_of(*host, is_host_char))
    return bad("a Host that is not a host");
  return {};
}

Result<> read_content_length(Head& head) {
  const auto lengths = count(head.headers, "content-length");
  if (lengths == 0) return {};
  if (lengths > 1) return bad("more than one Content-Length");
  const auto& text = *find(head.headers, "content-length");
  if (text.empty() || text.size() > 18 ||
      !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
    return bad("a Content-Length that is not a number");
  head.content_length = std::stoull(text);
  return {};
}

Result<> read_transfer_encoding(Head& head) {
  const auto codings = count(head.headers, "transfer-encoding");
  if (codings == 0) return {};
  if (head.content_length) return bad("both Content-Length and Transfer-Encoding");
  if (head.minor_version == 0) return bad("Transfer-Encoding in HTTP/1.0");
  if (codings > 1) return bad("more than one Transfer-Encoding");
  if (!equal_ignoring_case(*find(head.headers, "transfer-encoding"), "chunked"))
    return fail(ErrorCode::http_not_implemented,
                {{"reason", "The transfer coding is not implemented."}});
  head.chunked = true;
  return {};
}

bool has_connection_option(const Headers& headers, std::string_view option) {
  for (const auto& [name, value] : headers) {
    if (name != "connection") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (equal_ignoring_case(trim(rest.substr(0, comma)), option)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

void read_connection(Head& head) {
  const bool close = has_connection_option(head.headers, "close");
  const bool keep = head.minor_version == 1 || has_connection_option(head.headers, "keep-alive");
  head.keep_alive = keep && !close;
}

Result<> read_expect(Head& head) {
  const auto expectations = count(head.headers, "expect");
  if (expectations == 0 || head.minor_version == 0) return {};
  if (expectations > 1 || !equal_ignoring_case(*find(head.headers, "expect"), "100-continue"))
    return fail(ErrorCode::http_expectation);
  head.expects_continue = true;
  return {};
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

Result<std::optional<size_t>> HeadScanner::scan(std::string_view bytes) {
  while (looked_at_ < bytes.size()) {
    const auto newline = bytes.find('\n', looked_at_);
    if (newline == std::string_view::npos) {
      looked_at_ = bytes.size();
      break;
    }
    looked_at_ = newline + 1;
    TRY_ASSIGN(const auto end, end_of_line(bytes, newline));
    if (end) return end;
  }
  TRY(check_open_line(bytes));
  return std::optional<size_t>();
}

Result<std::optional<size_t>> HeadScanner::end_of_line(std::string_view bytes, size_t newline) {
  // The same checks in the same order as when the line came byte by byte.
  TRY(check_open_line(bytes.substr(0, newline)));
  if (newline == line_start_ || bytes[newline - 1] != '\r') return bad("a line ends without CR");
  const bool empty = newline - line_start_ == 1;
  TRY(check_size(newline + 1));
  line_start_ = newline + 1;
  if (!empty) {
    in_request_line_ = false;
    return std::optional<size_t>();
  }
  if (!in_request_line_) return std::optional<size_t>(newline + 1);
  if (first_byte_ != 0) return bad("empty lines before the request");
  first_byte_ = newline + 1;
  return std::optional<size_t>();
}

Result<> HeadScanner::check_open_line(std::string_view bytes) const {
  if (in_request_line_ && bytes.size() > line_start_) {
    const auto first = static_cast<unsigned char>(bytes[line_start_]);
    if (!is_token_char(first) && first != '\r') return bad("this is not HTTP");
    if (bytes.size() - line_start_ > limits_.target_bytes + kRequestLineExtra)
      return fail(ErrorCode::http_uri_too_long, {{"limit", std::to_string(limits_.target_bytes)}});
  }
  return check_size(bytes.size());
}

Result<> HeadScanner::check_size(size_t bytes) const {
  if (bytes - first_byte_ <= limits_.header_bytes) return {};
  return fail(ErrorCode::http_headers_too_large, {{"limit", std::to_string(limits_.header_bytes)}});
}

Result<Head> parse_head(std::string_view bytes, const HeadLimits& limits) {
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  if (!bytes.ends_with("\r\n\r\n")) return bad("the head has no end");
  Head head;
  TRY(parse_request_line(take_line(bytes), limits, head));
  while (true) {
    const auto line = take_line(bytes);
    if (line.empty()) break;
    if (head.headers.size() == limits.fields)
      return fail(ErrorCode::http_headers_too_large,
                  {{"limit", std::to_string(limits.header_bytes)}});
    TRY(parse_field(line, head));
  }
  if (!bytes.empty()) return bad("bytes behind the head");
  TRY(check_host(head));
  TRY(read_content_length(head));
  TRY(read_transfer_encoding(head));
  TRY(read_expect(head));
  read_connection(head);
  return head;
}

}  // namespace vigie::api
