#include "daemon/drills.h"

#include <algorithm>
#include <random>

#include "daemon/convert.h"
#include "daemon/restores.h"

namespace vigie::daemon {
namespace {

std::vector<std::string> databases_of(const config::Config& config, const config::Drill& drill) {
  const config::BackupJob* const job = config.backup(drill.options.job);
  if (!drill.options.database.empty()) return {drill.options.database};
  return job == nullptr ? std::vector<std::string>() : job->options.databases;
}

// Sorted; those that the last drill holds are in `drilled`.
std::vector<BackupId> good_ones(const backup::BackupsView& view, const std::string& job,
                                const std::string& database, std::optional<BackupId>& drilled) {
  std::vector<BackupId> good;
  for (const backup::ArtefactView& one : view.artefacts) {
    if (one.id.job != job || one.id.database != database || !is_good(view, one)) continue;
    if (std::ranges::count(one.holds, "drill", &backup::Hold::kind) > 0) drilled = one.id;
    good.push_back(one.id);
  }
  return good;
}

// What is stored is damaged; what it restores to is another matter.
bool speaks_of_bytes(const Error& error) {
  const ErrorInfo& info = error.info();
  const bool stored = info.name.starts_with("artefact_") || info.name.starts_with("manifest_");
  return stored && info.error_class == "integrity";
}

std::vector<BackupId> good_copies(const backup::BackupsView& view, const std::string& job,
                                  const std::string& database, const std::string& store,
                                  std::optional<BackupId>& drilled) {
  std::vector<BackupId> good;
  for (const backup::CopyView& one : view.copies)
    if (one.id.job == job && one.id.database == database && one.store == store &&
        one.verdict() == Verdict::passed)
      good.push_back(one.id);
  // The hold is the original's.
  for (const backup::ArtefactView& one : view.artefacts)
    if (std::ranges::count(good, one.id) > 0 &&
        std::ranges::count(one.holds, "drill", &backup::Hold::kind) > 0)
      drilled = one.id;
  return good;
}

class DrillRun {
 public:
  DrillRun(backup::BackupRoom& backups, proof::ProofRoom& proofs, const config::Config& config,
           const config::Drill& drill, const api::DrillAsk& ask, const platform::Path& folder,
           const Work& work)
      : backups_(backups),
        proofs_(proofs),
        config_(config),
        drill_(drill),
        ask_(ask),
        folder_(folder),
        work_(work) {}

  jobs::RunOutcome run() {
    if (!ask_.backup.empty()) {
      take_part(BackupId::parse(ask_.backup).value_or(BackupId{}).database);
    } else {
      for (const std::string& database : databases_of(config_, drill_)) {
        if (work_.stop.stop_requested()) break;
        take_part(database);
      }
    }
    outcome_.result["drills"] = std::move(parts_);
    return outcome_of(std::move(outcome_));
  }

 private:
  void take_part(const std::string& database) {
    auto id = chosen(database);
    if (!id) return nothing_to_restore(database, id.error());
    const auto done = restore(*id);
    if (!done) return outcome_.note(proof::verdict_on_backup(done.error()), done.error());
    tell(*id, *done);
  }

  bool is_newest(const BackupId& id) const {
    return picked(*backups_.view(), drill_.options.job, id.database, proof::Pick::newest,
                  copies_store()) == id;
  }
  bool is_rehearsal() const { return ask_.into_major != 0 || !ask_.backup.empty(); }

  Result<BackupId> chosen(const std::string& database) const {
    if (!ask_.backup.empty()) return BackupId::parse(ask_.backup);
    const auto id =
        picked(*backups_.view(), drill_.options.job, database, drill_.options.pick, copies_store());
    if (id) return *id;
    return fail(ErrorCode::backup_not_found,
                {{"backup", "that is good of " + drill_.options.job + "." + database}});
  }

  // Empty: the job's own store.
  std::string copies_store() const {
    const config::BackupJob* const job = config_.backup(drill_.options.job);
    const bool own = job == nullptr || drill_.options.from == job->options.store;
    return own ? std::string() : drill_.options.from;
  }

  Result<backup::Reading> read(const BackupId& id) const {
    const std::string from = copies_store();
    return from.empty() ? backups_.read(id, "being drilled", work_.limits())
                        : backups_.copies().read(id, from, work_.limits());
  }

  // Of a copy whose original is gone there is nothing to hold.
  Result<> hold(const BackupId& id) const {
    const auto held = backups_.hold_drilled(id, work_);
    const bool only_a_copy = !held && held.error().code() == ErrorCode::backup_not_found;
    return only_a_copy && !copies_store().empty() ? Result<>() : held;
  }

  void nothing_to_restore(const std::string& database, const Error& why) {
    proof::evidence::Subject subject;
    subject.id.job = drill_.options.job;
    subject.id.database = database;
    const auto noted = proofs_.not_drilled(drill_.options, subject, is_rehearsal(), why, work_);
    outcome_.note(Verdict::could_not_verify, noted ? why : noted.error());
  }

