#include "base/error.h"

#include <algorithm>

namespace vigie {
namespace {

bool for_operators_only(std::string_view parameter) {
  return std::ranges::find(operator_parameters(), parameter) != operator_parameters().end();
}

std::string render(std::string_view text, const Error& error, Audience audience) {
  std::string out;
  while (!text.empty()) {
    const size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const size_t close = text.find('}', open);
    const std::string_view name = text.substr(open + 1, close - open - 1);
    const bool hidden = audience == Audience::everybody && for_operators_only(name);
    const std::string_view value = hidden ? std::string_view() : error.parameter(name);
    out += value.empty() ? "…" : value;
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace

const ErrorInfo& error_info(ErrorCode code) {
  return error_table()[static_cast<size_t>(code)];
}

const ErrorInfo* find_error_info(std::string_view name) {
  const auto found = std::ranges::find(error_table(), name, &ErrorInfo::name);
  return found == error_table().end() ? nullptr : &*found;
}

const ErrorInfo& Error::info() const {
  return error_info(code_);
}

std::string_view Error::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return {};
}

std::string Error::detail(Audience audience) const {
  return render(info().detail, *this, audience);
}
std::string Error::remedy(Audience audience) const {
  return render(info().remedy, *this, audience);
}

Error& Error::with(std::string_view name, std::string value) {
  if (parameter(name).empty()) parameters_.emplace_back(name, std::move(value));
  return *this;
}

}  // namespace vigie
