#include "proof/witness_table.h"

#include <fmt/format.h>

#include <charconv>

#include "platform/dsn.h"
#include "proof/server_settings.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kWitnessDatabase = "vigie_witness";

// "1\t42\tcontent\t7"
std::optional<FoundRow> parse_found(std::string_view line) {
  FoundRow found;
  const auto number = [&](auto& into, char behind) {
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), into);
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    const bool fits = error == std::errc() && line.starts_with(behind);
    line.remove_prefix(fits ? 1 : 0);
    return fits;
  };
  if (!number(found.row.writer, '\t') || !number(found.row.seq, '\t')) return std::nullopt;
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  found.content = line.substr(0, tab);
  line.remove_prefix(tab + 1);
  return number(found.position, '\n') ? std::optional(found) : std::nullopt;
}

bool is_missing_table(const Error& error) {
  constexpr std::string_view kUndefinedTable = "42P01";
  return error.parameter("sqlstate") == kUndefinedTable;
}

}  // namespace

platform::Dsn witness_dsn(const platform::Dsn& server, const DurabilityOptions& options) {
  platform::Dsn dsn = server;
  dsn.text += " " + platform::conninfo_word("dbname", kWitnessDatabase);
  if (!options.user.empty()) dsn.text += " " + platform::conninfo_word("user", options.user);
  if (!options.password_file.empty()) dsn.password_file = options.password_file;
  return dsn;
}

WitnessTable::WitnessTable(std::string_view name)
    : sql_("public." + platform::quote_identifier(name)) {}

Result<> WitnessTable::create(platform::PgConnection& session, const DurabilityOptions& options,
                              const CallLimits& limits) const {
  const auto made = session.query(
      fmt::format("create table if not exists {} (writer int, seq bigint, content text, position "
                  "bigint generated always as identity)",
                  sql_),
      limits);
  if (!made && made.error().code() == ErrorCode::database_query)
    return fail(ErrorCode::witness_missing, {{"database", options.database}});
  if (!made) return fail(made.error());
  return {};
}

Result<bool> WitnessTable::exists(platform::PgConnection& session, const CallLimits& limits) const {
  TRY_ASSIGN(const auto rows, session.query("select to_regclass($1) is not null", {sql_}, limits));
  return rows->at(0, 0) == "t";
}

Result<std::string> WitnessTable::insert(platform::PgConnection& session, std::string_view key,
                                         WitnessRow row, const CallLimits& limits) const {
  TRY_ASSIGN(
      const auto written,
      session.query(
          fmt::format("insert into {} values ($1, $2, $3) returning current_setting('fsync'), "
                      "current_setting('full_page_writes'), current_setting('synchronous_commit')",
                      sql_),
          {fmt::format("{}", row.writer), fmt::format("{}", row.seq), witness_content(key, row)},
          limits));
  return unsafe_setting(written->at(0, 0) == "on", written->at(0, 1) == "on", written->at(0, 2));
}

Result<std::vector<FoundRow>> WitnessTable::rows(platform::PgConnection& session, uint64_t most,
                                                 const CallLimits& limits) const {
  std::vector<FoundRow> found;
  const auto copied = session.copy_out(
      fmt::format("copy {} (writer, seq, content, position) to stdout", sql_),
      [&](std::string_view line) {
        found.push_back(parse_found(line).value_or(FoundRow{}));
        return found.size() <= most;
      },
      limits);
  if (!copied && is_missing_table(copied.error())) return std::vector<FoundRow>();
  if (!copied) return fail(copied.error());
  return found;
}

Result<> WitnessTable::drop(platform::PgConnection& session, const CallLimits& limits) const {
  TRY(session.query(
      fmt::format("set lock_timeout = '1s'; drop table if exists {}; reset lock_timeout", sql_),
      limits));
  return {};
}

Result<std::set<std::string>> tables_named(platform::PgConnection& session, std::string_view prefix,
                                           const CallLimits& limits) {
  TRY_ASSIGN(const auto rows,
             session.query("select relname from pg_class where relkind = 'r' and relnamespace = "
                           "'public'::regnamespace and starts_with(relname::text, $1) limit 1000",
                           {std::string(prefix)}, limits));
  std::set<std::string> names;
  for (size_t i = 0; i < rows->rows(); ++i) names.emplace(rows->at(i, 0));
  return names;
}

}  // namespace vigie::proof
