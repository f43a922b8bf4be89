#include "proof/witness_table.h"

#include <fmt/format.h>

#include <charconv>

#include "platform/dsn.h"

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

Result<> WitnessTable::insert(platform::PgConnection& session, std::string_view key, WitnessRow row,
                              const CallLimits& limits) const {
  TRY(session.query(
      fmt::format("insert into {} values ($1, $2, $3)", sql_),
      {fmt::format("{}", row.writer), fmt::format("{}", row.seq), witness_content(key, row)},
      limits));
  return {};
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
  TRY(session.query(fmt::format("drop table if exists {}", sql_), limits));
  return {};
}

}  // namespace vigie::proof
