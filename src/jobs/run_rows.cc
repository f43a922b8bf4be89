#include "jobs/run_rows.h"

#include <fmt/format.h>

#include <array>
#include <map>

namespace vigie::jobs {
namespace {

using platform::Migration;
using platform::Sqlite;
using platform::SqliteStatement;

constexpr std::array<Migration, 1> kMigrations{{{1, R"sql(
create table run(
  seq integer primary key, id text not null unique, job text not null, kind text not null, state text not null,
  trigger_by text not null, actor text not null, reason text not null, reference text not null,
  correlation_id text not null, claims text not null,
  created_at integer not null, due_at integer, started_at integer, ended_at integer,
  timeout integer not null, deadline_at integer, progress text,
  error_code text not null, error_parameters text not null, result text not null) strict;
create index run_of_job on run(job, kind, seq);
create index run_of_correlation on run(correlation_id, seq);
create index run_unfinished on run(seq) where ended_at is null;
create table due(
  job text not null, kind text not null, schedule text not null, last_due_at integer not null,
  missed_due_at integer, missed_reason text not null, primary key (job, kind)) strict;
create table idempotency(
  key_hash text primary key, request_hash text not null, run_id text not null, expires_at integer not null) strict;
create index idempotency_expiry on idempotency(expires_at);
create table proof(id integer primary key check (id = 1), at integer not null) strict;
)sql"}}};

constexpr std::string_view kSelect =
    "select id, job, kind, state, trigger_by, actor, reason, reference, correlation_id, claims, "
    "created_at, due_at, started_at, ended_at, timeout, deadline_at, progress, error_code, "
    "error_parameters, result from run ";

std::string text_of(const std::optional<RunProgress>& progress) {
  return canonical_json(json::object{
      {"phase", progress->phase},
      {"subject", progress->subject},
      {"done", progress->done},
      {"total", progress->total ? json::value(*progress->total) : json::value(nullptr)},
      {"unit", progress->unit},
      {"rate", progress->rate ? json::value(*progress->rate) : json::value(nullptr)},
      {"at", progress->at.time_since_epoch().count()}});
}

std::string text_of(const Parameters& parameters) {
  json::object out;
  for (const auto& [name, value] : parameters) out[name] = value;
  return canonical_json(out);
}

std::string result_text(const json::object& result) {
  std::string text = canonical_json(result);
  return text.size() <= kMaxResult ? text : "{}";
}

// What was written here is read back; what somebody damaged reads as empty.
json::object object_of(const std::string& text) {
  auto value = parse_json(text);
  return value && value->is_object() ? std::move(value->get_object()) : json::object{};
}

template <class T>
T number_of(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  if (value == nullptr) return T{};
  boost::system::error_code error;
  const T number = value->to_number<T>(error);
  return error ? T{} : number;
}

std::string string_of(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? std::string() : std::string(*text);
}

RunProgress progress_of(const std::string& text) {
  const json::object object = object_of(text);
  const json::value* total = find_value(object, "total");
  RunProgress progress;
  progress.phase = string_of(object, "phase");
  progress.subject = string_of(object, "subject");
  progress.done = number_of<uint64_t>(object, "done");
  if (total != nullptr && total->is_number()) {
    progress.total = number_of<uint64_t>(object, "total");
  }
  progress.unit = string_of(object, "unit");
  const json::value* rate = find_value(object, "rate");
  if (rate != nullptr && rate->is_number()) progress.rate = number_of<double>(object, "rate");
  progress.at = SystemTime(Duration(number_of<int64_t>(object, "at")));
  return progress;
}

Parameters parameters_of(const std::string& text) {
  Parameters parameters;
  for (const auto& [name, value] : object_of(text)) {
    if (value.is_string()) parameters.emplace_back(name, std::string(value.get_string()));
  }
  return parameters;
}

std::vector<std::string> claims_of(const std::string& text) {
  std::vector<std::string> claims;
  const auto value = parse_json(text);
  if (!value || !value->is_array()) return claims;
  for (const json::value& claim : value->get_array()) {
    if (claim.is_string()) claims.emplace_back(claim.get_string());
  }
  return claims;
}

std::optional<SystemTime> time_of(const SqliteStatement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.time(column);
}

RunRow read(const SqliteStatement& row) {
  RunRow run;
  run.id = RunId(row.text(0));
  run.job = row.text(1);
  run.kind = row.text(2);
  run.state = parse_run_state(row.text(3)).value_or(RunState::could_not_verify);
  run.trigger = {row.text(4), row.text(5), row.text(6), row.text(7)};
  run.correlation_id = CorrelationId(row.text(8));
  run.claims = claims_of(row.text(9));
  run.created_at = row.time(10);
  run.due_at = time_of(row, 11);
  run.started_at = time_of(row, 12);
  run.ended_at = time_of(row, 13);
  run.timeout = Duration(row.integer(14));
  run.deadline_at = time_of(row, 15);
  if (!row.is_null(16)) run.progress = progress_of(row.text(16));
  run.error_code = row.text(17);
  run.error_parameters = parameters_of(row.text(18));
  run.result = object_of(row.text(19));
  return run;
}

template <class... T>
Result<std::vector<RunRow>> select(Sqlite& db, std::string_view where, const T&... values) {
  TRY_ASSIGN(auto rows, db.query(fmt::format("{}{}", kSelect, where), values...));
  std::vector<RunRow> runs;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return runs;
    runs.push_back(read(rows));
  }
}

std::optional<std::string> progress_text(const RunRow& row) {
  if (!row.progress) return std::nullopt;
  return text_of(row.progress);
}

}  // namespace

std::span<const Migration> state_migrations() {
  return kMigrations;
}

Result<> insert_run(Sqlite& db, const RunRow& row) {
  const std::string claims = canonical_json(json::array(row.claims.begin(), row.claims.end()));
  return db.run(
      "insert into run(id, job, kind, state, trigger_by, actor, reason, reference, correlation_id, "
      "claims, created_at, due_at, timeout, error_code, error_parameters, result) "
      "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, '', '{}', '{}')",
      row.id.str(), row.job, row.kind, to_string(row.state), row.trigger.by, row.trigger.actor,
      row.trigger.reason, row.trigger.reference, row.correlation_id.str(), claims, row.created_at,
      row.due_at, row.timeout.count());
}

Result<> update_run(Sqlite& db, const RunRow& row) {
  return db.run(
      "update run set state = ?2, started_at = ?3, ended_at = ?4, deadline_at = ?5, progress = ?6, "
      "error_code = ?7, error_parameters = ?8, result = ?9 where id = ?1",
      row.id.str(), to_string(row.state), row.started_at, row.ended_at, row.deadline_at,
      progress_text(row), row.error_code, text_of(row.error_parameters), result_text(row.result));
}

Result<std::optional<RunRow>> find_run(Sqlite& db, const RunId& id) {
  TRY_ASSIGN(auto runs, select(db, "where id = ?1", id.str()));
  if (runs.empty()) return std::optional<RunRow>();
  return std::optional(std::move(runs.front()));
}

Result<std::vector<RunRow>> unfinished_runs(Sqlite& db) {
  return select(db, "where ended_at is null order by seq");
}

Result<std::vector<RunRow>> runs_of_correlation(Sqlite& db, const CorrelationId& id, size_t limit) {
  return select(db, "where correlation_id = ?1 order by seq desc limit ?2", id.str(), limit);
}

Result<std::vector<LastRuns>> last_runs(Sqlite& db) {
  TRY_ASSIGN(auto attempts,
             select(db,
                    "where seq in (select max(seq) from run where ended_at is not null "
                    "group by job, kind)"));
  TRY_ASSIGN(auto successes,
             select(db,
                    "where seq in (select max(seq) from run where state = 'succeeded' "
                    "group by job, kind)"));
  std::map<std::pair<std::string, std::string>, LastRuns> last;
  for (RunRow& row : attempts) last[{row.job, row.kind}].attempt = std::move(row);
  for (RunRow& row : successes) last[{row.job, row.kind}].success = std::move(row);
  std::vector<LastRuns> out;
  out.reserve(last.size());
  for (auto& [key, runs] : last) out.push_back(std::move(runs));
  return out;
}

Result<> prune_runs(Sqlite& db, size_t keep) {
  return db.run(
      "delete from run where ended_at is not null and seq <= (select seq from run where ended_at "
      "is not null order by seq desc limit 1 offset ?1) and seq not in (select max(seq) from run "
      "where ended_at is not null group by job, kind) and seq not in (select max(seq) from run "
      "where state = 'succeeded' group by job, kind)",
      keep);
}

}  // namespace vigie::jobs
