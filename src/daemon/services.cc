// The functions that the routes of the API call.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/convert.h"
#include "daemon/requirements.h"
#include "daemon/trace.h"
#include "daemon/wiring.h"

namespace vigie::daemon {
namespace {

using api::CallContext;

ledger::Filter filter_of(const api::EvidenceQuery& query) {
  ledger::Filter filter;
  filter.kind = query.kind;
  filter.correlation_id = query.correlation_id;
  filter.backup = query.backup;
  filter.id = query.id;
  filter.from = query.from;
  filter.to = query.to;
  filter.after_seq = query.after_seq.value_or(0);
  filter.limit = query.limit;
  return filter;
}

// A name that no entry can have would be answered by an empty list, as if nothing had happened.
Result<> check_kind(const std::optional<std::string>& kind, const ledger::MatrixPlan& plan) {
  if (!kind || ledger::is_own_kind(*kind)) return {};
  for (const ledger::Requirement& one : plan.requirements)
    if (std::ranges::count(one.validated_by, *kind) > 0) return {};
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", "kind"},
               {"expected", fmt::format("one of {}, or one that a requirement names",
                                        fmt::join(ledger::kind::kEvery, ", "))}});
}

Result<api::EvidencePage> read_evidence(const ledger::Ledger& ledger,
                                        const ledger::MatrixPlan& plan,
                                        const api::EvidenceQuery& query,
                                        const CallContext& context) {
  TRY(check_kind(query.kind, plan));
  TRY_ASSIGN(auto page, ledger.page(filter_of(query), context.stop));
  api::EvidencePage out;
  for (json::object& entry : page.entries) out.entries.emplace_back(std::move(entry));
  out.next_after_seq = page.next_seq;
  return out;
}

Audience audience_of(const CallContext& context) {
  return context.scope == api::Scope::admin ? Audience::operators : Audience::everybody;
}

tl::unexpected<Error> no_such_job(const std::string& job) {
  return fail(ErrorCode::backup_job_not_found, {{"job", job}});
}

// What every command adds to the run that it asks for.
jobs::RunRequest asked_by(jobs::RunRequest request, const CallContext& context) {
  request.trigger = trigger_of(context);
  request.correlation_id = context.correlation_id;
  if (context.idempotency_key) {
    request.idempotency =
        jobs::IdempotencyKey{context.actor, *context.idempotency_key, context.request_hash};
  }
  return request;
}

// Reads that went well are the bulk, and say nothing: probes, scrapes, a command that waits for its
// run.
platform::LogLevel level_of(const api::AccessEntry& entry) {
  if (entry.status >= 500) return platform::LogLevel::error;
  const bool quiet = entry.status < 400 && (entry.method == "GET" || entry.method == "HEAD");
  return quiet ? platform::LogLevel::debug : platform::LogLevel::info;
}

ledger::Entry token_entry(api::TokenChange change, const api::TokenInfo& info,
                          const CallContext& context, SystemTime now) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kToken;
  entry.started_at = entry.ended_at = now;
  entry.result = ledger::Outcome::passed;
  entry.trigger = ledger_trigger_of(context);
  entry.reason = context.reason;
  entry.reference = context.reference;
  entry.subject = {{"token", info.id},
                   {"act", change == api::TokenChange::created ? "create" : "revoke"},
                   {"scope", to_string(info.scope)}};
  return entry;
}

}  // namespace

Result<RunId> Wiring::submit_asked(jobs::RunRequest request, const CallContext& context) {
  TRY_ASSIGN(auto submitted, executor_->submit(asked_by(std::move(request), context)));
  return std::move(submitted.id);
}

