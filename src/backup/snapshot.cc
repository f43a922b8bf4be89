#include "backup/snapshot.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::backup {
namespace {

using platform::CallLimits;

// Repeatable read keeps one snapshot for the whole transaction. No timeout of the server may end
// it: ours do.
constexpr std::string_view kBegin =
    "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set row_security = "
    "off;"
    "begin transaction isolation level repeatable read read only";

constexpr std::string_view kExport = R"sql(
select pg_export_snapshot(),
       case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
       to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))sql";

// Many tables a statement: a round trip for each of 5,000 small tables would cost more than the
// counting.
constexpr size_t kTablesInOneStatement = 200;

std::string count_statement(std::span<const SourceTable* const> tables) {
  std::string sql;
  for (const SourceTable* table : tables) {
    if (!sql.empty()) sql += " union all ";
    sql += fmt::format("select {}::oid, count(*) from only {}", table->oid, table->qualified());
  }
  return sql;
}

std::vector<const SourceTable*> countable(const std::vector<SourceTable>& tables) {
  std::vector<const SourceTable*> out;
  for (const SourceTable& table : tables) {
    if (table.has_rows && !table.part_of_rows) out.push_back(&table);
  }
  return out;
}

}  // namespace

Result<Snapshot> Snapshot::open(platform::PgConnector& connector, const platform::Dsn& dsn,
                                std::string_view application_name, const platform::Clock& clock,
                                const CallLimits& limits) {
  Snapshot snapshot;
  TRY_ASSIGN(snapshot.session_, connector.connect(dsn, application_name, limits));
  snapshot.system_identifier_ = read_system_identifier(*snapshot.session_, limits);
  TRY(snapshot.session_->query(kBegin, limits));
  TRY_ASSIGN(const auto rows, snapshot.session_->query(kExport, limits));
  snapshot.id_ = rows->at(0, 0);
  snapshot.lsn_ = rows->at(0, 1);
  // A server whose clock says what is not a time gets ours.
  snapshot.taken_at_ = parse_rfc3339(rows->at(0, 2)).value_or(clock.now());
  return snapshot;
}

Result<RowCounts> count_rows(Snapshot& snapshot, const std::string& database,
                             const std::vector<SourceTable>& tables, const CallLimits& limits) {
  RowCounts counts;
  const auto all = countable(tables);
  for (size_t from = 0; from < all.size(); from += kTablesInOneStatement) {
    const auto part =
        std::span(all).subspan(from, std::min(kTablesInOneStatement, all.size() - from));
    const auto rows = snapshot.session().query(count_statement(part), limits);
    if (!rows) {
      Error error = rows.error();
      return fail(error.with("database", database));
    }
    for (size_t i = 0; i < (*rows)->rows(); ++i) {
      counts[static_cast<uint32_t>((*rows)->integer(i, 0))] =
          static_cast<uint64_t>((*rows)->integer(i, 1));
    }
  }
  return counts;
}

}  // namespace vigie::backup
