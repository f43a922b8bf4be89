#include "ledger/requirements_options.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "base/nearest.h"

namespace vigie::ledger {
namespace {

constexpr size_t kMostWords = 500;  // bytes of who and why

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool digits = !text.empty() && text[0] >= '0' && text[0] <= '9';
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  return digits && whole ? std::optional(number) : std::nullopt;
}

// 2027-03-01
std::optional<std::chrono::year_month_day> parse_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = number_in(text.substr(0, 4));
  const auto month = number_in(text.substr(5, 2));
  const auto day = number_in(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() && *year >= 1970 ? std::optional(date) : std::nullopt;
}

void read_words(yaml::Fields& fields, std::string_view key, std::string& words) {
  fields.text(key, words, yaml::Need::required);
  if (words.size() <= kMostWords) return;
  const Problems::Scope scope(fields.problems(), key);
  fields.problems().wrong_value(fields.self().find(key)->place,
                                fmt::format("at most {} bytes", kMostWords));
}

void read_until(yaml::Fields& fields, Waiver& waiver) {
  const yaml::Node* const node = fields.node("until", yaml::Need::required);
  if (node == nullptr) return;
  const auto day = node->is_scalar() ? parse_day(node->text) : std::nullopt;
  if (day) {
    waiver.until = *day;
    return;
  }
  const Problems::Scope scope(fields.problems(), "until");
  fields.problems().wrong_value(node->place, "the last day that it holds, such as 2027-03-01");
}

Waiver read_waiver(const yaml::Node& node, Problems& problems) {
  Waiver waiver;
  yaml::Fields fields(node, problems);
  fields.text("id", waiver.id, yaml::Need::required);
  read_words(fields, "by", waiver.by);
  read_words(fields, "why", waiver.why);
  read_until(fields, waiver);
  fields.finish();
  return waiver;
}

const yaml::Node* list_at(yaml::Fields& fields, std::string_view key, size_t most) {
  const yaml::Node* const node = fields.node(key);
  if (node == nullptr) return nullptr;
  if (node->kind == yaml::Kind::sequence && node->items.size() <= most) return node;
  const Problems::Scope scope(fields.problems(), key);
  fields.problems().wrong_value(node->place, fmt::format("a list of at most {}", most));
  return nullptr;
}

void read_waivers(yaml::Fields& fields, RequirementsOptions& options) {
  const yaml::Node* const list = list_at(fields, "waivers", kMostWaivers);
  if (list == nullptr) return;
  const Problems::Scope scope(fields.problems(), "waivers");
  for (const yaml::Node& item : list->items) {
    Waiver waiver = read_waiver(item, fields.problems());
    if (std::ranges::find(options.waivers, waiver.id, &Waiver::id) != options.waivers.end())
      fields.problems().wrong_value(item.place, "one waiver of each requirement");
    options.waivers.push_back(std::move(waiver));
    options.waiver_places.push_back(item.place);
  }
}

void read_gate(yaml::Fields& fields, RequirementsOptions& options) {
  const yaml::Node* const list = list_at(fields, "gate", kMostRequirements);
  if (list == nullptr) return;
  const Problems::Scope scope(fields.problems(), "gate");
  options.has_gate = true;
  for (const yaml::Node& item : list->items) {
    if (!item.is_scalar()) {
      fields.problems().wrong_value(item.place, "the id of a requirement");
      continue;
    }
    options.gate.push_back(item.text);
    options.gate_places.push_back(item.place);
  }
}

void check_known(const std::vector<Requirement>& all, const std::string& id, Place place,
                 std::string_view key, Problems& problems) {
  if (id.empty() || find_requirement(all, id) != nullptr) return;
  std::vector<std::string> ids;
  ids.reserve(all.size());
  for (const Requirement& one : all) ids.push_back(one.id);
  const Problems::Scope scope(problems, key);
  problems.mistake(place, ErrorCode::config_reference, "names no requirement",
                   "the id of one: vigie matrix --all lists them", nearest_name(id, ids));
}

}  // namespace

RequirementsOptions RequirementsOptions::parse(const yaml::Node& node, Problems& problems) {
  RequirementsOptions options;
  yaml::Fields fields(node, problems);
  fields.absolute_path("file", options.file);
  if (const yaml::Node* const file = node.find("file")) options.file_place = file->place;
  read_waivers(fields, options);
  read_gate(fields, options);
  fields.finish();
  return options;
}

void RequirementsOptions::settle(Problems& problems) {
  const Problems::Scope scope(problems, "requirements");
  for (size_t i = 0; i < waivers.size(); ++i)
    check_known(all, waivers[i].id, waiver_places[i], "waivers", problems);
  for (size_t i = 0; i < gate.size(); ++i)
    check_known(all, gate[i], gate_places[i], "gate", problems);
  if (!has_gate) return;
  for (Requirement& one : all) one.required = std::ranges::find(gate, one.id) != gate.end();
}

}  // namespace vigie::ledger