  Result<proof::DrillReport> restore(const BackupId& id) {
    const auto read = this->read(id);
    if (!read) {
      TRY(proofs_.not_drilled(drill_.options, {id, {}, {}, {}}, is_rehearsal(), read.error(),
                              work_));
      return fail(read.error());
    }
    const backup::Reading& reading = *read;
    const backup::DatabaseOptions* const database = config_.database(id.database);
    proof::DrillRequest request{drill_.options, *reading.source, id, reading.manifest_sha256};
    if (database != nullptr) request.bindir = database->bindir;
    request.into_major = static_cast<int>(ask_.into_major);
    request.rehearsal = is_rehearsal();
    request.newest = is_newest(id);
    request.folder = folder_;
    request.scratch_owner = backups_.owner_id();
    for (const backup::DatabaseOptions& one : config_.databases) request.sources.push_back(one.dsn);
    auto report = proofs_.drill(request,
                                {id,
                                 reading.artefact.store,
                                 reading.manifest_sha256,
                                 {},
                                 backups_.view()->is_off_host(reading.artefact.store)},
                                work_);
    if (report && report->error && speaks_of_bytes(*report->error)) look_again(id);
    // A rehearsal of an upgrade says nothing of the server that is in use.
    if (report && !report->error && ask_.into_major == 0) TRY(hold(id));
    return report;
  }

  // A verification finds what is damaged where it lies, and its entry tells how that ended: the
  // status knows, and a copy is made anew. The drill's own verdict stands.
  void look_again(const BackupId& id) {
    const std::string from = copies_store();
    if (from.empty())
      (void)backups_.verify(id, backup::VerifyMode::full, work_);
    else
      (void)backups_.copies().verify(id, from, work_);
  }

  void tell(const BackupId& id, const proof::DrillReport& report) {
    outcome_.note(report.verdict(), report.error);
    json::object part{{"backup", id.str()},
                      {"result", to_string(report.verdict())},
                      {"assertions", report.assertions.size()},
                      {"failed", std::ranges::count(report.assertions, ledger::Outcome::failed,
                                                    &ledger::Assertion::result)}};
    if (report.rto > Duration{0}) part["rto_s"] = to_seconds(report.rto);
    if (report.data_age) part["data_age_s"] = to_seconds(*report.data_age);
    if (const auto rpo = report.rpo()) part["rpo_s"] = to_seconds(*rpo);
    if (report.restored) part["rows"] = report.restored->comparison.rows;
    parts_.push_back(std::move(part));
  }

  backup::BackupRoom& backups_;
  proof::ProofRoom& proofs_;
  const config::Config& config_;
  const config::Drill& drill_;
  const api::DrillAsk& ask_;
  const platform::Path& folder_;
  const Work& work_;
  backup::Outcome outcome_;
  json::array parts_;
};

}  // namespace

std::vector<proof::DrillPlanView> drill_plans(const config::Config& config) {
  std::vector<proof::DrillPlanView> plans;
  for (const config::Drill& drill : config.drills)
    plans.push_back({drill.name(), drill.options.job, databases_of(config, drill), drill.max_age});
  return plans;
}

std::optional<BackupId> picked(const backup::BackupsView& view, const std::string& job,
                               const std::string& database, proof::Pick pick,
                               const std::string& from) {
  std::optional<BackupId> drilled;
  std::vector<BackupId> good = from.empty() ? good_ones(view, job, database, drilled)
                                            : good_copies(view, job, database, from, drilled);
  // What a drill holds does not expire, and would be the oldest for ever.
  if (pick == proof::Pick::oldest && drilled && good.size() > 1) std::erase(good, *drilled);
  if (good.empty()) return std::nullopt;
  std::ranges::sort(good);
  if (pick == proof::Pick::oldest) return good.front();
  if (pick == proof::Pick::newest) return good.back();
  std::random_device seed;
  return good[std::uniform_int_distribution<size_t>(0, good.size() - 1)(seed)];
}

std::optional<artefact::MeasuredDrill> last_measured(const proof::ProofView& view,
                                                     const std::string& job,
                                                     const std::string& database) {
  std::optional<artefact::MeasuredDrill> last;
  for (const proof::DrillResultView& one : view.results) {
    const auto backup = BackupId::parse(one.backup);
    const bool fits = backup && backup->job == job && backup->database == database;
    if (!fits || one.result != Verdict::passed || !one.rto_s) continue;
    if (last && last->at >= one.ended_at) continue;
    const auto rto = std::chrono::duration<double>(*one.rto_s);
    last = artefact::MeasuredDrill{*backup, one.ended_at, std::chrono::duration_cast<Duration>(rto),
                                   Bytes{one.raw_bytes}};
  }
  return last;
}

jobs::RunOutcome run_drill(backup::BackupRoom& backups, proof::ProofRoom& proofs,
                           const config::Config& config, const config::Drill& drill,
                           const api::DrillAsk& ask, const platform::Path& folder,
                           const Work& work) {
  return DrillRun(backups, proofs, config, drill, ask, folder, work).run();
}

}  // namespace vigie::daemon
