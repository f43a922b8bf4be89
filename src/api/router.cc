#include "api/router.h"

#include <algorithm>

namespace vigie::api {
namespace {

std::vector<std::string> split(std::string_view pattern) {
  std::vector<std::string> segments;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    const auto end = std::min(pattern.find('/'), pattern.size());
    segments.emplace_back(pattern.substr(0, end));
    pattern.remove_prefix(end);
  }
  return segments;
}

bool is_argument(std::string_view segment) {
  return segment.starts_with('{');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  return std::ranges::equal(pattern, path, [](const std::string& wanted, const std::string& given) {
    return is_argument(wanted) ? !given.empty() : wanted == given;
  });
}

void add_method(std::string& allow, std::string_view method) {
  if (!allow.empty()) allow += ", ";
  allow += method;
}

}  // namespace

void Router::add(Route route) {
  auto segments = split(route.pattern);
  routes_.push_back({std::move(route), std::move(segments)});
}

Router::Match Router::find(std::string_view method, const std::vector<std::string>& path) const {
  Match match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const auto& known : routes_) {
    if (!matches(known.segments, path)) continue;
    if (known.route.method == wanted) {
      match.route = &known.route;
      for (size_t i = 0; i < path.size(); ++i)
        if (is_argument(known.segments[i])) match.arguments.push_back(path[i]);
      return match;
    }
    add_method(match.allow, known.route.method);
    if (known.route.method == "GET") add_method(match.allow, "HEAD");
  }
  if (!match.allow.empty()) add_method(match.allow, "OPTIONS");
  return match;
}

}  // namespace vigie::api
