// Verifying what lies in the stores.
#include "backup/evidence.h"
#include "backup/read_hold.h"
#include "backup/room.h"
#include "backup/scrub.h"
#include "backup/verify_stored.h"

namespace vigie::backup {
namespace {

// One that is bad is read again in its turn, not at once: it would keep the others from theirs.
// What is dated in the future says nothing: nobody knows when that was.
SystemTime last_read(const ArtefactView& artefact, SystemTime now) {
  SystemTime last;
  const auto look = [&](SystemTime at) {
    if (at <= now) last = std::max(last, at);
  };
  look(artefact.ended_at);
  if (artefact.fully_verified_at) look(*artefact.fully_verified_at);
  const auto& verification = artefact.last_verification;
  if (verification && verification->mode == VerifyMode::full) look(verification->at);
  return last;
}

// One whose reading came to nothing waits two days, or its period: it would be the most overdue for
// ever, and none of the others would be read.
SystemTime as_if_read(SystemTime offered, Duration period) {
  return offered - period + std::min<Duration>(period, std::chrono::days(2));
}

// Work that ended early says nothing about the artefact, unless it is gone.
Error stopped_by(const ArtefactView& artefact, const Error& error) {
  return error.code() == ErrorCode::backup_not_found ? evidence::lost(artefact) : error;
}

}  // namespace

Result<artefact::VerifyReport> BackupRoom::read_again(const ArtefactView& artefact, VerifyMode mode,
                                                      const Work& work) {
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  TRY_ASSIGN(const auto recorded, this->recorded(artefact.id));
  // A ledger that lost its entry: the catalogue still knows what was published.
  return verify_stored({.store = *store,
                        .id = artefact.id,
                        .manifest_sha256 = recorded.value_or(artefact.manifest_sha256),
                        .mode = mode},
                       tools_.take.clock, work);
}

// Known as read: else the next scrub would be of this one again, and never of another.
Outcome BackupRoom::not_verified(const ArtefactView& artefact, VerifyMode mode, const Error& error,
                                 const Work& work) {
  const bool gone = error.code() == ErrorCode::backup_lost;
  Outcome outcome{gone ? Verdict::failed : Verdict::could_not_verify, error, {}};
  if (gone) {
    if (const auto missed = miss(artefact, work); !missed) doubt();
  } else if (error.code() != ErrorCode::cancelled) {
    // A store that does not answer at all says nothing of this artefact.
    const SetupPtr setup = this->setup();
    const StoreSetup* const store = setup->store(artefact.store);
    const bool mute = store != nullptr && !store::answers(*store->store);
    const ErrorCode code = mute ? ErrorCode::store_unreachable : error.code();
    (void)catalogue_->record(artefact.id, {Verdict::could_not_verify, mode, tools_.take.clock.now(),
                                           std::string(error_info(code).name)});
  }
  return outcome;
}

Result<Reading> BackupRoom::read(const BackupId& id, std::string reason, const CallLimits& limits) {
  TRY_ASSIGN(auto artefact, catalogue_->get(id));
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  TRY_ASSIGN(auto hold,
             ReadHold::take(*catalogue_, id, std::move(reason), tools_.take.clock.now()));
  TRY_ASSIGN(const auto recorded, this->recorded(id));
  TRY_ASSIGN(auto source, store->store->within(limits)->open(id));
  std::string sha256 = recorded.value_or(artefact.manifest_sha256);
  return Reading{std::move(hold), std::move(artefact), std::move(sha256), std::move(source)};
}

Outcome BackupRoom::verify(const BackupId& id, VerifyMode mode, const Work& work) {
  auto outcome = read_and_record(id, mode, ledger::kind::kBackupVerify, work);
  publish_view();
  return outcome;
}

Outcome BackupRoom::scrub(const BackupId& id, const Work& work) {
  auto outcome = read_and_record(id, VerifyMode::full, ledger::kind::kScrub, work);
  publish_view();
  return outcome;
}

bool BackupRoom::is_newest(const BackupId& id) const {
  const auto all = catalogue_->of(id.job, id.database);
  return all.empty() || all.back().id <= id;
}

// What lies off the host has shown one thing more: that a whole one lies there. An older one says
// nothing of what a fire leaves.
Result<> BackupRoom::record_reading(ledger::Entry entry, const BackupId& id,
                                    const std::string& store, VerifyMode mode) {
  if (!is_newest(id)) entry.subject["older"] = true;
  TRY(tools_.record(entry));
  const SetupPtr setup = this->setup();
  const StoreSetup* const found = setup->store(store);
  const bool off_host = found != nullptr && found->off_host();
  if (mode != VerifyMode::full || !off_host || !is_newest(id)) return {};
  entry.kind = ledger::kind::kCopyVerify;
  return tools_.record(entry);
}

// However it ends, it leaves an entry; only an artefact that there is not, or is expiring, leaves
// none.
Outcome BackupRoom::read_and_record(const BackupId& id, VerifyMode mode, std::string_view kind,
                                    const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  const auto artefact = catalogue_->get(id);
  if (!artefact) return Outcome::of(artefact.error());
  const auto hold = ReadHold::take(*catalogue_, id, "being verified", started_at);
  if (!hold) return Outcome::of(hold.error());
  const auto report = read_again(*artefact, mode, work);
  const SystemTime ended_at = tools_.take.clock.now();
  ledger::Entry entry = evidence::verified(
      *artefact, mode, report ? *report : artefact::VerifyReport{}, work, started_at, ended_at);
  entry.kind = kind;
  const auto reason = report ? reason_of(*report) : stopped_by(*artefact, report.error());
  if (reason) entry.error_code = reason->info().name;
  if (!report && reason->code() == ErrorCode::backup_lost) entry.ended_with(*reason);
  const auto recorded = record_reading(std::move(entry), id, artefact->store, mode);
  // Damage that was found is known, also when it cannot be written down.
  const bool damaged = report && report->result == Verdict::failed;
  if (!recorded && !damaged) return Outcome::of(recorded.error());
  if (!report) return not_verified(*artefact, mode, *reason, work);

  Outcome outcome{report->result,
                  report->result == Verdict::passed ? std::nullopt : reason,
                  {{"backup", id.str()}, {"findings", report->findings_total}}};
  const std::string code = reason ? std::string(reason->info().name) : "";
  if (const auto noted = catalogue_->record(id, {report->result, mode, ended_at, code}); !noted) {
    return Outcome::of(noted.error());
  }
  if (!recorded) return Outcome::of(recorded.error());
  return outcome;
}

// Those that can be read, and when they were.
std::vector<ScrubCandidate> BackupRoom::scrub_candidates(SystemTime now) const {
  const SetupPtr setup = this->setup();
  std::vector<ScrubCandidate> candidates;
  for (const ArtefactView& one : catalogue_->all()) {
    if (setup->store(one.store) == nullptr || catalogue_->is_expiring(one.id)) continue;
    // What its job leaves behind is kept, and read like the rest.
    const JobSetup* const job = setup->job(one.id.job);
    const Duration period = job ? job->options.verify.scrub : VerifyOptions().scrub;
    if (period > Duration::zero())
      candidates.push_back(
          {one.id, last_read(one, now), period, job ? job->zone : platform::TimeZone()});
  }
  return candidates;
}

std::optional<BackupId> BackupRoom::next_scrub() {
  const SystemTime now = tools_.take.clock.now();
  auto candidates = scrub_candidates(now);
  const std::lock_guard lock(mutex_);
  std::map<BackupId, SystemTime> offered;  // without those that are gone
  for (ScrubCandidate& one : candidates) {
    const auto found = offered_.find(one.id);
    // A clock that went backwards does not stop the reading.
    if (found == offered_.end() || found->second > now) continue;
    one.last_read = std::max(one.last_read, as_if_read(found->second, one.period));
    offered.insert(*found);
  }
  auto next = due_scrub(candidates, now, last_scrub_);
  if (next) last_scrub_ = offered[*next] = now;
  offered_ = std::move(offered);
  return next;
}

// The newer one: a drill of old backups must not free the last one that is known to restore.
Result<> BackupRoom::hold_drilled(const BackupId& id, const Work& work) {
  constexpr std::string_view kDrill = "drill";
  TRY(catalogue_->get(id));
  std::vector<BackupId> older;
  for (const ArtefactView& one : view()->artefacts) {
    const bool held = std::ranges::count(one.holds, kDrill, &Hold::kind) > 0;
    const bool alike = one.id.job == id.job && one.id.database == id.database && one.id != id;
    if (!held || !alike) continue;
    if (one.id.started_at > id.started_at) return {};
    older.push_back(one.id);
  }
  TRY(catalogue_->hold(
      id, {std::string(kDrill), "the last that a drill restored; run " + work.run.str(),
           tools_.take.clock.now()}));
  for (const BackupId& one : older) TRY(catalogue_->release(one, kDrill));
  publish_view();
  return {};
}

}  // namespace vigie::backup