void Wiring::add_queries(api::Services& services) {
  services.evidence = [this](const api::EvidenceQuery& query, const CallContext& context) {
    return read_evidence(*ledger_, *requirements(), query, context);
  };
  services.manifest = [this](const BackupId& id, const CallContext&) -> Result<json::object> {
    TRY_ASSIGN(const std::string text, backups_->manifest(id));
    auto value = parse_json(text, {.max_bytes = artefact::kMaxManifestBytes.count});
    if (!value || !value->is_object())
      return fail(ErrorCode::manifest_invalid,
                  {{"backup", id.str()}, {"reason", "no JSON object"}});
    return std::move(value->get_object());
  };
  services.run = [this](const RunId& id, const CallContext& context) -> Result<json::object> {
    TRY_ASSIGN(const auto row, executor_->find(id));
    json::object run = jobs::to_json(row, world_.clock.now(), audience_of(context));
    const auto log = run_logs_.find(id);
    const bool shown = log && audience_of(context) == Audience::operators;
    run["log"] = shown ? json::value(log->string()) : json::value(nullptr);
    return run;
  };
  services.prune_plan = [this](std::optional<std::string> job,
                               const CallContext&) -> Result<json::value> {
    if (job && config()->backup(*job) == nullptr) return no_such_job(*job);
    return json::value(plan_json(backups_->plan(job)));
  };
  services.schedule = [this](size_t next, const CallContext&) -> Result<json::value> {
    return json::value(schedule_json(*config(), world_.clock.now(), next));
  };
  services.checkpoint = [this](uint64_t seq, const CallContext& context) {
    return checkpoint_up_to(seq, context.stop);
  };
  services.trace = [this](const CorrelationId& id,
                          const CallContext& context) -> Result<json::value> {
    const TraceSources sources{*executor_, *ledger_, world_.files, config()->state.dir,
                               audience_of(context)};
    TRY_ASSIGN(auto trace, trace_of(id, sources, context.stop));
    return json::value(std::move(trace));
  };
}

void Wiring::add_proof_commands(api::Services& services) {
  services.start_restore = [this](const api::RestoreAsk& ask,
                                  const CallContext& context) -> Result<RunId> {
    TRY_ASSIGN(auto request, restore_request(ask));
    return submit_asked(std::move(request), context);
  };
  services.start_drill = [this](const api::DrillAsk& ask,
                                const CallContext& context) -> Result<RunId> {
    const auto config = this->config();
    const config::Drill* const found = config->drill(ask.drill);
    if (found == nullptr)
      return fail(ErrorCode::drill_not_found, {{"name", printable(ask.drill, 64)}});
    const auto id = BackupId::parse(ask.backup);
    if (id && id->job != found->options.job)
      return fail(ErrorCode::http_invalid_parameter,
                  {{"argument", "backup"}, {"expected", "one of the job " + found->options.job}});
    return submit_asked(drill_request(*found, ask), context);
  };
  services.start_amcheck = [this](const std::string& name, const CallContext& context) {
    return start_amcheck(name, context);
  };
  services.start_durability = [this](const std::string& name, const std::string& interrupt,
                                     const CallContext& context) -> Result<RunId> {
    const auto config = this->config();
    const config::Durability* const found = config->proof_of_durability(name);
    if (found == nullptr)
      return fail(ErrorCode::durability_not_found, {{"name", printable(name, 64)}});
    const bool interrupts = found->options.mode == proof::DurabilityMode::fault;
    if (interrupts && interrupt != found->options.database)
      return fail(
          ErrorCode::http_invalid_parameter,
          {{"argument", "interrupt"},
           {"expected", found->options.database + ", the database whose server is interrupted"}});
    return submit_asked(durability_request(*found), context);
  };
}

Result<RunId> Wiring::start_amcheck(const std::string& name, const CallContext& context) {
  const auto config = this->config();
  const config::Amcheck* const found = config->amcheck(name);
  if (found == nullptr)
    return fail(ErrorCode::http_invalid_parameter,
                {{"argument", "check"}, {"expected", "a name of amcheck: in vigie.yaml"}});
  return submit_asked(amcheck_request(*found), context);
}

