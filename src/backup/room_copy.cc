// Copies of a job's backups in its further stores: brought up to date after each backup, and by
// whoever asks for it.
#include <algorithm>

#include "backup/copy_plan.h"
#include "backup/evidence.h"
#include "backup/read_hold.h"
#include "backup/room.h"
#include "platform/failpoint.h"
#include "store/copy_artefact.h"

namespace vigie::backup {
namespace {

// Each copy is read again within it: reading from elsewhere costs more than from a disk.
constexpr Duration kCopyScrub = std::chrono::days(35);
// Each holds a part of a bucket's object in memory.
constexpr int kMostWorkers = 4;
// After an attempt that did not bring all there.
constexpr Duration kCopyAgain = std::chrono::minutes(15);

ArtefactView as_artefact(const CopyView& copy) {
  ArtefactView view;
  view.id = copy.id;
  view.store = copy.store;
  view.started_at = copy.id.started_at;
  view.stored = copy.stored;
  view.manifest_sha256 = copy.manifest_sha256;
  return view;
}

Error not_copied(const BackupId& id, const std::string& store, const Error& why) {
  return Error(ErrorCode::copy_failed,
               {{"backup", id.str()}, {"store", store}, {"reason", std::string(why.info().title)}});
}

}  // namespace

// One job and database in one further store.
class CopyRun {
 public:
  CopyRun(BackupRoom& room, const JobSetup& job, const CopyOptions& options,
          const StoreSetup& target, const std::string& database, const Work& work)
      : room_(room),
        job_(job),
        options_(options),
        target_(target.within(work.limits())),
        database_(database),
        work_(work) {
    room_.set_at_work(job_.options.name, database_, true);
  }
  CopyRun(const CopyRun&) = delete;
  CopyRun& operator=(const CopyRun&) = delete;
  ~CopyRun() { room_.set_at_work(job_.options.name, database_, false); }

  // Goes on after one that cannot be copied or verified: the first error is answered.
  Result<> run();

 private:
  Result<> look();
  Result<> remove_debris();
  Result<> look_for_gone(const std::vector<BackupId>& listed);
  Result<> take_in(const BackupId& id);
  CopyFacts facts() const;
  Result<> copy(const BackupId& id);
  Result<store::Copied> transfer(const ArtefactView& original);
  Result<> verify(const BackupId& id);
  Result<> verify_longest_unread();
  Result<> expire();
  Result<> remove(const std::vector<BackupId>& ids);
  bool is_ours(const BackupId& id) const;
  std::vector<CopyView> copies() const {
    return room_.copies_->of(target_.options.name, job_.options.name, database_);
  }
  unsigned workers() const {
    return static_cast<unsigned>(std::min(job_.options.jobs, kMostWorkers));
  }
  SystemTime now() const { return room_.tools_.take.clock.now(); }
  void note(const Result<>& done) {
    if (!done && !first_) first_ = done.error();
  }

