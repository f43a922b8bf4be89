#include "backup/copy_run.h"

#include <algorithm>

#include "backup/evidence.h"
#include "backup/read_hold.h"
#include "platform/failpoint.h"

namespace vigie::backup {
namespace {

// Each copy is read again within it: reading from elsewhere costs more than from a disk.
constexpr Duration kCopyScrub = std::chrono::days(35);
// Each holds a part of a bucket's object in memory.
constexpr int kMostWorkers = 4;

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
  return Error(ErrorCode::copy_failed, {{"backup", id.str()},
                                        {"job", id.job},
                                        {"store", store},
                                        {"reason", std::string(why.info().title)}});
}

}  // namespace

CopyRun::CopyRun(BackupRoom& room, const JobSetup& job, const CopyOptions& options,
                 const StoreSetup& target, const std::string& database, const Work& work)
    : room_(room),
      job_(job),
      options_(options),
      target_(target.within(work.limits())),
      database_(database),
      work_(work) {
  room_.set_at_work(job_.options.name, database_, true);
}

CopyRun::~CopyRun() {
  room_.set_at_work(job_.options.name, database_, false);
}

unsigned CopyRun::workers() const {
  return static_cast<unsigned>(std::min(job_.options.jobs, kMostWorkers));
}

SystemTime CopyRun::now() const {
  return room_.tools_.take.clock.now();
}

// What the catalogue has in this very store is no copy: it was written there, or found as one.
bool CopyRun::is_ours(const BackupId& id) const {
  if (id.job != job_.options.name || id.database != database_) return false;
  const auto original = room_.catalogue_->find(id);
  return !original || original->store != target_.options.name;
}

// By somebody, or because its original is lost and nobody has said that this is well. What only
// reads it holds nothing for good.
bool CopyRun::is_held(const BackupId& id) const {
  if (room_.catalogue_->is_lost(id)) return true;
  const auto original = room_.catalogue_->find(id);
  return original &&
         std::ranges::any_of(original->holds, [](const Hold& hold) { return hold.kind != "read"; });
}

std::vector<CopyView> CopyRun::copies() const {
  auto all = room_.copies_->of(target_.options.name, job_.options.name, database_);
  std::erase_if(all, [this](const CopyView& one) { return !is_ours(one.id); });
  return all;
}

bool CopyRun::is_newest(const BackupId& id) const {
  return std::ranges::none_of(copies(), [&](const CopyView& one) { return id < one.id; });
}

ledger::Entry CopyRun::entry_of(const CopyView& copy, std::string_view act,
                                SystemTime began) const {
  ledger::Entry entry = evidence::entry(ledger::kind::kBackupCopy, work_, began, now());
  entry.subject = {{"job", copy.id.job},
                   {"database", copy.id.database},
                   {"backup", copy.id.str()},
                   {"store", target_.options.name},
                   {"act", act}};
  entry.result = ledger::Outcome::passed;
  entry.artefacts.push_back({copy.id.str(), copy.manifest_sha256, copy.stored});
  entry.measures = {{"stored_bytes", copy.stored.count}};
  return entry;
}

// Of a copy that was interrupted, while its original is good and there to be copied again. What was
// whole and has lost its manifest to somebody else is kept for whoever wants to look.
void CopyRun::remove_debris(const std::vector<BackupId>& debris) {
  const CopyFacts facts = this->facts();
  for (const BackupId& id : debris) {
    const bool again = std::ranges::count(facts.good, id, &ArtefactView::id) > 0;
    if (is_ours(id) && again && !room_.copies_->has(target_.options.name, id))
      note(target_.store->remove(id));
  }
}

// One whose manifest is there has not begun to go, and the next plan decides.
Result<> CopyRun::finish_expiry(const CopyView& copy, bool whole) {
  if (!whole) {
    TRY(target_.store->remove(copy.id));
    return room_.copies_->remove(copy.store, copy.id);
  }
  CopyView kept = copy;
  kept.expiring = false;
  return room_.copies_->put(kept);
}

Result<> CopyRun::tell_gone(const CopyView& copy) {
  ledger::Entry entry = entry_of(copy, "gone", now());
  entry.ended_with(evidence::lost(as_artefact(copy)));
  entry.deviations.emplace_back("the copy is gone from its store, and no expiry removed it");
  TRY(room_.tools_.record(entry));
  return room_.copies_->remove(copy.store, copy.id);
}

