#include "backup/source_session.h"

#include "artefact/inventory.h"

namespace vigie::backup {
namespace {

// Repeatable read keeps one snapshot for the whole transaction. No timeout of the server may end
// it: ours do. A lock that somebody holds on a catalogue must not hold us. Compiling a query costs
// more than any of ours takes, and the counts leave the other cores to the dump.
constexpr std::string_view kBegin =
    "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = "
    "'30s';"
    "set row_security = off; set jit = off; set max_parallel_workers_per_gather = 0; begin "
    "transaction isolation level repeatable read read only";

// PostgreSQL 17 has it.
constexpr std::string_view kNoTransactionTimeout =
    "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'";

constexpr std::string_view kExport = R"sql(
select pg_export_snapshot(),
       case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
       to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))sql";

}  // namespace

Result<SourceSession> SourceSession::open(platform::PgConnector& connector,
                                          const platform::Dsn& dsn,
                                          std::string_view application_name,
                                          const platform::Clock& clock, const CallLimits& limits) {
  SourceSession source;
  TRY_ASSIGN(source.session_, connector.connect(dsn, application_name, limits));
  const std::string identifier = read_system_identifier(*source.session_, limits);
  const Bytes size = read_database_size(*source.session_, limits);
  TRY(source.begin(clock, limits));
  TRY_ASSIGN(source.facts_, read_source(*source.session_, dsn.name, limits));
  source.facts_.server.system_identifier = identifier;
  source.facts_.database_size = size;
  return source;
}

// An error would end the transaction, and the snapshot with it.
Result<std::vector<artefact::ObjectCount>> SourceSession::inventory(const CallLimits& limits) {
  TRY(session_->query("savepoint inventory; set local statement_timeout = '60s'", limits));
  auto found = artefact::read_inventory(*session_, limits);
  TRY(session_->query("rollback to savepoint inventory", limits));
  return found;
}

Result<> SourceSession::begin(const platform::Clock& clock, const CallLimits& limits) {
  TRY(session_->query(kNoTransactionTimeout, limits));
  // Names in such a database are bytes of any encoding: as UTF-8 the server would refuse them.
  if (session_->parameter_status("server_encoding") == "SQL_ASCII")
    TRY(session_->query("set client_encoding = 'SQL_ASCII'", limits));
  TRY(session_->query(kBegin, limits));
  TRY_ASSIGN(const auto rows, session_->query(kExport, limits));
  id_ = rows->at(0, 0);
  snapshot_.lsn = rows->at(0, 1);
  // A server whose clock says what is not a time gets ours.
  snapshot_.at = parse_rfc3339(rows->at(0, 2)).value_or(clock.now());
  return {};
}

}  // namespace vigie::backup
