#include "store/options.h"

#include <array>
#include <charconv>
#include <optional>

namespace vigie::store {
namespace {

constexpr std::array<std::pair<std::string_view, StoreType>, 1> kTypes{
    {{"local", StoreType::local}}};

std::optional<Reserve> parse_reserve(std::string_view text) {
  if (!text.ends_with('%')) {
    const auto bytes = parse_bytes(text);
    if (!bytes || bytes->count == 0) return std::nullopt;
    return Reserve{0, *bytes};
  }
  text.remove_suffix(1);
  int percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc() || end != text.data() + text.size() || percent < 1 || percent > 90)
    return std::nullopt;
  return Reserve{percent, {}};
}

void read_reserve(yaml::Fields& fields, Reserve& target) {
  std::string text;
  fields.text("reserve", text);
  if (text.empty()) return;
  if (const auto reserve = parse_reserve(text)) {
    target = *reserve;
    return;
  }
  const Problems::Scope scope(fields.problems(), "reserve");
  fields.problems().wrong_value(fields.self().find("reserve")->place,
                                "a share from 1% to 90%, or a size such as 20GiB");
}

}  // namespace

StoreOptions StoreOptions::parse(const std::string& name, const yaml::Entry& entry,
                                 Problems& problems) {
  StoreOptions options;
  options.name = name;
  options.place = entry.place;
  yaml::Fields fields(entry.value, problems);
  fields.choice("type", options.type, kTypes);
  fields.absolute_path("path", options.path, yaml::Need::required);
  read_reserve(fields, options.reserve);
  fields.flag("off_host", options.off_host);
  fields.finish();
  return options;
}

}  // namespace vigie::store
