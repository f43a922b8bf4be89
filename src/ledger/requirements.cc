#include "ledger/requirements.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/yaml_fields.h"
#include "ledger/documents.h"

namespace vigie::ledger {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMostKinds = 20;  // that one requirement names
constexpr std::string_view kDigitsAndLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool is_requirement_id(std::string_view text) {
  const auto plain = [](char c) {
    return kDigitsAndLetters.find(c) != std::string_view::npos || c == '.' || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 63 && kDigitsAndLetters.find(text[0]) != text.npos &&
         std::ranges::all_of(text, plain);
}

void read_kinds(yaml::Fields& fields, std::string_view key, yaml::Need need,
                std::vector<std::string>& kinds) {
  const yaml::Node* const node = fields.node(key, need);
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), key);
  const bool list = node->kind == yaml::Kind::sequence && !node->items.empty() &&
                    node->items.size() <= kMostKinds;
  if (!list)
    return fields.problems().wrong_value(
        node->place, fmt::format("a list of 1 to {} kinds of evidence", kMostKinds));
  for (const yaml::Node& item : node->items) {
    if (!item.is_scalar() || !is_kind(item.text))
      fields.problems().wrong_value(item.place, "a kind of evidence: [a-z][a-z0-9_]{0,62}");
    else
      kinds.push_back(item.text);
  }
}

void read_id(yaml::Fields& fields, std::string& id) {
  fields.text("id", id, yaml::Need::required);
  if (id.empty() || is_requirement_id(id)) return;
  const Problems::Scope scope(fields.problems(), "id");
  fields.problems().wrong_value(fields.self().find("id")->place,
                                "an id: [A-Za-z0-9][A-Za-z0-9._-]{0,62}");
}

void read_max_age(yaml::Fields& fields, Duration& max_age) {
  fields.duration("max_age", max_age, 1min, 3660 * 24h);
  if (fields.self().find("max_age") != nullptr) return;
  const Problems::Scope scope(fields.problems(), "max_age");
  fields.problems().mistake(fields.self().place, ErrorCode::config_missing_key, "is missing",
                            "a value");
}

Requirement read_requirement(const yaml::Node& node, Problems& problems) {
  Requirement requirement;
  yaml::Fields fields(node, problems);
  read_id(fields, requirement.id);
  fields.text("text", requirement.text, yaml::Need::required);
  read_kinds(fields, "validated_by", yaml::Need::required, requirement.validated_by);
  read_kinds(fields, "contradicted_by", yaml::Need::optional, requirement.contradicted_by);
  read_max_age(fields, requirement.max_age);
  fields.flag("required", requirement.required);
  fields.finish();
  return requirement;
}

std::vector<Requirement> read_shipped() {
  Problems problems("requirements.yaml");
  const auto document = yaml::parse(embedded_requirements().front().bytes, problems);
  auto all = document ? parse_requirements(*document, problems) : std::vector<Requirement>();
  if (problems.has_mistakes()) std::abort();  // a defect of the build: a test reads it too
  return all;
}

using IdsByKind = std::map<std::string, std::vector<std::string_view>, std::less<>>;

IdsByKind ids_by_kind(const std::vector<Requirement>& all) {
  IdsByKind ids;
  for (const Requirement& one : all) {
    for (const std::string& kind : one.validated_by) ids[kind].push_back(one.id);
    for (const std::string& kind : one.contradicted_by) ids[kind].push_back(one.id);
  }
  for (auto& [kind, list] : ids) std::ranges::sort(list);
  return ids;
}

}  // namespace

bool is_kind(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text[0] >= 'a' && text[0] <= 'z' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

std::vector<Requirement> parse_requirements(const yaml::Node& document, Problems& problems) {
  std::vector<Requirement> all;
  yaml::Fields fields(document, problems);
  const yaml::Node* const list = fields.node("requirements", yaml::Need::required);
  fields.finish();
  if (list == nullptr) return all;
  const Problems::Scope scope(problems, "requirements");
  if (list->kind != yaml::Kind::sequence || list->items.size() > kMostRequirements) {
    problems.wrong_value(list->place, fmt::format("a list of at most {}", kMostRequirements));
    return all;
  }
  for (const yaml::Node& item : list->items) {
    Requirement one = read_requirement(item, problems);
    if (find_requirement(all, one.id) != nullptr)
      problems.wrong_value(item.place, "each id once");
    else
      all.push_back(std::move(one));
  }
  return all;
}

const std::vector<Requirement>& shipped_requirements() {
  static const std::vector<Requirement> kShipped = read_shipped();
  return kShipped;
}

std::span<const std::string_view> requirements_of(std::string_view kind) {
  static const IdsByKind kIds = ids_by_kind(shipped_requirements());
  const auto found = kIds.find(kind);
  return found == kIds.end() ? std::span<const std::string_view>() : found->second;
}

}  // namespace vigie::ledger
