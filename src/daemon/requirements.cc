#include "daemon/requirements.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/encoding.h"
#include "config/off_host.h"
#include "daemon/convert.h"
#include "daemon/self_check.h"
#include "ledger/requirements.h"

namespace vigie::daemon {
namespace {

using Subjects = std::vector<ledger::AskedSubject>;

std::string subject(const std::string& name, const std::string& database) {
  return ledger::subject_of({{"job", name}, {"database", database}});
}

Subjects of_jobs(const config::Config& config) {
  Subjects subjects;
  for (const config::BackupJob& job : config.backups)
    for (const std::string& database : job.options.databases)
      subjects.push_back({subject(job.name(), database), job.options.rpo_target});
  return subjects;
}

// That an older backup restores says nothing of the newest.
Subjects of_drills(const config::Config& config,
                   const std::function<bool(const std::string&)>& store_counts) {
  Subjects subjects;
  for (const config::Drill& drill : config.drills) {
    if (drill.options.pick != proof::Pick::newest) continue;
    const config::BackupJob* const job = config.backup(drill.options.job);
    const std::string own = job == nullptr ? std::string() : job->options.store;
    if (!store_counts(drill.options.from.empty() ? own : drill.options.from)) continue;
    if (!drill.options.database.empty())
      subjects.push_back({subject(drill.name(), drill.options.database), {}});
    else if (job != nullptr)
      for (const std::string& database : job->options.databases)
        subjects.push_back({subject(drill.name(), database), {}});
  }
  return subjects;
}

bool sees_the_machine_restart(const proof::DurabilityOptions& options) {
  return options.mode == proof::DurabilityMode::observe ||
         options.fault == proof::Fault::node_reboot;
}

template <class Condition>
Subjects of_proofs(const config::Config& config, Condition matters) {
  Subjects subjects;
  for (const config::Durability& proof : config.durability)
    if (matters(proof.options))
      subjects.push_back({subject(proof.name(), proof.options.database), {}});
  return subjects;
}

constexpr Duration kSkew = std::chrono::minutes(5);  // between two machines' clocks

tl::unexpected<Error> invalid(const char* argument, std::string expected) {
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", argument}, {"expected", std::move(expected)}});
}

// Of our own kinds only the one that somebody else can measure as well, and better: under load.
bool may_be_reported(const std::string& kind) {
  return kind == ledger::kind::kHealthLatency ||
         (ledger::is_kind(kind) && !ledger::is_own_kind(kind));
}

std::vector<std::string> validated_by(const std::string& kind, const ledger::MatrixPlan& plan) {
  std::vector<std::string> ids;
  for (const ledger::Requirement& one : plan.requirements)
    if (std::ranges::count(one.validated_by, kind) > 0) ids.push_back(one.id);
  return ids;
}

bool passes(Verdict result) {
  return result == Verdict::passed;
}

// What speaks beside the program's own measurement must be worth as much: as many requests, the
// same limit, and a result that follows from both.
Result<> check_latency(const api::EvidenceReport& report) {
  if (report.kind != ledger::kind::kHealthLatency) return {};
  const auto measure = [&](std::string_view name) -> std::optional<double> {
    const json::value* const found = find_value(report.measures, name);
    if (found == nullptr || !found->is_number()) return std::nullopt;
    return found->to_number<double>();
  };
  const auto requests = measure("requests");
  const auto p95 = measure("p95_ms");
  if (!requests || *requests < kHealthRequests)
    return invalid("measures", fmt::format("requests, {} at least", kHealthRequests));
  if (!p95 || *p95 < 0) return invalid("measures", "p95_ms, of GET /health");
  if (report.result != Verdict::could_not_verify &&
      passes(report.result) != (*p95 <= kHealthP95LimitMs))
    return invalid("result",
                   fmt::format("passed when p95_ms is {} at most, else failed", kHealthP95LimitMs));
  return {};
}

Result<> check_ids(const api::EvidenceReport& report, const ledger::MatrixPlan& plan) {
  const auto ids = validated_by(report.kind, plan);
  for (const std::string& id : report.requirement_ids) {
    if (ledger::find_requirement(plan.requirements, id) == nullptr)
      return fail(ErrorCode::requirement_not_found, {{"name", printable(id, 63)}});
    if (std::ranges::count(ids, id) == 0)
      return invalid(
          "requirement_ids",
          ids.empty() ? "requirements that this kind validates: there are none"
                      : fmt::format("of those that this kind validates: {}", fmt::join(ids, ", ")));
  }
  return {};
}

}  // namespace

Result<ledger::Entry> reported_entry(const api::EvidenceReport& report,
                                     const api::CallContext& context,
                                     const ledger::MatrixPlan& plan, SystemTime now) {
  if (!may_be_reported(report.kind))
    return invalid("kind", "a kind of evidence that Vigie does not write itself");
  TRY(check_ids(report, plan));
  TRY(check_latency(report));
  ledger::Entry entry;
  entry.ended_at = report.ended_at.value_or(now);
  entry.started_at = report.started_at.value_or(entry.ended_at);
  if (entry.ended_at > now + kSkew) return invalid("ended_at", "a time that is not to come");
  if (entry.started_at > entry.ended_at) return invalid("started_at", "a time before the end");
  entry.kind = report.kind;
  entry.requirement_ids = report.requirement_ids;
  entry.result = ledger::outcome_of(report.result);
  entry.trigger = ledger_trigger_of(context);
  entry.reason = context.reason;
  entry.reference = context.reference;
  entry.subject = {{"recorded", true}};
  entry.measures = report.measures;
  for (const auto& file : report.artefacts)
    entry.artefacts.push_back({file.name, file.sha256, Bytes{file.bytes}});
  return entry;
}

ledger::MatrixPlanPtr matrix_plan(const config::Config& config) {
  auto plan = std::make_shared<ledger::MatrixPlan>();
  plan->requirements = config.requirements.all;
  plan->waivers = config.requirements.waivers;
  for (const std::string_view kind :
       {ledger::kind::kBackup, ledger::kind::kBackupVerify, ledger::kind::kRetention})
    plan->subjects[std::string(kind)] = of_jobs(config);
  plan->subjects[std::string(ledger::kind::kCopyVerify)] = of_jobs(config);
  plan->subjects[std::string(ledger::kind::kRestoreDrill)] =
      of_drills(config, [](const std::string&) { return true; });
  plan->subjects[std::string(ledger::kind::kRestoreDrillOffsite)] = of_drills(
      config, [&](const std::string& store) { return config::is_off_host(config, store); });
  plan->subjects[std::string(ledger::kind::kDurabilityProof)] =
      of_proofs(config, [](const proof::DurabilityOptions&) { return true; });
  plan->subjects[std::string(ledger::kind::kDurabilityProofNode)] =
      of_proofs(config, sees_the_machine_restart);
  return plan;
}

}  // namespace vigie::daemon
