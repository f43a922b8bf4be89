// A run of a backup job: each of its databases, one after another.
#include <fmt/format.h>

#include <algorithm>

#include "backup/evidence.h"
#include "backup/ping.h"
#include "backup/plausibility.h"
#include "backup/room.h"
#include "platform/failpoint.h"

namespace vigie::backup {
namespace {

BackupSize size_of(const artefact::Manifest& manifest) {
  BackupSize size{manifest.raw(), {}};
  for (const artefact::TableEntry& table : manifest.tables) {
    size.tables.push_back({table.schema + "." + table.name, table.rows.rows});
  }
  return size;
}

std::optional<VerifyMode> after_backup(const BackupJobOptions& job) {
  switch (job.verify.after_backup) {
    case VerifyAfterBackup::none:
      return std::nullopt;
    case VerifyAfterBackup::quick:
      return VerifyMode::quick;
    case VerifyAfterBackup::full:
      break;
  }
  return VerifyMode::full;
}

}  // namespace

class JobRun {
 public:
  JobRun(BackupRoom& room, const Work& work, const JobSetup& job, SetupPtr setup)
      : room_(room), work_(work), job_(job), setup_(std::move(setup)) {}

  Outcome run();

 private:
  void one(const std::string& database);
  Result<Taken> take(const std::string& database);
  void record_failure(const std::string& database, const Error& error, SystemTime started_at);
  Result<> record_success(const Taken& taken, SystemTime started_at);
  Result<> judge_plausibility(const Taken& taken);
  Result<> finish(const BackupId& id, const std::string& database);
  void note(const Error& error);
  void ping(PingKind kind);

  BackupRoom& room_;
  const Work& work_;
  const JobSetup& job_;
  SetupPtr setup_;
  std::optional<ArtefactView> previous_;  // of the database at work
  Outcome outcome_;
  json::array backups_;
};

// The first error is the run's; a verdict only gets worse.
void JobRun::note(const Error& error) {
  const Verdict verdict = error.info().verdict;
  if (outcome_.verdict != Verdict::failed) outcome_.verdict = verdict;
  if (!outcome_.error) outcome_.error = error;
}

void JobRun::ping(PingKind kind) {
  const std::string& file = job_.options.ping_url_file;
  if (file.empty()) return;
  const auto sent = backup::ping(room_.tools_.http, room_.tools_.take.clock, file, kind, work_);
  if (!sent) room_.tools_.warn("backup.ping", sent.error());
}

Result<Taken> JobRun::take(const std::string& database) {
  const StoreSetup& store = *setup_->store(job_.options.store);
  const auto known = room_.catalogue_->of(job_.options.name, database);
  const auto good = std::find_if(known.rbegin(), known.rend(), [&](const ArtefactView& one) {
    return counts_as_good(one, job_.options);
  });
  previous_ = good == known.rend() ? std::nullopt : std::optional(*good);
  const TakeRequest request{
      *setup_->database(database), job_.options, *store.store,
      store.options.reserve,       previous_,    room_.tools_.staging / work_.run.str()};
  return take_backup(request, room_.tools_.take, work_);
}

void JobRun::record_failure(const std::string& database, const Error& error,
                            SystemTime started_at) {
  note(error);
  const auto recorded = room_.tools_.record(evidence::not_taken(
      job_.options.name, database, error, work_, started_at, room_.tools_.take.clock.now()));
  if (!recorded) note(recorded.error());
}

Result<> JobRun::record_success(const Taken& taken, SystemTime started_at) {
  TRY(room_.tools_.record(evidence::taken(taken, work_, started_at)));
  platform::failpoint("backup.after_ledger");
  TRY(room_.catalogue_->add(taken.artefact));
  platform::failpoint("backup.after_catalogue");
  room_.publish_view();
  return {};
}

// Against the artefact before it; a first one has nothing to be compared with.
Result<> JobRun::judge_plausibility(const Taken& taken) {
  if (!previous_) return {};
  const auto text = room_.manifest(previous_->id);
  const auto before =
      text ? artefact::Manifest::parse(*text, previous_->id) : tl::unexpected(text.error());
  if (!before) {
    room_.tools_.warn("backup.plausibility", before.error());
    return {};
  }
  const auto findings =
      compare_sizes(size_of(*before), size_of(taken.manifest), job_.options.plausibility);
  if (findings.empty()) return {};
  PlausibilityAlarm alarm{taken.artefact.id, {}, room_.tools_.take.clock.now()};
  for (const PlausibilityFinding& finding : findings) alarm.reasons.push_back(finding.text());
  ledger::Entry entry =
      evidence::about(ledger::kind::kPlausibility, taken.artefact.id, work_, alarm.since);
  entry.result = ledger::Outcome::failed;
  entry.error_code = error_info(ErrorCode::plausibility).name;
  entry.deviations = alarm.reasons;
  entry.follow_up = fmt::format("vigie backup ack {}", taken.artefact.id.str());
  TRY(room_.tools_.record(entry));
  TRY(room_.catalogue_->raise(alarm));
  room_.publish_view();
  return {};
}

// Verified, then retention: failed attempts change nothing.
Result<> JobRun::finish(const BackupId& id, const std::string& database) {
  if (const auto mode = after_backup(job_.options)) {
    const Outcome verified = room_.verify(id, *mode, work_);
    if (verified.error) return fail(*verified.error);
  }
  return room_.expire(job_, database, work_);
}

void JobRun::one(const std::string& database) {
  const SystemTime started_at = room_.tools_.take.clock.now();
  room_.set_at_work(job_.options.name, database, true);
  const auto taken = take(database);
  auto done = taken ? record_success(*taken, started_at) : Result<>();
  // What could not be recorded may still have been published.
  if (!taken || !done) room_.doubt();
  room_.set_at_work(job_.options.name, database, false);
  if (!taken) return record_failure(database, taken.error(), started_at);
  backups_.emplace_back(taken->artefact.id.str());
  if (done) done = judge_plausibility(*taken);
  if (done) done = finish(taken->artefact.id, database);
  if (!done) note(done.error());
}

Outcome JobRun::run() {
  ping(PingKind::start);
  for (const std::string& database : job_.options.databases) {
    if (work_.stop.stop_requested()) {
      note(Error(ErrorCode::cancelled, {{"reason", "asked for"}}));
      break;
    }
    one(database);
  }
  ping(outcome_.error ? PingKind::failure : PingKind::success);
  outcome_.result["backups"] = std::move(backups_);
  return std::move(outcome_);
}

Outcome BackupRoom::back_up(const std::string& job, const Work& work) {
  const SetupPtr setup = this->setup();
  const JobSetup* const found = setup->job(job);
  if (found == nullptr) {
    const Error error(ErrorCode::backup_job_not_found, {{"job", job}, {"nearest", "-"}});
    return {error.info().verdict, error, {}};
  }
  return JobRun(*this, work, *found, setup).run();
}

}  // namespace vigie::backup
