#include "proof/drill_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "artefact/inventory.h"
#include "base/encoding.h"
#include "proof/session_settings.h"

namespace vigie::proof {
namespace {

using artefact::ObjectCount;
using ledger::Assertion;
using ledger::Outcome;

constexpr std::string_view kPublicSchema = "public_schema";
constexpr std::string_view kEventTriggers = "event_triggers";
constexpr std::array<std::string_view, 5> kWhoOwnsIt{"owners", "grants", "settings", kPublicSchema,
                                                     "publication_owners"};
// Rights that another version adds are in the expanded lists.
constexpr std::array<std::string_view, 3> kOtherInEachMajor{"grants", "functions", kPublicSchema};
constexpr size_t kSequencesAtOnce = 100;

Outcome outcome_if(bool good) {
  return good ? Outcome::passed : Outcome::failed;
}

json::value text(std::string_view value) {
  return json::value(json::string(value));
}

// A small number or a truth value: what counts. Any other may be what a row holds.
json::value shown(std::string_view value) {
  constexpr size_t kLongest = 9;
  const bool counts =
      value.size() <= kLongest && value.find_first_not_of("0123456789") == std::string_view::npos;
  return text(counts || value == "t" || value == "f" || value == "null" ? value : "another value");
}

class Checking {
 public:
  Checking(platform::PgConnection& session, const CheckRequest& request, const CallLimits& limits)
      : session_(session), request_(request), limits_(limits) {}

  Result<std::vector<Assertion>> run() {
    TRY(free_session(session_, request_.manifest.server, limits_));
    const std::pair<DrillCheck, Result<> (Checking::*)()> checks[] = {
        {DrillCheck::objects, &Checking::check_inventory},
        {DrillCheck::constraints, &Checking::check_constraints},
        {DrillCheck::sequences, &Checking::check_sequences},
        {DrillCheck::freshness, &Checking::check_freshness}};
    for (const auto& [check, look] : checks)
      if (asked(check)) TRY((this->*look)());
    for (const SqlAssertion& one : request_.options.assertions) TRY(check_assertion(one));
    return std::move(assertions_);
  }

 private:
  bool asked(DrillCheck check) const { return request_.options.checks.contains(check); }
  void note(std::string id, json::value expected, json::value actual, Outcome result) {
    assertions_.push_back({std::move(id), std::move(expected), std::move(actual), result});
  }

  // What the server refuses is told; a server that is gone ends the work.
  Result<> refused(std::string id, json::value expected, const Error& error) {
    if (error.code() != ErrorCode::database_query) return fail(error);
    note(std::move(id), std::move(expected),
         text("SQLSTATE " + std::string(error.parameter("sqlstate"))), Outcome::could_not_verify);
    return {};
  }

  bool belongs(const ObjectCount& one) const {
    if (!request_.same_major && std::ranges::count(kOtherInEachMajor, one.kind) > 0) return false;
    // One that the source has dropped is made anew with each database.
    if (one.kind == kPublicSchema && one.count == 0) return false;
    const bool about_roles = std::ranges::count(kWhoOwnsIt, one.kind) > 0;
    return !about_roles || (asked(DrillCheck::settings) && request_.owners);
  }

  Result<> check_inventory() {
    if (request_.manifest.inventory.empty()) {
      note("objects", nullptr, text("the manifest holds no inventory"), Outcome::could_not_verify);
      return {};
    }
    const auto actual = artefact::read_inventory(session_, limits_);
    if (!actual) return refused("objects", nullptr, actual.error());
    for (const ObjectCount& one : request_.manifest.inventory)
      if (belongs(one)) compare_kind(one, *actual);
    return {};
  }

  void compare_kind(const ObjectCount& expected, const std::vector<ObjectCount>& all) {
    const std::string id = "objects." + expected.kind;
    // A drill makes none: the archive must hold them.
    if (expected.kind == kEventTriggers)
      return note(id, expected.count, request_.event_triggers,
                  outcome_if(request_.event_triggers == expected.count));
    const auto found = std::ranges::find(all, expected.kind, &ObjectCount::kind);
    if (found == all.end())
      return note(id, expected.count, text("this release does not count them"),
                  Outcome::could_not_verify);
    const ObjectCount& actual = *found;
    // Another major version puts its texts together in another way.
    const bool alike = !request_.same_major || actual.digest == expected.digest;
    const bool good = alike && actual.count == expected.count;
    const auto told = [&](const ObjectCount& one) {
      return good || one.count != (&one == &actual ? expected : actual).count
                 ? json::value(one.count)
                 : text(fmt::format("{}, sha256 {}", one.count,
                                    hex_encode(one.digest).substr(0, 12)));
    };
    note(id, told(expected), told(actual), outcome_if(good));
  }

