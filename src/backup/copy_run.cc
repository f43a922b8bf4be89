#include "backup/copy_run.h"

#include <algorithm>
#include <set>

#include "backup/evidence.h"
#include "backup/verify_stored.h"
#include "platform/failpoint.h"

namespace vigie::backup {
namespace {

// Each holds a part of a bucket's object in memory.
constexpr int kMostWorkers = 4;

Error not_copied(const BackupId& id, const std::string& store, const Error& why) {
  return Error(ErrorCode::copy_failed, {{"backup", id.str()},
                                        {"job", id.job},
                                        {"store", store},
                                        {"reason", std::string(why.info().title)}});
}

}  // namespace

ArtefactView as_artefact(const CopyView& copy) {
  ArtefactView view;
  view.id = copy.id;
  view.store = copy.store;
  view.started_at = copy.id.started_at;
  view.stored = copy.stored;
  view.manifest_sha256 = copy.manifest_sha256;
  return view;
}

CopyRun::CopyRun(const Originals& originals, CopyBook& book, const CopyPlace& place,
                 const Work& work)
    : originals_(originals),
      book_(book),
      job_(place.job),
      options_(place.options),
      target_(place.target.within(work.limits())),
      database_(place.database),
      work_(work) {}

// What the catalogue has in this very store is no copy: it was written there, or found as one.
bool CopyRun::is_ours(const BackupId& id) const {
  if (id.job != job_.options.name || id.database != database_) return false;
  const auto original = originals_.catalogue.find(id);
  return !original || original->store != store();
}

// By somebody, or because its original is lost and nobody has said that this is well. What only
// reads it holds nothing for good.
bool CopyRun::is_held(const BackupId& id) const {
  if (originals_.catalogue.is_lost(id)) return true;
  const auto original = originals_.catalogue.find(id);
  return original &&
         std::ranges::any_of(original->holds, [](const Hold& hold) { return hold.kind != "read"; });
}

std::vector<CopyView> CopyRun::copies() const {
  auto all = book_.of(store(), job_.options.name, database_);
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
                   {"store", store()},
                   {"act", act}};
  entry.result = ledger::Outcome::passed;
  entry.artefacts.push_back({copy.id.str(), copy.manifest_sha256, copy.stored});
  entry.measures = {{"stored_bytes", copy.stored.count}};
  return entry;
}

// Of a copy that was interrupted. What was whole and has lost its manifest to somebody else, or
// lies beside an original that is lost, may be all that is left: it is kept for whoever wants to
// look, until somebody has said that this is well.
void CopyRun::remove_debris(const std::vector<BackupId>& debris) {
  for (const BackupId& id : debris) {
    const bool may_be_all = book_.has(store(), id) || book_.has_remains(store(), id) ||
                            originals_.catalogue.is_lost(id);
    if (is_ours(id) && !may_be_all) note(target_.store->remove(id));
  }
}

// Of which nothing remains.
void CopyRun::forget_remains(const std::vector<BackupId>& debris) {
  for (const BackupId& id : book_.remains(store()))
    if (is_ours(id) && std::ranges::count(debris, id) == 0) note(book_.forget_remains(store(), id));
}

// One whose manifest is there has not begun to go, and the next plan decides.
Result<> CopyRun::finish_expiry(const CopyView& copy, bool whole) {
  if (whole) return book_.keep(copy.store, copy.id);
  TRY(target_.store->remove(copy.id));
  return book_.remove(copy.store, copy.id);
}

Result<> CopyRun::tell_gone(const CopyView& copy) {
  ledger::Entry entry = entry_of(copy, "gone", now());
  entry.ended_with(evidence::lost(as_artefact(copy)));
  entry.follow_up = "vigie backup copy " + copy.id.job;
  entry.deviations.emplace_back("the copy is gone from its store, and no expiry removed it");
  TRY(originals_.record(entry));
  return book_.lose(copy.store, copy.id);
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
  copy.store = store();
  copy.copied_at = now();
  TRY_ASSIGN(const std::string text, store::read_manifest(*target_.store, id));
  copy.manifest_sha256 = sha256_hex(text);
  if (const auto manifest = artefact::Manifest::parse(text, id)) copy.stored = manifest->stored();
  return book_.put(copy);
}