  BackupRoom& room_;
  const JobSetup& job_;
  const CopyOptions& options_;
  const StoreSetup target_;
  const std::string& database_;
  const Work& work_;
  std::optional<Error> first_;
};

// What the catalogue has in this very store is no copy: another job setup wrote it there.
bool CopyRun::is_ours(const BackupId& id) const {
  if (id.job != job_.options.name || id.database != database_) return false;
  const auto original = room_.catalogue_->find(id);
  return !original || original->store != target_.options.name;
}

// Of a copy or a removal that was interrupted. One that was whole and has lost its manifest to
// somebody else is kept for whoever wants to look.
Result<> CopyRun::remove_debris() {
  TRY_ASSIGN(const auto debris, target_.store->debris());
  for (const BackupId& id : debris)
    if (is_ours(id) && !room_.copies_->has(target_.options.name, id))
      TRY(target_.store->remove(id));
  return {};
}

Result<> CopyRun::look_for_gone(const std::vector<BackupId>& listed) {
  for (const CopyView& one : copies()) {
    if (std::ranges::count(listed, one.id) > 0) continue;
    ledger::Entry entry = evidence::about(ledger::kind::kBackupCopy, one.id, work_, now());
    entry.subject["store"] = one.store;
    entry.ended_with(evidence::lost(as_artefact(one)));
    entry.deviations.emplace_back("the copy is gone from its store, and no expiry removed it");
    TRY(room_.tools_.record(entry));
    TRY(room_.copies_->remove(one.store, one.id));
  }
  return {};
}

// Found there: the state folder is a new one, or the process ended before it was written down.
Result<> CopyRun::take_in(const BackupId& id) {
  CopyView copy;
  copy.id = id;
  copy.store = target_.options.name;
  copy.copied_at = now();
  TRY_ASSIGN(const std::string text, store::read_manifest(*target_.store, id));
  copy.manifest_sha256 = sha256_hex(text);
  if (const auto manifest = artefact::Manifest::parse(text, id)) copy.stored = manifest->stored();
  return room_.copies_->put(copy);
}

Result<> CopyRun::look() {
  TRY(remove_debris());
  TRY_ASSIGN(const auto listed, target_.store->list());
  TRY(look_for_gone(listed));
  for (const BackupId& id : listed)
    if (is_ours(id) && !room_.copies_->has(target_.options.name, id)) note(take_in(id));
  return {};
}

CopyFacts CopyRun::facts() const {
  const SetupPtr setup = room_.setup();
  CopyFacts facts;
  for (ArtefactView& one : room_.catalogue_->of(job_.options.name, database_))
    if (counts_as_good(one, job_.options) && setup->store(one.store) != nullptr &&
        !room_.catalogue_->is_expiring(one.id) && one.store != target_.options.name)
      facts.good.push_back(std::move(one));
  facts.retention = options_.retention.value_or(job_.options.retention);
  facts.zone = job_.zone;
  return facts;
}

Result<store::Copied> CopyRun::transfer(const ArtefactView& original) {
  const SetupPtr setup = room_.setup();
  const StoreSetup* const from = setup->store(original.store);
  if (from == nullptr) return fail(ErrorCode::store_not_found, {{"store", original.store}});
  TRY_ASSIGN(const auto hold,
             ReadHold::take(*room_.catalogue_, original.id, "being copied", now()));
  TRY_ASSIGN(const auto recorded, room_.recorded(original.id));
  TRY_ASSIGN(const auto source, from->within(work_.limits()).store->open(original.id));
  // What is damaged there is replaced.
  if (room_.copies_->has(target_.options.name, original.id))
    TRY(target_.store->remove(original.id));
  store::CopyRequest request{*source,     *target_.store,
                             original.id, recorded.value_or(original.manifest_sha256),
                             workers(),   work_.limits()};
  const std::string subject = original.id.str();
  request.progress = [&](Bytes done, Bytes total) {
    work_.progress({"copy", subject, done, total});
  };
  return store::copy_artefact(request, room_.tools_.take.clock);
}

// However it ends, it leaves an entry.
Result<> CopyRun::copy(const BackupId& id) {
  TRY_ASSIGN(const ArtefactView original, room_.catalogue_->get(id));
  const SystemTime began = now();
  const auto copied = transfer(original);
  platform::failpoint("backup.after_copy");
  ledger::Entry entry = evidence::entry(ledger::kind::kBackupCopy, work_, began, now());
  entry.subject = {{"job", id.job},
                   {"database", id.database},
                   {"backup", id.str()},
                   {"store", target_.options.name}};
  entry.result = ledger::Outcome::passed;
  entry.artefacts.push_back({id.str(), original.manifest_sha256, original.stored});
  entry.measures = {{"stored_bytes", original.stored.count}};
  if (!copied) entry.ended_with(copied.error());
  TRY(room_.tools_.record(entry));
  if (!copied) {
    // Then it is the original that is bad.
    if (copied.error().info().error_class == "integrity")
      (void)room_.verify(id, VerifyMode::full, work_);
    return fail(not_copied(id, target_.options.name, copied.error()));
  }
  CopyView view;
  view.id = id;
  view.store = target_.options.name;
  view.copied_at = now();
  view.stored = copied->manifest.stored();
  view.manifest_sha256 = copied->manifest_sha256;
  TRY(room_.copies_->put(view));
  return job_.options.verify.after_backup == VerifyAfterBackup::none ? Result<>() : verify(id);
}

// Read back from where it lies, to the last byte.
Result<> CopyRun::verify(const BackupId& id) {
  auto copy = room_.copies_->find(target_.options.name, id);
  if (!copy) return {};
  const SystemTime began = now();
  TRY_ASSIGN(const auto source, target_.store->open(id));
  TRY_ASSIGN(const auto recorded, room_.recorded(id));
  artefact::VerifyRequest request;
  request.id = id;
  request.expected_manifest_sha256 = recorded.value_or(copy->manifest_sha256);
  request.workers = workers();
  request.deadline = work_.deadline;
  request.stop = work_.stop;
  request.progress = [&](const artefact::VerifyProgress& p) {
    work_.progress({"verify copy", id.str(), p.done, p.total});
  };
  TRY_ASSIGN(const auto report, artefact::verify(*source, room_.tools_.take.clock, request));
  ledger::Entry entry =
      evidence::verified(as_artefact(*copy), VerifyMode::full, report, work_, began, now());
  if (target_.off_host()) entry.kind = ledger::kind::kCopyVerify;
  TRY(room_.tools_.record(entry));
  const std::string code =
      report.findings.empty() ? "" : std::string(report.findings.front().info().name);
  const Verification verification{report.result, VerifyMode::full, now(), code};
  copy->last_verification = last_standing(copy->last_verification, verification);
  if (report.result == Verdict::passed) copy->fully_verified_at = verification.at;
  TRY(room_.copies_->put(*copy));
  if (report.result == Verdict::passed) return {};
  return fail(not_copied(id, target_.options.name, report.findings.front()));
}

Result<> CopyRun::verify_longest_unread() {
  std::optional<CopyView> next;
  for (const CopyView& one : copies()) {
    const SystemTime read = one.last_verification ? one.last_verification->at : SystemTime::min();
    const bool due = read == SystemTime::min() || read + kCopyScrub <= now();
    const bool longer =
        !next || read < (next->last_verification ? next->last_verification->at : SystemTime::min());
    if (due && longer) next = one;
  }
  return next ? verify(next->id) : Result<>();
}

// Written down first: what a crash leaves is found as a copy again, and never missed.
Result<> CopyRun::remove(const std::vector<BackupId>& ids) {
  std::vector<ArtefactView> gone;
  for (const BackupId& id : ids)
    if (const auto copy = room_.copies_->find(target_.options.name, id))
      gone.push_back(as_artefact(*copy));
  ledger::Entry entry =
      evidence::pruned(job_.options.name, database_, gone, copies().size() - gone.size(),
                       std::nullopt, work_, now(), now());
  entry.subject["store"] = target_.options.name;
  TRY(room_.tools_.record(entry));
  for (const BackupId& id : ids) {
    TRY(room_.copies_->remove(target_.options.name, id));
    TRY(target_.store->remove(id));
  }
  return {};
}

Result<> CopyRun::expire() {
  if (room_.catalogue_->alarm(job_.options.name, database_)) return {};
  const auto copies = this->copies();
  CopyFacts facts = this->facts();
  facts.copies = copies;
  // While one is dated in the future a clock is wrong, and nothing goes.
  if (std::ranges::any_of(
          copies, [&](const CopyView& one) { return as_artefact(one).is_of_the_future(now()); }))
    return {};
  std::vector<BackupId> held;
  for (const CopyView& one : copies)
    if (const auto original = room_.catalogue_->find(one.id); original && !original->holds.empty())
      held.push_back(one.id);
  const auto expired = expired_copies(facts, held);
  return expired.empty() ? Result<>() : remove(expired);
}

Result<> CopyRun::run() {
  TRY(look());
  const auto before = copies();
  CopyFacts facts = this->facts();
  facts.copies = before;
  for (const BackupId& id : missing_copies(facts)) {
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    note(copy(id));
  }
  note(verify_longest_unread());
  note(expire());
  if (first_) return fail(*first_);
  return {};
}

Outcome BackupRoom::copy_database(const JobSetup& job, const std::string& database,
                                  const Work& work) {
  Outcome outcome;
  const SetupPtr setup = this->setup();
  for (const CopyOptions& one : job.options.copies) {
    const StoreSetup* const target = setup->store(one.store);
    if (target == nullptr) continue;  // another configuration is in force by now
    const auto done = CopyRun(*this, job, one, *target, database, work).run();
    const auto noted =
        copies_->note_attempt({job.options.name, database, one.store, tools_.take.clock.now(),
                               done ? std::string() : std::string(done.error().info().name)});
    if (!done) outcome.note(done.error().info().verdict, done.error());
    if (!noted) outcome.note(noted.error().info().verdict, noted.error());
    publish_view();
  }
  return outcome;
}

Outcome BackupRoom::copy(const std::string& job, const Work& work) {
  const SetupPtr setup = this->setup();
  const JobSetup* const found = setup->job(job);
  if (found == nullptr) {
    const Error error(ErrorCode::backup_job_not_found, {{"job", job}});
    return {error.info().verdict, error, {}};
  }
  Outcome outcome;
  for (const std::string& database : found->options.databases) {
    if (work.stop.stop_requested()) break;
    const Outcome one = copy_database(*found, database, work);
    outcome.note(one.verdict, one.error);
  }
  const auto copies = copies_->all();
  outcome.result = {{"copies", std::ranges::count_if(copies, [&](const CopyView& one) {
                       return one.id.job == job;
                     })}};
  return outcome;
}

std::optional<std::string> BackupRoom::next_copy() const {
  const SystemTime now = tools_.take.clock.now();
  for (const CopyAttempt& one : copies_->attempts()) {
    const SetupPtr setup = this->setup();
    const JobSetup* const job = setup->job(one.job);
    const bool wanted = job != nullptr &&
                        std::ranges::count(job->options.copies, one.store, &CopyOptions::store) > 0;
    // A clock that went backwards does not stop it.
    if (wanted && !one.error_code.empty() && (one.at + kCopyAgain <= now || one.at > now))
      return one.job;
  }
  return std::nullopt;
}

}  // namespace vigie::backup