  Result<> check_count(std::string id, std::string_view sql) {
    const auto rows = session_.query(sql, limits_);
    if (!rows) return refused(std::move(id), 0, rows.error());
    const auto count = (*rows)->integer(0, 0);
    note(std::move(id), 0, count, outcome_if(count == 0));
    return {};
  }

  Result<> check_constraints() {
    TRY(check_count("invalid_indexes",
                    "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid "
                    "where not i.indisvalid and c.relkind = 'i'"));
    return check_count("disabled_triggers_of_constraints",
                       "select count(*) from pg_trigger where tgisinternal and tgenabled = 'D' "
                       "and tgconstraint <> 0");
  }

  Result<> check_sequences() {
    size_t equal = 0;
    const auto& all = request_.sequences;
    if (all.size() != request_.sequence_entries) {
      note("sequence_values", request_.sequence_entries, all.size(), Outcome::could_not_verify);
      return {};
    }
    for (size_t begin = 0; begin < all.size(); begin += kSequencesAtOnce) {
      const size_t end = std::min(all.size(), begin + kSequencesAtOnce);
      const auto rows = session_.query(sequences_sql(begin, end), limits_);
      if (!rows) return refused("sequence_values", all.size(), rows.error());
      for (size_t i = begin; i < end; ++i)
        equal += (*rows)->at(i - begin, 0) == all[i].value &&
                 ((*rows)->at(i - begin, 1) == "t") == all[i].called;
    }
    note("sequence_values", all.size(), equal, outcome_if(equal == all.size()));
    return {};
  }

  std::string sequences_sql(size_t begin, size_t end) const {
    std::string sql;
    for (size_t i = begin; i < end; ++i)
      sql += fmt::format("{}(select last_value, is_called from {})",
                         i == begin ? "" : " union all ", request_.sequences[i].name);
    return sql;
  }

  Result<> check_freshness() {
    if (!request_.options.freshness) return {};
    const FreshnessOptions& wanted = *request_.options.freshness;
    const auto within = std::chrono::floor<std::chrono::seconds>(wanted.within).count();
    const auto rows = session_.query(
        fmt::format("select extract(epoch from max({})::timestamptz)::bigint from {}",
                    wanted.column, wanted.table),
        {}, limits_);
    if (!rows) return refused("freshness", within, rows.error());
    if ((*rows)->is_null(0, 0)) {
      note("freshness", within, text("no row"), Outcome::failed);
      return {};
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(request_.now).time_since_epoch();
    const auto age = now.count() - (*rows)->integer(0, 0);
    note("freshness", within, age, outcome_if(age <= within));
    return {};
  }

  // One statement, which cannot write, of a superuser of a server that is gone afterwards.
  Result<> check_assertion(const SqlAssertion& one) {
    const std::string id = "sql: " + one.name;
    TRY(session_.query(
        "begin read only; set local statement_timeout = '10min'; set local search_path = public",
        limits_));
    const auto rows = session_.query(one.sql, {}, limits_);
    TRY(session_.query("rollback", limits_));
    if (!rows) return refused(id, text(one.equals), rows.error());
    if ((*rows)->rows() != 1) {
      note(id, text(one.equals), text(fmt::format("{} rows", (*rows)->rows())), Outcome::failed);
      return {};
    }
    const std::string_view actual = (*rows)->is_null(0, 0) ? "null" : (*rows)->at(0, 0);
    note(id, text(one.equals), actual == one.equals ? text(one.equals) : shown(actual),
         outcome_if(actual == one.equals));
    return {};
  }

  platform::PgConnection& session_;
  const CheckRequest& request_;
  const CallLimits& limits_;
  std::vector<Assertion> assertions_;
};

}  // namespace

Result<std::vector<Assertion>> check_restored(platform::PgConnection& session,
                                              const CheckRequest& request,
                                              const CallLimits& limits) {
  return Checking(session, request, limits).run();
}

Result<std::vector<std::string>> other_extension_versions(platform::PgConnection& session,
                                                          const artefact::Manifest& manifest,
                                                          const CallLimits& limits) {
  std::vector<std::string> sentences;
  TRY_ASSIGN(const auto rows,
             session.query("select extname, extversion from pg_extension order by 1", limits));
  for (size_t i = 0; i < rows->rows(); ++i) {
    const auto was =
        std::ranges::find(manifest.extensions, rows->at(i, 0), &artefact::Versioned::name);
    if (was != manifest.extensions.end() && was->version != rows->at(i, 1))
      sentences.push_back(fmt::format("the extension {} was {} in the source, and is {} here",
                                      was->name, was->version, rows->at(i, 1)));
  }
  return sentences;
}

}  // namespace vigie::proof
