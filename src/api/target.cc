#include "api/target.h"

#include <algorithm>

#include "api/http_head.h"
#include "base/encoding.h"

namespace vigie::api {
namespace {

constexpr size_t kMostSegments = 32;
constexpr size_t kMostParameters = 64;

tl::unexpected<Error> bad(std::string_view reason) {
  return fail(ErrorCode::http_bad_request, {{"reason", std::string(reason)}});
}

bool is_target_char(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != 0 &&
          std::string_view("-._~%!$&'()*+,;=:@/?[]").find(char(c)) != std::string_view::npos);
}

Result<std::string> decode(std::string_view text) {
  auto decoded = percent_decode(text);
  if (!decoded) return bad("the percent-encoding of the target is not valid");
  if (!is_utf8(*decoded)) return bad("the target is not UTF-8");
  if (std::ranges::any_of(*decoded, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return bad("a control character in the target");
  return *std::move(decoded);
}

Result<std::string> decode_form(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return decode(spaced);
}

Result<> parse_path(std::string_view path, Target& target) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    if (target.path.size() == kMostSegments) return bad("the path has too many segments");
    TRY_ASSIGN(auto segment, decode(path.substr(0, end)));
    target.path.push_back(std::move(segment));
    path.remove_prefix(end);
  }
  return {};
}

Result<> parse_query(std::string_view query, Target& target) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto item = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (item.empty()) continue;
    if (target.query.size() == kMostParameters) return bad("the query has too many parameters");
    const auto equals = std::min(item.find('='), item.size());
    TRY_ASSIGN(auto name, decode_form(item.substr(0, equals)));
    TRY_ASSIGN(auto value, decode_form(item.substr(std::min(equals + 1, item.size()))));
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

// Drops scheme and authority of the absolute form.
Result<std::string_view> origin_form(std::string_view target) {
  if (target.starts_with('/')) return target;
  const auto colon = target.find("://");
  if (colon == std::string_view::npos) return bad("the target has no path");
  const auto scheme = target.substr(0, colon);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https"))
    return bad("the target's scheme is not http");
  const auto rest = target.substr(colon + 3);
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  const auto authority = rest.substr(0, end);
  if (authority.empty() || authority.find('@') != std::string_view::npos)
    return bad("the target's authority is not valid");
  return rest.substr(end);
}

}  // namespace

Result<Target> parse_target(std::string_view text, std::string_view method) {
  if (text == "*" && method == "OPTIONS") return Target{{"*"}, {}};
  if (!std::ranges::all_of(text, is_target_char)) return bad("a character that no target may hold");
  TRY_ASSIGN(auto origin, origin_form(text));
  const auto question = std::min(origin.find('?'), origin.size());
  Target target;
  TRY(parse_path(origin.substr(0, question), target));
  if (target.path.empty()) target.path.emplace_back();
  TRY(parse_query(origin.substr(std::min(question + 1, origin.size())), target));
  return target;
}

}  // namespace vigie::api
