#include "api/accept.h"

#include <algorithm>
#include <string>

#include "api/http_head.h"

namespace vigie::api {
namespace {

struct Preference {
  double quality = 0;
  int specificity = -1;  // -1: not named; 0: */*; 1: type/*; 2: type/subtype
};

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const auto part = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

// "0.5", "1", "0.125": three digits at most; what is not valid counts as 1.
double parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 1;
  if (text.size() > 1 && text[1] != '.') return 1;
  double value = text[0] - '0';
  double digit = 0.1;
  for (const char c : text.substr(std::min<size_t>(2, text.size()))) {
    if (c < '0' || c > '9') return 1;
    value += (c - '0') * digit;
    digit /= 10;
  }
  return std::min(value, 1.0);
}

int match(std::string_view range, std::string_view type) {
  if (range == "*/*") return 0;
  if (equal_ignoring_case(range, type)) return 2;
  const auto slash = type.find('/');
  return range.ends_with("/*") &&
                 equal_ignoring_case(range.substr(0, range.size() - 2), type.substr(0, slash))
             ? 1
             : -1;
}

std::string_view essence(std::string_view type) {
  return trim(type.substr(0, type.find(';')));
}

void consider(std::string_view item, std::string_view type, Preference& best) {
  const int specificity = match(next_part(item, ';'), essence(type));
  if (specificity < 0 || specificity < best.specificity) return;
  double quality = 1;
  while (!item.empty()) {
    const auto parameter = next_part(item, ';');
    if (parameter.starts_with("q=") || parameter.starts_with("Q="))
      quality = parse_quality(parameter.substr(2));
  }
  if (specificity > best.specificity || quality > best.quality) best = {quality, specificity};
}

Preference preference(const Request& request, std::string_view type) {
  Preference best;
  for (const auto& [name, value] : request.headers) {
    if (name != "accept") continue;
    for (std::string_view rest = value; !rest.empty();) consider(next_part(rest, ','), type, best);
  }
  return best;
}

}  // namespace

std::string_view choose_type(const Request& request, std::span<const std::string_view> offers) {
  std::string_view chosen = offers.front();
  Preference best;
  for (const auto offer : offers) {
    const auto own = preference(request, offer);
    if (own.quality > best.quality ||
        (own.quality == best.quality && own.quality > 0 && own.specificity > best.specificity)) {
      best = own;
      chosen = offer;
    }
  }
  return chosen;
}

}  // namespace vigie::api
