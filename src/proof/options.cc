#include "proof/options.h"

#include <algorithm>
#include <array>

#include "platform/dsn_field.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using yaml::Need;

constexpr size_t kMostAssertions = 100;
constexpr size_t kLongestSql = 10'000;
constexpr std::array<std::pair<std::string_view, Pick>, 3> kPicks{
    {{"newest", Pick::newest}, {"oldest", Pick::oldest}, {"random", Pick::random}}};
constexpr std::array<std::pair<std::string_view, bool>, 2> kCanary{
    {{"every", true}, {"never", false}}};
constexpr std::array<std::pair<std::string_view, DrillCheck>, 5> kChecks{
    {{"objects", DrillCheck::objects},
     {"constraints", DrillCheck::constraints},
     {"sequences", DrillCheck::sequences},
     {"settings", DrillCheck::settings},
     {"freshness", DrillCheck::freshness}}};
constexpr std::array<std::pair<std::string_view, ScratchType>, 2> kScratchTypes{
    {{"local", ScratchType::local}, {"server", ScratchType::server}}};
// They cannot be left out.
constexpr std::array<std::string_view, 2> kAlways{"rows", "fingerprints"};

Place place_of(const yaml::Fields& fields, std::string_view key) {
  const yaml::Node* const node = fields.self().find(key);
  return node == nullptr ? fields.self().place : node->place;
}

void read_check(const yaml::Node& item, std::set<DrillCheck>& checks, Problems& problems) {
  const auto found = std::ranges::find(kChecks, item.text, &decltype(kChecks)::value_type::first);
  if (item.is_scalar() && found != kChecks.end())
    checks.insert(found->second);
  else if (!item.is_scalar() || std::ranges::count(kAlways, item.text) == 0)
    problems.wrong_value(item.place,
                         "rows, fingerprints, objects, constraints, sequences, settings or "
                         "freshness");
}

void read_checks(yaml::Fields& fields, std::set<DrillCheck>& checks) {
  const yaml::Node* const node = fields.node("checks");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "checks");
  if (node->kind != yaml::Kind::sequence)
    return fields.problems().wrong_value(node->place, "a list such as [rows, objects]");
  checks.clear();
  for (const yaml::Node& item : node->items) read_check(item, checks, fields.problems());
}

// One that every server has gives none away.
void read_marker(yaml::Fields& fields, std::string& marker) {
  constexpr std::array<std::string_view, 3> kEverywhere{"postgres", "template0", "template1"};
  fields.name("marker_database", marker, Need::required);
  if (std::ranges::count(kEverywhere, marker) == 0) return;
  const Problems::Scope scope(fields.problems(), "marker_database");
  fields.problems().wrong_value(
      fields.self().find("marker_database")->place,
      "a database that only a server has which may be used for drills, such as vigie_scratch");
}

void read_scratch(yaml::Fields& fields, ScratchOptions& scratch) {
  fields.section("scratch", [&](yaml::Fields& below) {
    below.choice("type", scratch.type, kScratchTypes);
    if (scratch.type == ScratchType::server) {
      scratch.dsn.name = "scratch";
      platform::read_dsn(below, scratch.dsn);
      read_marker(below, scratch.marker_database);
      below.number("jobs", scratch.jobs, 1, 64);
    } else {
      below.absolute_path("dir", scratch.dir, Need::required);
      below.number("jobs", scratch.jobs, 1, 64);
      below.name("user", scratch.user);
    }
  });
  if (fields.self().find("scratch") == nullptr)
    fields.problems().mistake(fields.self().place, ErrorCode::config_missing_key,
                              "names no scratch folder", "scratch: {dir: /a/folder}");
}

void read_freshness(yaml::Fields& fields, std::optional<FreshnessOptions>& freshness) {
  fields.section("freshness", [&](yaml::Fields& below) {
    FreshnessOptions read;
    below.text("table", read.table, Need::required);
    below.text("column", read.column, Need::required);
    read.within = 26h;
    below.duration("within", read.within, 1s, days{3660});
    freshness = std::move(read);
  });
}

void read_assertion(const yaml::Node& item, std::vector<SqlAssertion>& assertions,
                    Problems& problems) {
  SqlAssertion one;
  yaml::Fields fields(item, problems);
  fields.text("name", one.name, Need::required);
  fields.text("sql", one.sql, Need::required);
  fields.text("equals", one.equals, Need::required);
  fields.finish();
  if (one.sql.size() > kLongestSql)
    problems.wrong_value(item.place, "a query of at most 10000 bytes");
  if (std::ranges::count(assertions, one.name, &SqlAssertion::name) > 0)
    problems.mistake(item.place, ErrorCode::config_duplicate_key, "has a name a second time",
                     "each name once");
  assertions.push_back(std::move(one));
}

void read_assertions(yaml::Fields& fields, std::vector<SqlAssertion>& assertions) {
  const yaml::Node* const node = fields.node("assertions");
  if (node == nullptr) return;
  const Problems::Scope scope(fields.problems(), "assertions");
  if (node->kind != yaml::Kind::sequence || node->items.size() > kMostAssertions)
    return fields.problems().wrong_value(node->place, "a list of at most 100 {name, sql, equals}");
  for (const yaml::Node& item : node->items) read_assertion(item, assertions, fields.problems());
}

}  // namespace

std::string_view name_of(ScratchType type) {
  return kScratchTypes.at(static_cast<size_t>(type)).first;
}

DrillOptions DrillOptions::parse(const std::string& name, yaml::Fields& fields) {
  DrillOptions options;
  options.name = name;
  options.place = fields.self().place;
  fields.name("backup", options.job, Need::required);
  options.job_place = place_of(fields, "backup");
  fields.name("database", options.database);
  options.database_place = place_of(fields, "database");
  fields.choice("pick", options.pick, kPicks);
  fields.name("from", options.from);
  options.from_place = place_of(fields, "from");
  read_scratch(fields, options.scratch);
  fields.duration("rto_target", options.rto_target, 1s, days{31});
  fields.duration("rpo_target", options.rpo_target, 1s, days{3660});
  read_checks(fields, options.checks);
  read_freshness(fields, options.freshness);
  read_assertions(fields, options.assertions);
  fields.choice("canary", options.canary, kCanary);
  fields.absolute_path("identity_file", options.identity.file);
  fields.command("identity_command", options.identity.command);
  return options;
}

}  // namespace vigie::proof