// The list may be of a mount that went meanwhile.
Result<> CopyRun::look_again(const CopyView& copy) {
  TRY_ASSIGN(const bool there, target_.store->exists(copy.id));
  return there ? Result<>() : tell_gone(copy);
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
  TRY_ASSIGN(const auto listed, target_.store->list());
  TRY_ASSIGN(const auto debris, target_.store->debris());
  remove_debris(debris);
  for (const CopyView& one : copies()) {
    const bool whole = std::ranges::count(listed, one.id) > 0;
    if (one.expiring)
      note(finish_expiry(one, whole));
    else if (!whole)
      note(look_again(one));
  }
  for (const BackupId& id : listed)
    if (is_ours(id) && !room_.copies_->has(target_.options.name, id)) note(take_in(id));
  return {};
}

CopyFacts CopyRun::facts() const {
  const SetupPtr setup = room_.setup();
  CopyFacts facts;
  for (ArtefactView& one : room_.catalogue_->of(job_.options.name, database_)) {
    if (is_held(one.id)) facts.held.push_back(one.id);
    if (counts_as_good(one, job_.options) && setup->store(one.store) != nullptr &&
        !room_.catalogue_->is_expiring(one.id) && one.store != target_.options.name)
      facts.good.push_back(std::move(one));
  }
  facts.retention = options_.retention.value_or(job_.options.retention);
  facts.zone = job_.zone;
  return facts;
}

// Of what the store says; a bucket says nothing.
Result<> CopyRun::check_space(const ArtefactView& original) const {
  if (!target_.store->features().knows_space) return {};
  TRY_ASSIGN(const platform::Space space, target_.store->space());
  const Bytes reserve = target_.options.reserve.of(space.total);
  if (space.available.count >= reserve.count + original.stored.count) return {};
  return fail(ErrorCode::space_reserve, {{"store", target_.options.name},
                                         {"observed", format_bytes(space.available)},
                                         {"expected", format_bytes(reserve)}});
}

// The damaged one goes when its original is known to be whole, and not before.
Result<> CopyRun::clear_damaged(const ArtefactView& original) {
  if (!room_.copies_->has(target_.options.name, original.id)) return {};
  const Outcome whole = room_.verify(original.id, VerifyMode::full, work_);
  if (whole.error) return fail(*whole.error);
  TRY(target_.store->remove(original.id));
  return room_.copies_->remove(target_.options.name, original.id);
}

Result<store::Copied> CopyRun::transfer(const ArtefactView& original,
                                        std::unique_ptr<artefact::ArtefactSource> source) {
  TRY(check_space(original));
  TRY(clear_damaged(original));
  TRY_ASSIGN(const auto recorded, room_.recorded(original.id));
  store::CopyRequest request{*source,     *target_.store,
                             original.id, recorded.value_or(original.manifest_sha256),
                             workers(),   work_.limits()};
  const std::string subject = original.id.str();
  request.progress = [&](Bytes done, Bytes total) {
    work_.progress({"copy", subject, done, total});
  };
  return store::copy_artefact(request, room_.tools_.take.clock);
}

// However it ends, it leaves an entry; only what is not to leave this host leaves none.
Result<> CopyRun::copy(const BackupId& id) {
  TRY_ASSIGN(auto reading, room_.read(id, "being copied", work_.limits()));
  TRY_ASSIGN(const std::string text, artefact::read_stored(*reading.source, artefact::kManifestName,
                                                           artefact::kMaxManifestBytes));
  const auto manifest = artefact::Manifest::parse(text, id);
  // It was taken before the job was told to encrypt.
  if (manifest && job_.options.encryption.wanted() && !manifest->encrypted()) return {};
  const SystemTime began = now();
  const auto copied = transfer(reading.artefact, std::move(reading.source));
  platform::failpoint("backup.after_copy");
  CopyView view;
  view.id = id;
  view.store = target_.options.name;
  view.copied_at = now();
  view.stored = reading.artefact.stored;
  view.manifest_sha256 = reading.manifest_sha256;
  ledger::Entry entry = entry_of(view, "copy", began);
  if (!copied) entry.ended_with(copied.error());
  TRY(room_.tools_.record(entry));
  if (!copied) {
    // Then it is the original that is bad.
    if (copied.error().info().error_class == "integrity")
      (void)room_.verify(id, VerifyMode::full, work_);
    return fail(not_copied(id, target_.options.name, copied.error()));
  }
  view.manifest_sha256 = copied->manifest_sha256;
  TRY(room_.copies_->put(view));
  return read(id);
}