// What somebody was told is damaged: if it can be read now, it was not.
Result<> CopyRun::give_up(const CopyView& copy) {
  (void)read(copy.id);
  const auto known = book_.find(store(), copy.id);
  if (known && !known->is_damaged()) return book_.take_back(store(), copy.id);
  return remove(copy, "give_up");
}

Result<> CopyRun::look() {
  TRY_ASSIGN(const auto listed, target_.store->list());
  TRY_ASSIGN(const auto debris, target_.store->debris());
  remove_debris(debris);
  forget_remains(debris);
  for (const BackupId& id : listed)
    if (is_ours(id) && !book_.has(store(), id)) note(take_in(id));
  for (const CopyView& one : copies()) {
    const bool whole = std::ranges::count(listed, one.id) > 0;
    if (one.expiring)
      note(finish_expiry(one, whole));
    else if (!whole)
      note(look_again(one));
    else if (one.given_up)
      note(give_up(one));
  }
  return {};
}

CopyFacts CopyRun::facts() const {
  CopyFacts facts;
  facts.good =
      good_originals(originals_.catalogue, *originals_.setup(), job_.options, database_, store());
  for (const ArtefactView& one : originals_.catalogue.of(job_.options.name, database_))
    if (is_held(one.id)) facts.held.push_back(one.id);
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
  return fail(ErrorCode::space_reserve, {{"store", store()},
                                         {"observed", format_bytes(space.available)},
                                         {"expected", format_bytes(reserve)}});
}

// The damaged one goes when its original is known to be whole, and not before.
Result<> CopyRun::clear_damaged(const ArtefactView& original) {
  if (!book_.has(store(), original.id)) return {};
  const Outcome whole = originals_.verify(original.id, work_);
  if (whole.error) return fail(*whole.error);
  TRY_ASSIGN(const bool free, book_.begin_expiry(store(), original.id));
  if (!free)
    return fail(ErrorCode::run_conflict, {{"name", original.id.str() + " in " + store()},
                                          {"run", "another"},
                                          {"state", "reads the damaged copy"}});
  TRY(target_.store->remove(original.id));
  return book_.remove(store(), original.id);
}

Result<store::Copied> CopyRun::transfer(const Reading& reading) {
  const BackupId& id = reading.artefact.id;
  TRY(check_space(reading.artefact));
  TRY(clear_damaged(reading.artefact));
  TRY_ASSIGN(const auto recorded, originals_.recorded(id));
  store::CopyRequest request{*reading.source,
                             *target_.store,
                             id,
                             recorded.value_or(reading.artefact.manifest_sha256),
                             static_cast<unsigned>(std::min(job_.options.jobs, kMostWorkers)),
                             work_.limits()};
  request.progress = [this, subject = id.str()](Bytes done, Bytes total) {
    work_.progress({"copy", subject, done, total});
  };
  return store::copy_artefact(request, originals_.clock);
}

// One that expires meanwhile needs no copy. However it ends, a copy leaves an entry; only what is
// not to leave this host leaves none.
Result<> CopyRun::copy(const BackupId& id) {
  const auto reading = originals_.read(id, "being copied", work_.limits());
  if (!reading) {
    const bool gone = !originals_.catalogue.find(id) || originals_.catalogue.is_expiring(id);
    return gone && !originals_.catalogue.is_lost(id) ? Result<>() : fail(reading.error());
  }
  TRY_ASSIGN(const std::string text,
             artefact::read_stored(*reading->source, artefact::kManifestName,
                                   artefact::kMaxManifestBytes));
  const auto manifest = artefact::Manifest::parse(text, id);
  // It was taken before the job was told to encrypt.
  if (manifest && job_.options.encryption.wanted() && !manifest->encrypted()) return {};
  TRY(copy_from(*reading));
  return read(id);
}

Result<> CopyRun::copy_from(const Reading& reading) {
  const BackupId& id = reading.artefact.id;
  const SystemTime began = now();
  const auto copied = transfer(reading);
  platform::failpoint("backup.after_copy");
  TRY(note_copied(reading, copied, began));
  if (copied) return {};
  const bool bad = copied.error().info().error_class == "integrity";
  // Then it is the original that is bad; else it is the store.
  if (bad) (void)originals_.verify(id, work_);
  store_fails_ = !bad && copied.error().code() != ErrorCode::run_conflict;
  return fail(not_copied(id, store(), copied.error()));
}

