#include "api/message.h"

#include <algorithm>

namespace vigie::api {
namespace {

std::optional<std::string_view> only(const std::vector<std::pair<std::string, std::string>>& pairs,
                                     std::string_view name) {
  const auto same = [&](const auto& pair) { return pair.first == name; };
  const auto first = std::ranges::find_if(pairs, same);
  if (first == pairs.end() || std::find_if(first + 1, pairs.end(), same) != pairs.end())
    return std::nullopt;
  return first->second;
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view lower_case_name) const {
  return only(headers, lower_case_name);
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
  return only(query, name);
}

}  // namespace vigie::api