Result<artefact::VerifyReport> CopyRun::read_back(const CopyView& copy) {
  TRY_ASSIGN(const auto source, target_.store->open(copy.id));
  TRY_ASSIGN(const auto recorded, room_.recorded(copy.id));
  artefact::VerifyRequest request;
  request.id = copy.id;
  request.expected_manifest_sha256 = recorded.value_or(copy.manifest_sha256);
  request.workers = workers();
  request.deadline = work_.deadline;
  request.stop = work_.stop;
  const std::string subject = copy.id.str();
  request.progress = [&](const artefact::VerifyProgress& p) {
    work_.progress({"read copy", subject, p.done, p.total});
  };
  TRY_ASSIGN(auto report, artefact::verify(*source, room_.tools_.take.clock, request));
  // What is missing in a store that went meanwhile says nothing of the copy.
  if (report.result != Verdict::passed) {
    TRY_ASSIGN(const bool there, target_.store->exists(copy.id));
    if (!there) return fail(ErrorCode::backup_not_found, {{"backup", subject}});
  }
  return report;
}

// Read from where it lies, to the last byte.
Result<> CopyRun::read(const BackupId& id) {
  auto copy = room_.copies_->find(target_.options.name, id);
  if (!copy) return {};
  const SystemTime began = now();
  const auto report = read_back(*copy);
  if (!report) return fail(not_copied(id, target_.options.name, report.error()));
  ledger::Entry entry =
      evidence::verified(as_artefact(*copy), VerifyMode::full, *report, work_, began, now());
  const bool counts = target_.off_host() && is_newest(id);
  entry.kind = counts ? ledger::kind::kCopyVerify : ledger::kind::kBackupCopy;
  entry.subject["act"] = "read";
  TRY(room_.tools_.record(entry));
  const std::string code =
      report->findings.empty() ? "" : std::string(report->findings.front().info().name);
  const Verification verification{report->result, VerifyMode::full, now(), code};
  copy->last_verification = last_standing(copy->last_verification, verification);
  if (report->result == Verdict::passed) copy->fully_verified_at = verification.at;
  TRY(room_.copies_->put(*copy));
  if (report->result == Verdict::passed) return {};
  return fail(not_copied(id, target_.options.name, report->findings.front()));
}

// Those of which nobody knows, and those that were read long ago.
void CopyRun::read_what_is_due() {
  for (const CopyView& one : copies()) {
    if (work_.stop.stop_requested()) return;
    const auto& last = one.last_verification;
    const bool unknown = !last || last->result == Verdict::could_not_verify;
    if (unknown || last->at + kCopyScrub <= now()) note(read(one.id));
  }
}

// What expires is written down first, then it goes, then the entry says what went.
Result<> CopyRun::remove(const std::vector<BackupId>& ids) {
  const SystemTime began = now();
  for (const BackupId& id : ids) {
    auto copy = room_.copies_->find(target_.options.name, id);
    if (!copy) continue;
    copy->expiring = true;
    TRY(room_.copies_->put(*copy));
    const auto gone = target_.store->remove(id);
    platform::failpoint("backup.after_copy_remove");
    ledger::Entry entry = entry_of(*copy, "expire", began);
    if (!gone) entry.ended_with(gone.error());
    TRY(room_.tools_.record(entry));
    if (!gone) return fail(not_copied(id, target_.options.name, gone.error()));
    TRY(room_.copies_->remove(target_.options.name, id));
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
  for (const CopyView& one : copies)
    if (is_held(one.id)) facts.held.push_back(one.id);
  const auto expired = expired_copies(facts);
  return expired.empty() ? Result<>() : remove(expired);
}

// Under another name it may be the very store of the originals: nothing in it is a copy.
Result<> CopyRun::refuse_itself() const {
  const auto own = room_.catalogue_->store_id(target_.options.name);
  for (const ArtefactView& one : facts().good) {
    if (!own || room_.catalogue_->store_id(one.store) != own) continue;
    return fail(ErrorCode::store_foreign, {{"store", target_.options.name},
                                           {"reason", "it is the store " + one.store + " itself"},
                                           {"observed", "this state folder"},
                                           {"path", "-"},
                                           {"host", "-"}});
  }
  return {};
}

Result<> CopyRun::run() {
  // As each backup does: one that is new is marked as ours. One that is full takes no more, and
  // must all the same be able to give up what expires.
  const auto writable = target_.store->probe(job_.options.name);
  note(writable);
  TRY(refuse_itself());
  TRY(look());
  const auto before = copies();
  CopyFacts facts = this->facts();
  facts.copies = before;
  for (const BackupId& id : writable ? missing_copies(facts) : std::vector<BackupId>()) {
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    note(copy(id));
  }
  read_what_is_due();
  note(expire());
  if (first_) return fail(*first_);
  return {};
}

}  // namespace vigie::backup
