// What the source itself says, under the dump's snapshot, of the rows that the dump holds.
#include <fmt/format.h>

#include <algorithm>

#include "artefact/copy_rows.h"
#include "backup/source_session.h"

namespace vigie::backup {
namespace {

using artefact::RowSummary;
using platform::CallLimits;

using Summaries = std::map<uint32_t, RowSummary>;  // by the table's oid

// Many tables a statement: a round trip for each of 5,000 small tables would cost more than the
// counting.
constexpr size_t kTablesInOneStatement = 200;

std::string count_statement(std::span<const SourceRelation* const> tables) {
  std::string sql;
  for (const SourceRelation* table : tables) {
    if (!sql.empty()) sql += " union all ";
    sql += fmt::format("select {}::oid, count(*) from only {}", table->oid, table->qualified());
  }
  return sql;
}

std::vector<const SourceRelation*> comparable(const std::vector<SourceRelation>& tables) {
  std::vector<const SourceRelation*> out;
  for (const SourceRelation& table : tables) {
    if (table.has_rows && !table.part_of_rows) out.push_back(&table);
  }
  return out;
}

Result<Summaries> count_rows(SourceSession& source, const std::vector<const SourceRelation*>& all,
                             const CallLimits& limits) {
  Summaries counts;
  for (size_t from = 0; from < all.size(); from += kTablesInOneStatement) {
    const auto part =
        std::span(all).subspan(from, std::min(kTablesInOneStatement, all.size() - from));
    TRY_ASSIGN(const auto rows, source.session().query(count_statement(part), limits));
    for (size_t i = 0; i < rows->rows(); ++i) {
      counts[static_cast<uint32_t>(rows->integer(i, 0))].rows =
          static_cast<uint64_t>(rows->integer(i, 1));
    }
  }
  return counts;
}

// The columns that pg_dump names in its COPY: neither dropped nor generated ones.
Result<std::string> copy_statement(SourceSession& source, const SourceRelation& table,
                                   const CallLimits& limits) {
  TRY_ASSIGN(
      const auto rows,
      source.session().query(
          "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
          "where attrelid = $1::oid and attnum > 0 and not attisdropped and attgenerated = ''",
          {fmt::format("{}", table.oid)}, limits));
  const std::string columns = rows->is_null(0, 0) ? "" : fmt::format(" ({})", rows->at(0, 0));
  return fmt::format("copy {}{} to stdout", table.qualified(), columns);
}

Result<Summaries> fingerprint_rows(SourceSession& source,
                                   const std::vector<const SourceRelation*>& tables,
                                   const artefact::FingerprintKey& key, const CallLimits& limits) {
  TRY(source.session().query(
      artefact::row_settings_sql(artefact::row_settings(source.facts().server)), limits));
  Summaries summaries;
  for (const SourceRelation* table : tables) {
    TRY_ASSIGN(const std::string sql, copy_statement(source, *table, limits));
    artefact::RowCounter counter(key);
    TRY(source.session().copy_out(
        sql,
        [&](std::string_view line) {
          counter.add(line);
          return true;
        },
        limits));
    summaries[table->oid] = counter.summary();
  }
  return summaries;
}

size_t count_differences(const Summaries& source, const std::vector<artefact::TableEntry>& dumped,
                         bool rows_only) {
  size_t differences = 0;
  size_t compared = 0;
  for (const artefact::TableEntry& table : dumped) {
    const auto found = source.find(table.oid);
    if (found == source.end()) continue;
    ++compared;
    const bool equal =
        rows_only ? found->second.rows == table.rows.rows : found->second == table.rows;
    if (!equal) ++differences;
  }
  // A table that the source has and the dump has not is a difference too.
  return differences + (source.size() - compared);
}

}  // namespace

Result<artefact::SourceCheck> check_against_source(SourceSession& source,
                                                   const std::string& database, SourceCheck mode,
                                                   const std::vector<artefact::TableEntry>& dumped,
                                                   const artefact::FingerprintKey& key,
                                                   const CallLimits& limits) {
  if (mode == SourceCheck::none) return artefact::SourceCheck{};
  const bool counts = mode == SourceCheck::counts;
  const auto tables = comparable(source.facts().tables);
  auto summaries =
      counts ? count_rows(source, tables, limits) : fingerprint_rows(source, tables, key, limits);
  if (!summaries) {
    Error error = summaries.error();
    return fail(error.with("database", database));
  }
  if (const size_t differences = count_differences(*summaries, dumped, counts); differences > 0) {
    return fail(ErrorCode::source_rows_differ,
                {{"database", database}, {"observed", fmt::format("{}", differences)}});
  }
  return artefact::SourceCheck{counts ? "counts" : "full", "passed"};
}

}  // namespace vigie::backup
