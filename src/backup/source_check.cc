// What the source itself says, under the dump's snapshot, of the rows that the dump holds.
#include <fmt/format.h>

#include <algorithm>

#include "artefact/table_rows.h"
#include "backup/source_session.h"

namespace vigie::backup {
namespace {

using artefact::RowSummary;

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

// A transaction keeps every lock to its end, on each table that was read and on each of its
// indexes. Going back to before a statement lets go of what it locked.
template <class Ask>
auto letting_go(SourceSession& source, const CallLimits& limits, Ask ask) -> decltype(ask()) {
  TRY(source.session().query("savepoint looked", limits));
  auto answer = ask();
  if (!answer) return answer;
  TRY(source.session().query("rollback to savepoint looked; release savepoint looked", limits));
  return answer;
}

Result<SourceRows> count_rows(SourceSession& source, const std::vector<const SourceRelation*>& all,
                              const CallLimits& limits) {
  SourceRows counts;
  for (size_t from = 0; from < all.size(); from += kTablesInOneStatement) {
    const auto part =
        std::span(all).subspan(from, std::min(kTablesInOneStatement, all.size() - from));
    TRY_ASSIGN(const auto rows, letting_go(source, limits, [&] {
                 return source.session().query(count_statement(part), limits);
               }));
    for (size_t i = 0; i < rows->rows(); ++i) {
      counts[static_cast<uint32_t>(rows->integer(i, 0))].rows =
          static_cast<uint64_t>(rows->integer(i, 1));
    }
  }
  return counts;
}

Result<SourceRows> fingerprint_rows(SourceSession& source,
                                    const std::vector<const SourceRelation*>& tables,
                                    const artefact::FingerprintKey& key, const CallLimits& limits) {
  TRY(source.session().query(
      artefact::row_settings_sql(artefact::row_settings(source.facts().server)), limits));
  SourceRows summaries;
  for (const SourceRelation* table : tables) {
    TRY_ASSIGN(summaries[table->oid], letting_go(source, limits, [&] {
                 return artefact::read_rows(source.session(), table->qualified(), {},
                                            source.facts().server.encoding, key, limits);
               }));
  }
  return summaries;
}

// The tables of which the dump does not hold what the source says; those that the dump has not at
// all among them.
std::vector<uint32_t> differing(const SourceRows& source,
                                const std::vector<artefact::TableEntry>& dumped, bool rows_only) {
  std::map<uint32_t, RowSummary> held;
  for (const artefact::TableEntry& table : dumped) held[table.oid] = table.rows;
  std::vector<uint32_t> out;
  for (const auto& [oid, rows] : source) {
    const auto found = held.find(oid);
    const bool equal = found != held.end() &&
                       (rows_only ? found->second.rows == rows.rows : found->second == rows);
    if (!equal) out.push_back(oid);
  }
  return out;
}

// TRUNCATE and rewriting ALTERs do not respect snapshots: a table that got a new file (or is gone)
// since ours says nothing about the dump. pg_class shows the file of the snapshot,
// pg_relation_filenode() today's.
Result<bool> all_rewritten(SourceSession& source, const std::vector<uint32_t>& tables,
                           const CallLimits& limits) {
  const std::string oids = fmt::format("{{{}}}", fmt::join(tables, ","));
  TRY_ASSIGN(
      const auto rows,
      source.session().query(
          "select count(*) from unnest($1::oid[]) t(oid) left join pg_class c on c.oid = t.oid "
          "where c.oid is not null and pg_relation_filenode(c.oid) is not distinct from "
          "c.relfilenode",
          {oids}, limits));
  return rows->integer(0, 0) == 0;
}

// The first of them, for whoever may read names.
std::string named(const std::vector<SourceRelation>& tables, const std::vector<uint32_t>& oids) {
  constexpr size_t kMostNames = 20;
  std::vector<std::string> names;
  for (const SourceRelation& table : tables) {
    if (std::ranges::find(oids, table.oid) == oids.end()) continue;
    if (names.size() == kMostNames) break;
    names.push_back(table.qualified());
  }
  return fmt::format("{}{}", fmt::join(names, ", "), oids.size() > kMostNames ? ", …" : "");
}

}  // namespace

Result<SourceRows> read_source_rows(SourceSession& source, SourceCheck mode,
                                    const artefact::FingerprintKey& key, const CallLimits& limits) {
  const auto tables = comparable(source.facts().tables);
  return mode == SourceCheck::counts ? count_rows(source, tables, limits)
                                     : fingerprint_rows(source, tables, key, limits);
}

Result<artefact::SourceCheck> compare_with_source(SourceSession& source,
                                                  const std::string& database, SourceCheck mode,
                                                  const Result<SourceRows>& rows,
                                                  const std::vector<artefact::TableEntry>& dumped,
                                                  const CallLimits& limits) {
  const bool counts = mode == SourceCheck::counts;
  artefact::SourceCheck check{counts ? "counts" : "full", "could_not_verify"};
  if (limits.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  // The dump is whole and sealed; what the source cannot be asked any more (a table that was
  // dropped meanwhile, a lock, a lost session) is no reason to throw it away.
  if (!rows) return check;
  const auto differences = differing(*rows, dumped, counts);
  check.result = "passed";
  if (differences.empty()) return check;
  const auto rewritten = all_rewritten(source, differences, limits);
  if (!rewritten && limits.stop.stop_requested()) return fail(rewritten.error());
  // Whether it is damage is not known when the source cannot be asked.
  if (!rewritten || *rewritten) {
    check.result = "could_not_verify";
    return check;
  }
  return fail(ErrorCode::source_rows_differ,
              {{"database", database},
               {"observed", fmt::format("{}", differences.size())},
               {"object", named(source.facts().tables, differences)}});
}

}  // namespace vigie::backup