Result<> CopyRun::note_copied(const Reading& reading, const Result<store::Copied>& copied,
                              SystemTime began) {
  CopyView view;
  view.id = reading.artefact.id;
  view.store = store();
  view.copied_at = now();
  view.stored = reading.artefact.stored;
  view.manifest_sha256 = copied ? copied->manifest_sha256 : reading.manifest_sha256;
  ledger::Entry entry = entry_of(view, "copy", began);
  if (!copied) entry.ended_with(copied.error());
  TRY(originals_.record(entry));
  return copied ? book_.put(view) : Result<>();
}

// Read from where it lies, to the last byte.
Result<> CopyRun::read(const BackupId& id) {
  const auto copy = book_.find(store(), id);
  if (!copy) return {};
  const SystemTime began = now();
  TRY_ASSIGN(const auto recorded, originals_.recorded(id));
  const auto report = verify_stored({.store = target_,
                                     .id = id,
                                     .manifest_sha256 = recorded.value_or(copy->manifest_sha256),
                                     .phase = "read copy"},
                                    originals_.clock, work_);
  if (!report) return fail(not_copied(id, store(), report.error()));
  ledger::Entry entry =
      evidence::verified(as_artefact(*copy), VerifyMode::full, *report, work_, began, now());
  const bool counts = target_.off_host() && is_newest(id);
  entry.kind = counts ? ledger::kind::kCopyVerify : ledger::kind::kBackupCopy;
  entry.subject["act"] = "read";
  const auto reason = reason_of(*report);
  const std::string code = reason ? std::string(reason->info().name) : "";
  entry.error_code = code;
  TRY(originals_.record(entry));
  TRY(book_.record(store(), id, {report->result, VerifyMode::full, now(), code}));
  if (report->result == Verdict::passed) return {};
  return fail(not_copied(id, store(), *reason));
}

// Those of which nobody knows, and those that were read long ago.
void CopyRun::read_what_is_due() {
  for (const CopyView& one : copies()) {
    if (work_.stop.stop_requested()) return;
    if (is_to_be_read(one, now())) note(read(one.id));
  }
}

// What goes is written down first, then it goes, then the entry says what went. One that somebody
// reads stays until a later run.
Result<> CopyRun::remove(const CopyView& copy, std::string_view act) {
  const SystemTime began = now();
  TRY_ASSIGN(const bool free, book_.begin_expiry(store(), copy.id));
  if (!free) return {};
  const auto gone = target_.store->remove(copy.id);
  platform::failpoint("backup.after_copy_remove");
  ledger::Entry entry = entry_of(copy, act, began);
  if (!gone) entry.ended_with(gone.error());
  TRY(originals_.record(entry));
  if (gone) return book_.remove(store(), copy.id);
  // Whole it may be read, and is decided about anew.
  const auto whole = target_.store->exists(copy.id);
  if (whole && *whole) note(book_.keep(store(), copy.id));
  return fail(not_copied(copy.id, store(), gone.error()));
}

Result<> CopyRun::remove(const std::vector<BackupId>& ids, std::string_view act) {
  for (const BackupId& id : ids)
    if (const auto copy = book_.find(store(), id)) note(remove(*copy, act));
  return {};
}

Result<> CopyRun::expire() {
  if (originals_.catalogue.alarm(job_.options.name, database_)) return {};
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
  return remove(expired, "expire");
}

// Under another name it may be the very store of the originals, good or not: nothing in it is a
// copy.
Result<> CopyRun::refuse_itself() const {
  const auto own = originals_.catalogue.store_id(store());
  std::set<std::string> others{job_.options.store};
  for (const ArtefactView& one : originals_.catalogue.of(job_.options.name, database_))
    others.insert(one.store);
  others.erase(store());
  for (const std::string& other : others) {
    if (!own || originals_.catalogue.store_id(other) != own) continue;
    return fail(ErrorCode::store_foreign, {{"store", store()},
                                           {"reason", "it is the store " + other + " itself"},
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
  if (!facts.good.empty()) newest_ = facts.good.back().id;
  for (const BackupId& id : writable ? missing_copies(facts) : std::vector<BackupId>()) {
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    note(copy(id));
    if (store_fails_) break;  // the next one would fare no better
  }
  if (!store_fails_) read_what_is_due();
  if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  note(expire());
  if (first_) return fail(*first_);
  return {};
}

}  // namespace vigie::backup
