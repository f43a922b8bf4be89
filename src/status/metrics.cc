#include "status/metrics.h"

#include <functional>

#include "status/metrics_writer.h"
#include "status/reports.h"

namespace vigie::status {
namespace {

using backup::ArtefactView;
using backup::BackupsView;

double unix_seconds(SystemTime time) {
  return to_seconds(time.time_since_epoch());
}

void write_process(MetricsWriter& out, const ProcessView& process) {
  out.gauge("vigie_build_info", "The version that runs.");
  out.sample({{"version", process.version}}, 1);
  out.gauge("vigie_start_time_seconds", "When the process started, since 1970.");
  out.sample(unix_seconds(process.started_at));
  out.gauge("vigie_config_last_reload_successful", "Whether the last configuration was taken.");
  out.sample(process.reload_error_code.empty() ? 1 : 0);
  out.gauge("vigie_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was loaded.");
  out.sample(unix_seconds(process.configured_at));
  out.gauge("vigie_resident_memory_bytes", "Resident memory of the daemon.");
  if (process.resident_bytes) out.sample(double(*process.resident_bytes));
  out.gauge(
      "vigie_children_resident_memory_bytes",
      "Resident memory of the programs that the daemon started, PostgreSQL's tools among them.");
  if (process.children_resident_bytes) out.sample(double(*process.children_resident_bytes));
}

// One series for each status, as a state set: sum by (kind) is always 1.
void write_status(MetricsWriter& out, const Views& views, SystemTime now) {
  out.gauge("vigie_status", "How each report stands: 1 for its status, 0 for the others.");
  for (const Kind kind : {Kind::readiness, Kind::backups, Kind::restore}) {
    const auto report = make_report(kind, views, now);
    for (const Status one : {Status::pass, Status::warn, Status::fail, Status::unknown})
      out.sample({{"kind", to_string(kind)}, {"status", to_string(one)}},
                 report.status == one ? 1 : 0);
  }
}

// Calls `write` for each job and database with what is known of its artefacts.
template <class Write>
void each_database(const BackupsView& view, Write write) {
  for (const auto& job : view.jobs)
    for (const auto& database : job.databases)
      write(job, database, artefact_facts(view, job.name, database.name));
}

void write_times(MetricsWriter& out, const BackupsView& view) {
  out.gauge("vigie_backup_last_success_timestamp_seconds",
            "The data's time of the newest good backup; absent when there is none.");
  each_database(view, [&](const auto& job, const auto& database, const ArtefactFacts&) {
    if (database.last_success)
      out.sample({{"job_name", job.name}, {"database", database.name}},
                 unix_seconds(*database.last_success));
  });
  out.gauge("vigie_backup_rpo_target_seconds", "How old the newest good backup may be.");
  each_database(view, [&](const auto& job, const auto& database, const ArtefactFacts&) {
    if (job.rpo_target > Duration(0))
      out.sample({{"job_name", job.name}, {"database", database.name}}, to_seconds(job.rpo_target));
  });
}

using ArtefactValue = double (*)(const ArtefactView&);

void write_newest(MetricsWriter& out, const BackupsView& view, std::string_view name,
                  std::string_view help, ArtefactValue value) {
  out.gauge(name, help);
  each_database(view, [&](const auto& job, const auto& database, const ArtefactFacts& facts) {
    if (facts.newest_good != nullptr && facts.newest_good->is_read())
      out.sample({{"job_name", job.name}, {"database", database.name}}, value(*facts.newest_good));
  });
}

void write_artefacts(MetricsWriter& out, const BackupsView& view) {
  write_newest(out, view, "vigie_backup_raw_bytes", "Bytes before compression, newest good backup.",
               [](const ArtefactView& one) { return double(one.raw.count); });
  write_newest(out, view, "vigie_backup_stored_bytes", "Bytes in the store, newest good backup.",
               [](const ArtefactView& one) { return double(one.stored.count); });
  write_newest(out, view, "vigie_backup_rows", "Rows, newest good backup.",
               [](const ArtefactView& one) { return double(one.rows); });
  write_newest(
      out, view, "vigie_backup_duration_seconds", "How long the newest good backup took.",
      [](const ArtefactView& one) { return to_seconds(one.ended_at - one.id.started_at); });
  out.gauge("vigie_backup_artefacts",
            "Backups in the store, by what their last verification found.");
  each_database(view, [&](const auto& job, const auto& database, const ArtefactFacts& facts) {
    if (!job.reconciled_at) return;
    const auto sample = [&](std::string_view state, size_t count) {
      out.sample({{"job_name", job.name}, {"database", database.name}, {"state", state}},
                 double(count));
    };
    sample("good", facts.good);
    sample("damaged", facts.damaged);
    sample("unreadable", facts.unreadable);
    sample("unverified", facts.count - facts.good - facts.damaged - facts.unreadable);
  });
}

void write_stores(MetricsWriter& out, const BackupsView& view) {
  out.gauge("vigie_store_reachable", "Whether the store answers.");
  for (const auto& store : view.stores)
    if (store.observed_at) out.sample({{"store", store.name}}, store.reachable ? 1 : 0);
  out.gauge("vigie_store_available_bytes", "Free space in the store.");
  for (const auto& store : view.stores)
    if (store.reachable && store.knows_space)
      out.sample({{"store", store.name}}, double(store.available.count));
  out.gauge("vigie_store_reserve_bytes", "Free space below which no dump goes on.");
  for (const auto& store : view.stores)
    if (store.reachable && store.knows_space)
      out.sample({{"store", store.name}}, double(store.reserve.count));
}

void write_jobs(MetricsWriter& out, const JobsFacts& facts) {
  out.gauge("vigie_runs_waiting", "Runs that wait for their turn.");
  out.sample(double(facts.waiting));
  out.gauge("vigie_runs_running", "Runs at work.");
  out.sample(double(facts.running));
  out.gauge("vigie_job_next_due_timestamp_seconds", "When the job is due next.");
  for (const auto& job : facts.jobs)
    if (job.next_due) out.sample({{"job_name", job.name}}, unix_seconds(*job.next_due));
}

void write_http(MetricsWriter& out, const ProcessView& process, const HttpFigures& http) {
  out.gauge("vigie_queries_hung", "Queries and commands that did not return at their deadline.");
  out.sample(double(process.queries_hung));
  out.counter("vigie_http_requests_total", "Answers, by status.");
  for (const auto& one : http.by_code)
    out.sample({{"code", std::to_string(one.status)}}, double(one.requests));
  out.gauge("vigie_http_connections", "Open connections.");
  out.sample(double(http.connections_open));
  out.counter("vigie_http_connections_accepted_total", "Connections accepted.");
  out.sample(double(http.connections_accepted));
  out.counter("vigie_http_connections_refused_total", "Connections over the limit.");
  out.sample(double(http.connections_refused));
  out.counter("vigie_http_requests_malformed_total", "Requests that could not be read.");
  out.sample(double(http.requests_malformed));
  out.counter("vigie_http_requests_timed_out_total", "Connections cut by a deadline.");
  out.sample(double(http.requests_timed_out));
}

void write_ledger(MetricsWriter& out, const LedgerFacts& ledger) {
  out.gauge("vigie_ledger_entries", "Entries of evidence.");
  out.sample(double(ledger.last_seq));
  out.gauge("vigie_ledger_damaged", "Whether the ledger is damaged and not acknowledged.");
  out.sample(ledger.damaged ? 1 : 0);
  out.gauge("vigie_ledger_verified_timestamp_seconds", "When the ledger was last verified.");
  if (ledger.verification) out.sample(unix_seconds(ledger.verification->at));
}

using AmcheckSample = std::function<std::optional<double>(const proof::AmcheckView&)>;

void write_amcheck(MetricsWriter& out, const proof::ProofView& view, std::string_view name,
                   std::string_view help, const AmcheckSample& value) {
  out.gauge(name, help);
  for (const proof::AmcheckPlanView& plan : view.amcheck_plans) {
    const proof::AmcheckView* const last = view.newest(plan);
    const auto sample = last == nullptr ? std::nullopt : value(*last);
    if (sample) out.sample({{"check", plan.name}, {"database", plan.database}}, *sample);
  }
}

void write_amchecks(MetricsWriter& out, const proof::ProofView& view) {
  write_amcheck(out, view, "vigie_amcheck_damaged_relations",
                "Tables and indexes of a database that were found damaged, by the newest look.",
                [](const proof::AmcheckView& one) {
                  const bool known = one.result != Verdict::could_not_verify;
                  return known ? std::optional(double(one.damaged)) : std::nullopt;
                });
  write_amcheck(out, view, "vigie_amcheck_timestamp_seconds",
                "When a database was last looked at for damage.",
                [](const proof::AmcheckView& one) { return unix_seconds(one.ended_at); });
}

void write_requirements(MetricsWriter& out, const Views& views, SystemTime now) {
  if (!views.requirements || !views.ledger || !views.ledger->newest) return;
  const auto rows = ledger::matrix(*views.requirements, *views.ledger->newest, now);
  out.gauge("vigie_requirement_status",
            "How each requirement stands: 1 for its status, 0 for the others.");
  for (const auto& row : rows)
    for (const ledger::Standing one : ledger::kEveryStanding)
      out.sample({{"id", row.requirement.id}, {"status", to_string(one)}},
                 row.status == one ? 1 : 0);
  out.gauge("vigie_requirement_validated_timestamp_seconds",
            "When the evidence that decides ended; absent when there is none.");
  for (const auto& row : rows)
    if (row.decides.validated_at)
      out.sample({{"id", row.requirement.id}}, unix_seconds(*row.decides.validated_at));
  out.gauge("vigie_requirements_unmet",
            "Requirements that the gate asks for and that are neither met nor waived.");
  out.sample(double(ledger::count_unmet(rows)));
}

}  // namespace

std::string render_metrics(const Views& views, const HttpFigures& http, SystemTime now,
                           MetricsFormat format) {
  MetricsWriter out(format);
  write_process(out, views.process);
  write_status(out, views, now);
  if (views.backups) {
    write_times(out, *views.backups);
    write_artefacts(out, *views.backups);
    write_stores(out, *views.backups);
  }
  if (views.proof) write_amchecks(out, *views.proof);
  if (const auto jobs = jobs_facts(views)) write_jobs(out, *jobs);
  if (const auto ledger = ledger_facts(views)) write_ledger(out, *ledger);
  write_requirements(out, views, now);
  write_http(out, views.process, http);
  return out.finish();
}

std::string_view content_type(MetricsFormat format) {
  return format == MetricsFormat::open_metrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace vigie::status
