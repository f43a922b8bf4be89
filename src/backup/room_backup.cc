// A run of a backup job: each of its databases, one after another.
#include <fmt/format.h>

#include "backup/evidence.h"
#include "backup/ping.h"
#include "backup/room.h"

namespace vigie::backup {
namespace {

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

Error error_of(const PlausibilityAlarm& alarm) {
  return Error(find_error_info(alarm.error_code)->code,
               {{"job", alarm.backup.job},
                {"database", alarm.backup.database},
                {"backup", alarm.backup.str()},
                {"reason", fmt::format("{}", fmt::join(alarm.reasons, "; "))}});
}

Error gave_way(const std::string& database, int times) {
  return Error(ErrorCode::dump_gave_way,
               {{"database", database}, {"observed", fmt::format("{}", times)}});
}

}  // namespace

class JobRun {
 public:
  // Keeps those who clean and compare away from what this run has in hand.
  class AtWork {
   public:
    AtWork(BackupRoom& room, const std::string& job, const std::string& database)
        : room_(room), job_(job), database_(database) {
      room_.set_at_work(job_, database_, true);
    }
    AtWork(const AtWork&) = delete;
    AtWork& operator=(const AtWork&) = delete;
    ~AtWork() { room_.set_at_work(job_, database_, false); }

   private:
    BackupRoom& room_;
    const std::string& job_;
    const std::string& database_;
  };

  JobRun(BackupRoom& room, const Work& work, const JobSetup& job, SetupPtr setup)
      : room_(room), work_(work), job_(job), setup_(std::move(setup)) {}

  Outcome run();

 private:
  void one(const std::string& database);
  Result<Taken> take(const std::string& database);
  Result<Taken> take_once(const std::string& database);
  bool is_short() const;
  bool make_room();
  void record_failure(const std::string& database, const Error& error, SystemTime started_at);
  Result<> record_success(const Taken& taken, SystemTime started_at);
  void finish(const BackupId& id, const std::string& database);
  void note(const Error& error) { outcome_.note(error.info().verdict, error); }
  void ping(PingKind kind);

  BackupRoom& room_;
  const Work& work_;
  const JobSetup& job_;
  SetupPtr setup_;
  std::optional<ArtefactView> previous_;  // of the database at work
  Outcome outcome_;
  json::array backups_;
};

void JobRun::ping(PingKind kind) {
  const std::string& file = job_.options.ping_url_file;
  if (file.empty()) return;
  const auto sent = backup::ping(room_.tools_.http, room_.tools_.take.clock, file, kind, work_);
  if (!sent) room_.tools_.warn("backup.ping", sent.error());
}

// Would what the last backup took bring the store below its reserve?
bool JobRun::is_short() const {
  const StoreSetup& store = *setup_->store(job_.options.store);
  if (!store.store->features().knows_space || !previous_ || !previous_->is_read()) return false;
  const auto space = store.store->space();
  return space && !judge_space({store.options.name, space->total, space->available,
                                store.options.reserve.of(space->total), previous_->stored})
                       .empty();
}

// What retention has expired goes, never below min_good. True when something is gone.
bool JobRun::make_room() {
  size_t gone = 0;
  for (const std::string& database : job_.options.databases) {
    if (room_.plan_for(job_, database).expired().empty()) continue;
    const auto expired = room_.expire(job_.options.name, database, work_);
    if (expired.error) room_.tools_.warn("backup.make_room", *expired.error);
    gone += expired.gone;
  }
  return gone > 0;
}

// For want of space it is tried once more, when there was something to remove.
Result<Taken> JobRun::take(const std::string& database) {
  previous_ = baseline(room_.catalogue_->of(job_.options.name, database), job_.options);
  if (!previous_) previous_ = room_.copies_->newest(job_, database, work_.limits());
  if (is_short()) (void)make_room();
  const SystemTime started_at = room_.tools_.take.clock.now();
  auto taken = take_once(database);
  const bool no_space = !taken && (taken.error().code() == ErrorCode::disk_full ||
                                   taken.error().code() == ErrorCode::space_reserve);
  if (!no_space || work_.stop.stop_requested() || !make_room()) return taken;
  TRY(room_.tools_.record(evidence::not_taken(job_.options.name, database, taken.error(), work_,
                                              started_at, room_.tools_.take.clock.now())));
  return take_once(database);
}

Result<Taken> JobRun::take_once(const std::string& database) {
  const StoreSetup store = setup_->store(job_.options.store)->within(work_.limits());
  const auto is_used = [this](const BackupId& id) {
    const auto recorded = room_.recorded(id);
    return recorded &&
           *recorded;  // evidence that cannot be read must not keep a backup from being taken
  };
  const TakeRequest request{*setup_->database(database),
                            job_.options,
                            *store.store,
                            store.options.reserve,
                            previous_,
                            room_.tools_.staging / work_.run.str(),
                            is_used};
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
  const auto alarm = room_.judge(taken.manifest, previous_, job_.options.plausibility);
  if (alarm) outcome_.tell("alarms", taken.artefact.id.database, {error_of(*alarm)});
  TRY(room_.tools_.record(evidence::taken(taken, work_, started_at)));
  TRY(room_.enter(taken.artefact, alarm, work_));
  room_.publish_view();
  return {};
}

// Verified, then retention: failed attempts change nothing.
void JobRun::finish(const BackupId& id, const std::string& database) {
  if (const auto mode = after_backup(job_.options)) {
    const Outcome verified = room_.verify(id, *mode, work_);
    outcome_.note(verified.verdict, verified.error);
    if (verified.verdict != Verdict::passed) return;
  }
  const auto expired = room_.expire(job_.options.name, database, work_);
  if (expired.error) note(*expired.error);
}

void JobRun::one(const std::string& database) {
  const SystemTime started_at = room_.tools_.take.clock.now();
  const StoreSetup store = setup_->store(job_.options.store)->within(work_.limits());
  const auto earlier = room_.take_in_earlier(store, job_.options.name, database, work_);
  if (!earlier) room_.tools_.warn("backup.earlier", earlier.error());
  std::optional<AtWork> at_work(std::in_place, room_, job_.options.name, database);
  const auto taken = take(database);
  const auto done = taken ? record_success(*taken, started_at) : Result<>();
  // What could not be recorded may still have been published, and an attempt that came to nothing
  // may have left something behind.
  if (!taken || !done) room_.doubt();
  if (!taken || taken->gave_way > 0) room_.clean_again();
  at_work.reset();
  if (!taken) return record_failure(database, taken.error(), started_at);
  backups_.emplace_back(taken->artefact.id.str());
  outcome_.warn(database, taken->warnings);
  if (taken->gave_way > 0) outcome_.tell("notes", database, {gave_way(database, taken->gave_way)});
  if (!done) return note(done.error());
  finish(taken->artefact.id, database);
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
  ping(outcome_.verdict == Verdict::passed ? PingKind::success : PingKind::failure);
  outcome_.result["backups"] = std::move(backups_);
  return std::move(outcome_);
}

Outcome BackupRoom::back_up(const std::string& job, const Work& work) {
  const SetupPtr setup = this->setup();
  const auto named = setup->get_job(job);
  if (!named) return Outcome::of(named.error());
  const JobSetup& found = **named;
  return JobRun(*this, work, found, setup).run();
}

}  // namespace vigie::backup