void Wiring::add_commands(api::Services& services) {
  services.start_self_check = [this](const CallContext& context) {
    return submit_asked(whole_self_check(), context);
  };
  services.start_backup = [this](const std::string& job,
                                 const CallContext& context) -> Result<RunId> {
    const auto config = this->config();
    const config::BackupJob* const found = config->backup(job);
    if (found == nullptr) return no_such_job(job);
    return submit_asked(backup_request(*found, {}, {}), context);
  };
  services.start_copy = [this](const std::string& job,
                               const CallContext& context) -> Result<RunId> {
    const auto config = this->config();
    const config::BackupJob* const found = config->backup(job);
    if (found == nullptr) return no_such_job(job);
    return submit_asked(copy_request(*found), context);
  };
  services.start_verification = [this](const BackupId& id, backup::VerifyMode mode,
                                       const CallContext& context) {
    return submit_asked(verify_request(id, mode), context);
  };
  services.start_prune = [this](std::optional<std::string> job,
                                const CallContext& context) -> Result<RunId> {
    if (job && config()->backup(*job) == nullptr) return no_such_job(*job);
    return submit_asked(prune_request(job), context);
  };
  add_human_acts(services);
}

void Wiring::add_human_acts(api::Services& services) {
  services.cancel_run = [this](const RunId& id, const CallContext& context) {
    return cancel(id, {trigger_of(context), context.correlation_id});
  };
  services.pin = [this](const BackupId& id, const CallContext& context) {
    return backups_->pin(id, work_of(context));
  };
  services.unpin = [this](const BackupId& id, const CallContext& context) {
    return backups_->unpin(id, work_of(context));
  };
  services.acknowledge_backup = [this](const BackupId& id, const CallContext& context) {
    return backups_->acknowledge(id, work_of(context));
  };
  services.give_up_backup = [this](const BackupId& id, const CallContext& context) {
    return backups_->give_up(id, work_of(context));
  };
  services.acknowledge_ledger = [this](const CallContext& context) -> Result<> {
    TRY(ledger_->acknowledge_damage(ledger_trigger_of(context), context.reason, context.reference));
    return {};
  };
  services.record_evidence = [this](const api::EvidenceReport& report,
                                    const CallContext& context) -> Result<json::value> {
    TRY_ASSIGN(const auto entry,
               reported_entry(report, context, *requirements(), world_.clock.now()));
    TRY_ASSIGN(const auto recorded, ledger_->append(entry));
    return json::value(json::object{
        {"id", recorded.id}, {"seq", recorded.seq}, {"entry_hash", recorded.entry_hash}});
  };
  services.make_checkpoint = [this](const CallContext& context) {
    return make_checkpoint(context.stop);
  };
  services.rotate_key = [this](const CallContext& context) { return rotate_key(context); };
  services.adopt_store = [this](const std::string& store, const CallContext& context) {
    return backups_->adopt_store(store, work_of(context));
  };
  services.reload = [this](const CallContext& context) {
    return reload(ledger_trigger_of(context), context.reason, context.reference);
  };
  services.record_token = [this](api::TokenChange change, const api::TokenInfo& info,
                                 const CallContext& context) -> Result<> {
    TRY(ledger_->append(token_entry(change, info, context, world_.clock.now())));
    return {};
  };
}

void Wiring::make_api() {
  api::Services services;
  services.views = [this] { return views(); };
  add_queries(services);
  if (!reads_only()) {
    add_commands(services);
    add_proof_commands(services);
  }
  api::ApiOptions options;
  options.version = world_.version;
  options.metrics_open = config_->server.metrics_open;
  options.owner_uid = static_cast<uint32_t>(::geteuid());
  api_ = api::Api::make(options, std::move(services), *tokens_, world_.clock,
                        [this](const api::AccessEntry& entry) {
                          world_.log.write(level_of(entry), "http.request", entry.method,
                                           {{"endpoint", entry.route},
                                            {"status", entry.status},
                                            {"correlation_id", entry.correlation_id},
                                            {"request_id", entry.request_id},
                                            {"actor_role", entry.actor_role},
                                            {"error_code", entry.error_code},
                                            {"peer", entry.peer},
                                            {"duration_ms", milliseconds_of(entry.duration)}});
                        });
}

}  // namespace vigie::daemon
