#include "cli/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/time.h"

namespace vigie::cli {
namespace {

const Cell kAbsent{"-", Tone::dim};

bool is_null(const json::value* value) {
  return value == nullptr || value->is_null();
}

}  // namespace

double number(const json::value* value) {
  if (value == nullptr) return 0;
  if (const auto* i = value->if_int64()) return static_cast<double>(*i);
  if (const auto* u = value->if_uint64()) return static_cast<double>(*u);
  if (const auto* d = value->if_double()) return *d;
  return 0;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? std::string() : std::string(*text);
}

Cell text_cell(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  if (is_null(value)) return kAbsent;
  // Names can come from a database: nothing in them may steer a terminal.
  return {printable(value->is_string() ? std::string_view(value->get_string())
                                       : canonical_json(*value))};
}

Cell bytes_cell(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  if (is_null(value)) return kAbsent;
  return {format_bytes({static_cast<uint64_t>(std::max(0.0, number(value)))})};
}

Cell count_cell(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  return is_null(value) ? kAbsent : Cell{fmt::format("{:.0f}", number(value))};
}

Cell seconds_cell(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  if (is_null(value)) return kAbsent;
  const double seconds = number(value);
  if (seconds < 60) return {fmt::format("{:.1f}s", seconds)};
  return {format_duration(std::chrono::seconds(static_cast<int64_t>(seconds)))};
}

Cell time_cell(const json::object& object, std::string_view key) {
  const std::string text = text_of(object, key);
  const auto time = parse_rfc3339(text);
  if (!time) return kAbsent;
  std::string shown = format_rfc3339(std::chrono::floor<std::chrono::seconds>(*time));
  std::ranges::replace(shown, 'T', ' ');
  return {shown};
}

namespace {

std::string joined_members(const json::object& object) {
  std::string out;
  for (const auto& member : object) {
    for (const std::string& line : value_lines(object, member.key()))
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", std::string(member.key()), line);
  }
  return out;
}

// A warning, a finding: its words say more than its other members.
std::string item_line(const json::value& item) {
  const auto* object = item.if_object();
  if (object == nullptr)
    return item.is_string() ? std::string(item.get_string()) : canonical_json(item);
  const std::string detail = text_of(*object, "detail");
  const std::string code = text_of(*object, "code");
  return detail.empty() || code.empty() ? joined_members(*object)
                                        : fmt::format("{} ({})", detail, code);
}

Cell cell_of(const json::object& object, std::string_view key) {
  const json::value& value = *find_value(object, key);
  if (value.is_number() && key.ends_with("_bytes")) return bytes_cell(object, key);
  if (value.is_number() && key.ends_with("_s")) return seconds_cell(object, key);
  const bool time = key == "at" || key.ends_with("_at");
  if (time && value.is_string()) return time_cell(object, key);
  return text_cell(object, key);
}

}  // namespace

std::vector<std::string> value_lines(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  if (is_null(value)) return {};
  std::vector<std::string> lines;
  if (const auto* items = value->if_array()) {
    for (const json::value& item : *items) lines.push_back(item_line(item));
  } else if (const auto* below = value->if_object()) {
    if (std::string members = joined_members(*below); !members.empty())
      lines.push_back(std::move(members));
  } else {
    lines.push_back(cell_of(object, key).text);
  }
  return lines;
}

Tone tone_of(std::string_view word) {
  constexpr std::array<std::string_view, 3> kGood{"passed", "pass", "succeeded"};
  constexpr std::array<std::string_view, 3> kBad{"failed", "fail", "interrupted"};
  if (std::ranges::find(kGood, word) != kGood.end()) return Tone::good;
  if (std::ranges::find(kBad, word) != kBad.end()) return Tone::bad;
  return Tone::warning;
}

Cell verdict_cell(const json::object& object, std::string_view key) {
  const std::string word = text_of(object, key);
  return word.empty() ? kAbsent : Cell{word, tone_of(word)};
}

}  // namespace vigie::cli
