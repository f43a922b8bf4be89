#include "backup/catalogue.h"

#include <algorithm>
#include <array>

#include "base/json.h"

namespace vigie::backup {
namespace {

using platform::Migration;

constexpr std::array<Migration, 1> kMigrations{{{1, R"sql(
create table artefact(
  id text primary key, store text not null, started_at integer not null, ended_at integer not null, raw_bytes integer not null,
  stored_bytes integer not null, row_count integer not null, table_count integer not null,
  correlation_id text not null, manifest_sha256 text not null,
  verify_result text, verify_mode text, verified_at integer, verify_error text, fully_verified_at integer, source_check text not null) strict;
create table hold(
  backup_id text not null, kind text not null, reason text not null, since integer not null,
  primary key (backup_id, kind)) strict;
create table plausibility_alarm(
  job text not null, "database" text not null, backup_id text not null, reasons text not null,
  since integer not null, error_code text not null, primary key (job, "database")) strict;
create table expiring(backup_id text primary key) strict;
create table store(name text primary key, store_id text not null) strict;
create table lost(backup_id text primary key, store text not null, since integer not null) strict;
)sql"}}};

constexpr std::string_view kReadHold = "read";

Verdict verdict_of(std::string_view text) {
  if (text == to_string(Verdict::passed)) return Verdict::passed;
  return text == to_string(Verdict::failed) ? Verdict::failed : Verdict::could_not_verify;
}

std::string_view mode_name(VerifyMode mode) {
  return mode == VerifyMode::full ? "full" : "quick";
}

std::optional<Verification> read_verification(const platform::SqliteStatement& row, int from) {
  if (row.is_null(from)) return std::nullopt;
  return Verification{verdict_of(row.text(from)),
                      row.text(from + 1) == "full" ? VerifyMode::full : VerifyMode::quick,
                      row.time(from + 2), row.text(from + 3)};
}

// `use` is called for each row.
template <class Use>
Result<> each_row(platform::Sqlite& db, std::string_view sql, Use use) {
  TRY_ASSIGN(auto rows, db.query(sql));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    use(rows);
  }
}

std::string to_text(const std::vector<std::string>& reasons) {
  return canonical_json(json::array(reasons.begin(), reasons.end()));
}

std::vector<std::string> from_text(std::string_view text) {
  std::vector<std::string> reasons;
  const auto value = parse_json(text);
  if (!value || !value->is_array()) return reasons;
  for (const json::value& reason : value->get_array()) {
    if (reason.is_string()) reasons.emplace_back(reason.get_string());
  }
  return reasons;
}

int badness(const Verification& one) {
  return one.result == Verdict::failed ? 2 : one.unreadable() ? 1 : 0;
}

bool bad_in_full(const std::optional<Verification>& one) {
  return one && one->mode == VerifyMode::full && badness(*one) > 0;
}

// What was found bad stays bad until something at least as thorough finds it good.
bool stands(const std::optional<Verification>& before, const Verification& now) {
  // That a full one passed is remembered beside the last; that a quick one did is known from here
  // alone, and one that could not be done says nothing against it.
  const bool quick_pass =
      before && before->result == Verdict::passed && before->mode == VerifyMode::quick;
  if (quick_pass && now.result == Verdict::could_not_verify && !now.unreadable()) return true;
  if (!before || badness(*before) <= badness(now)) return false;
  return now.result == Verdict::could_not_verify ||
         (before->mode == VerifyMode::full && now.mode == VerifyMode::quick);
}

// Who acknowledges reads them: more are of no use to anybody.
constexpr size_t kMaxReasons = 300;

bool is_named(const BackupId& id, const std::string& reason) {
  return reason.starts_with(id.job + "." + id.database + "-");
}

// Under the name of the artefact that they speak of, unless they have one already.
std::string under_name(const BackupId& id, const std::string& reason) {
  return is_named(id, reason) ? reason : id.str() + ": " + reason;
}

bool speaks_of_others(const PlausibilityAlarm& alarm) {
  return std::ranges::any_of(alarm.reasons, [&](const std::string& one) {
    return is_named(alarm.backup, one) && !one.starts_with(alarm.backup.str() + ":");
  });
}

tl::unexpected<Error> not_found(const BackupId& id) {
  return fail(ErrorCode::backup_not_found, {{"backup", id.str()}});
}

}  // namespace

std::optional<Verification> last_standing(const std::optional<Verification>& before,
                                          Verification now) {
  if (stands(before, now)) return before;
  // A quick look that fails too takes nothing from what only a full one can clear.
  if (!bad_in_full(before) || now.mode == VerifyMode::full || badness(now) == 0) return now;
  if (before->result == Verdict::failed) return before;
  now.mode = VerifyMode::full;
  return now;
}

bool counts_as_good(const ArtefactView& artefact, const BackupJobOptions& job) {
  const bool unverified_counts = job.verify.after_backup == VerifyAfterBackup::none &&
                                 artefact.is_read() && !artefact.unreadable();
  const Verdict verdict = artefact.verdict();
  return verdict == Verdict::passed || (verdict == Verdict::could_not_verify && unverified_counts);
}

std::optional<ArtefactView> baseline(std::span<const ArtefactView> artefacts,
                                     const BackupJobOptions& job) {
  const auto newest = [&](auto fits) {
    const auto found = std::find_if(artefacts.rbegin(), artefacts.rend(), fits);
    return found == artefacts.rend() ? std::nullopt : std::optional(*found);
  };
  if (auto good = newest([&](const ArtefactView& one) { return counts_as_good(one, job); }))
    return good;
  auto whole = newest([](const ArtefactView& one) {
    return one.is_read() && !one.unreadable() && one.verdict() != Verdict::failed;
  });
  // Of a damaged one the manifest may be as it was written.
  return whole ? whole : newest([](const ArtefactView&) { return true; });
}

Result<std::unique_ptr<Catalogue>> Catalogue::open(const platform::Path& state_db,
                                                   const platform::SqliteOptions& options) {
  TRY_ASSIGN(auto db, platform::Sqlite::open(state_db, options));
  TRY(platform::migrate(db, "backup", kMigrations));
  std::unique_ptr<Catalogue> catalogue(new Catalogue(std::move(db)));
  TRY(catalogue->load());
  return catalogue;
}

Result<> Catalogue::load() {
  // Whoever was reading an artefact ended with the process.
  TRY(db_.run("delete from hold where kind = 'read'"));
  TRY(load_artefacts());
  TRY(load_holds());
  TRY(load_expiring());
  TRY(load_stores());
  TRY(load_losses());
  return load_alarms();
}

Result<> Catalogue::load_stores() {
  return each_row(
      db_, "select name, store_id from store",
      [&](const platform::SqliteStatement& row) { stores_[row.text(0)] = row.text(1); });
}

Result<> Catalogue::load_losses() {
  return each_row(db_, "select backup_id, store, since from lost",
                  [&](const platform::SqliteStatement& row) {
                    if (const auto id = BackupId::parse(row.text(0)))
                      lost_[*id] = {*id, row.text(1), row.time(2)};
                  });
}

std::vector<LossView> Catalogue::losses() const {
  const std::lock_guard lock(mutex_);
  std::vector<LossView> out;
  for (const auto& [id, loss] : lost_) out.push_back(loss);
  return out;
}

bool Catalogue::is_lost(const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  return lost_.contains(id);
}

Result<> Catalogue::acknowledge_loss(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("delete from lost where backup_id = ?1", id.str()));
  lost_.erase(id);
  return {};
}

std::optional<std::string> Catalogue::store_id(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = stores_.find(name);
  return found == stores_.end() ? std::nullopt : std::optional(found->second);
}

Result<> Catalogue::remember_store(const std::string& name, const std::string& store_id) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("insert or replace into store values (?1, ?2)", name, store_id));
  stores_[name] = store_id;
  return {};
}

Result<> Catalogue::load_artefacts() {
  return each_row(db_, R"sql(
      select id, store, started_at, ended_at, raw_bytes, stored_bytes, row_count, table_count, correlation_id, manifest_sha256,
             verify_result, verify_mode, verified_at, verify_error, fully_verified_at, source_check from artefact)sql",
                  [&](const platform::SqliteStatement& row) {
                    const auto id = BackupId::parse(row.text(0));
                    if (!id) return;  // derived again from the store
                    ArtefactView& artefact = artefacts_[*id];
                    artefact.id = *id;
                    artefact.store = row.text(1);
                    artefact.started_at = row.time(2);
                    artefact.ended_at = row.time(3);
                    artefact.raw = {static_cast<uint64_t>(row.integer(4))};
                    artefact.stored = {static_cast<uint64_t>(row.integer(5))};
                    artefact.rows = static_cast<uint64_t>(row.integer(6));
                    artefact.tables = static_cast<uint64_t>(row.integer(7));
                    artefact.correlation_id = row.text(8);
                    artefact.manifest_sha256 = row.text(9);
                    artefact.last_verification = read_verification(row, 10);
                    if (!row.is_null(14)) artefact.fully_verified_at = row.time(14);
                    artefact.source_check = row.text(15);
                  });
}

Result<> Catalogue::load_holds() {
  return each_row(db_, "select backup_id, kind, reason, since from hold order by kind",
                  [&](const platform::SqliteStatement& row) {
                    const auto id = BackupId::parse(row.text(0));
                    const auto artefact = id ? artefacts_.find(*id) : artefacts_.end();
                    if (artefact == artefacts_.end()) return;
                    artefact->second.holds.push_back({row.text(1), row.text(2), row.time(3)});
                  });
}

Result<> Catalogue::load_expiring() {
  return each_row(db_, "select backup_id from expiring", [&](const platform::SqliteStatement& row) {
    if (const auto id = BackupId::parse(row.text(0))) expiring_.insert(*id);
  });
}

Result<> Catalogue::load_alarms() {
  return each_row(db_,
                  "select job, \"database\", backup_id, reasons, since, error_code from "
                  "plausibility_alarm",
                  [&](const platform::SqliteStatement& row) {
                    const auto id = BackupId::parse(row.text(2));
                    if (!id) return;
                    alarms_[{row.text(0), row.text(1)}] = {*id, from_text(row.text(3)), row.time(4),
                                                           row.text(5)};
                  });
}

std::vector<ArtefactView> Catalogue::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<ArtefactView> out;
  out.reserve(artefacts_.size());
  for (const auto& [id, artefact] : artefacts_) out.push_back(artefact);
  return out;
}

std::vector<ArtefactView> Catalogue::of(std::string_view job, std::string_view database) const {
  const std::lock_guard lock(mutex_);
  std::vector<ArtefactView> out;
  auto at = artefacts_.lower_bound({std::string(job), std::string(database), SystemTime::min()});
  for (; at != artefacts_.end() && at->first.job == job && at->first.database == database; ++at) {
    out.push_back(at->second);
  }
  return out;
}

std::optional<ArtefactView> Catalogue::find(const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = artefacts_.find(id);
  return found == artefacts_.end() ? std::nullopt : std::optional(found->second);
}

Result<ArtefactView> Catalogue::get(const BackupId& id) const {
  auto found = find(id);
  if (!found) return not_found(id);
  return std::move(*found);
}

Result<> Catalogue::add(const ArtefactView& artefact,
                        const std::optional<PlausibilityAlarm>& alarm) {
  const std::lock_guard lock(mutex_);
  ArtefactView added = artefact;
  TRY(load_holds_of(added));
  std::optional<PlausibilityAlarm> raised;
  if (alarm) raised = with_unacknowledged(*alarm);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  TRY(save(added));
  TRY(db_.run("delete from lost where backup_id = ?1", artefact.id.str()));
  if (raised) TRY(save(*raised));
  TRY(transaction.commit());
  artefacts_[artefact.id] = std::move(added);
  lost_.erase(artefact.id);
  if (raised) alarms_[{raised->backup.job, raised->backup.database}] = std::move(*raised);
  return {};
}

// The newer ones follow the older ones: the first loss is what a person has to see first.
PlausibilityAlarm Catalogue::with_unacknowledged(PlausibilityAlarm alarm) const {
  const auto found = alarms_.find({alarm.backup.job, alarm.backup.database});
  if (found == alarms_.end() || found->second.backup == alarm.backup) return alarm;
  const PlausibilityAlarm& before = found->second;
  std::vector<std::string> reasons;
  for (const std::string& one : before.reasons) reasons.push_back(under_name(before.backup, one));
  for (const std::string& one : alarm.reasons) reasons.push_back(under_name(alarm.backup, one));
  reasons.resize(std::min(reasons.size(), kMaxReasons));
  alarm.reasons = std::move(reasons);
  alarm.since = std::min(alarm.since, before.since);
  if (before.error_code == PlausibilityAlarm().error_code) alarm.error_code = before.error_code;
  return alarm;
}

bool Catalogue::has_newer(const BackupId& id) const {
  const auto next = artefacts_.upper_bound(id);
  return next != artefacts_.end() && next->first.job == id.job &&
         next->first.database == id.database;
}

bool Catalogue::alarm_goes(const BackupId& id) const {
  const auto alarm = alarms_.find({id.job, id.database});
  return alarm != alarms_.end() && alarm->second.backup == id && !has_newer(id) &&
         !speaks_of_others(alarm->second);
}

bool Catalogue::alarm_goes_with(const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  return alarm_goes(id);
}

Result<> Catalogue::load_holds_of(ArtefactView& artefact) {
  artefact.holds.clear();
  TRY_ASSIGN(auto rows,
             db_.query("select kind, reason, since from hold where backup_id = ?1 order by kind",
                       artefact.id.str()));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    artefact.holds.push_back({rows.text(0), rows.text(1), rows.time(2)});
  }
}

Result<> Catalogue::forget(const BackupId& id, SystemTime now) {
  const std::lock_guard lock(mutex_);
  const auto known = artefacts_.find(id);
  if (known == artefacts_.end()) return {};
  const LossView loss{id, known->second.store, now};
  const bool alarm_goes = this->alarm_goes(id);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  TRY(db_.run("delete from artefact where id = ?1", id.str()));
  if (alarm_goes) TRY(db_.run("delete from plausibility_alarm where backup_id = ?1", id.str()));
  TRY(db_.run("insert or replace into lost values (?1, ?2, ?3)", id.str(), loss.store, now));
  TRY(transaction.commit());
  artefacts_.erase(id);
  lost_[id] = loss;
  if (alarm_goes)
    std::erase_if(alarms_, [&](const auto& alarm) { return alarm.second.backup == id; });
  return {};
}

Result<> Catalogue::save(const ArtefactView& a) {
  const auto& v = a.last_verification;
  using Text = std::optional<std::string>;
  return db_.run(
      "insert or replace into artefact values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
      "?13, ?14, ?15, ?16)",
      a.id.str(), a.store, a.started_at, a.ended_at, a.raw.count, a.stored.count, a.rows, a.tables,
      a.correlation_id, a.manifest_sha256, v ? Text(to_string(v->result)) : std::nullopt,
      v ? Text(mode_name(v->mode)) : std::nullopt, v ? std::optional(v->at) : std::nullopt,
      v ? Text(v->error_code) : std::nullopt, a.fully_verified_at, a.source_check);
}

Result<> Catalogue::remove(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  TRY(db_.run("delete from artefact where id = ?1", id.str()));
  TRY(db_.run("delete from hold where backup_id = ?1", id.str()));
  TRY(db_.run("delete from plausibility_alarm where backup_id = ?1", id.str()));
  TRY(db_.run("delete from expiring where backup_id = ?1", id.str()));
  TRY(transaction.commit());
  artefacts_.erase(id);
  expiring_.erase(id);
  std::erase_if(alarms_, [&](const auto& alarm) { return alarm.second.backup == id; });
  return {};
}

Result<> Catalogue::record(const BackupId& id, const Verification& verification) {
  const std::lock_guard lock(mutex_);
  const auto found = artefacts_.find(id);
  if (found == artefacts_.end()) return not_found(id);
  ArtefactView changed = found->second;
  changed.last_verification = last_standing(changed.last_verification, verification);
  if (verification.result == Verdict::passed && verification.mode == VerifyMode::full) {
    changed.fully_verified_at = verification.at;
  }
  TRY(save(changed));
  found->second = std::move(changed);
  return {};
}

Result<> Catalogue::hold(const BackupId& id, const Hold& hold) {
  const std::lock_guard lock(mutex_);
  const auto found = artefacts_.find(id);
  if (found == artefacts_.end() || expiring_.contains(id)) return not_found(id);
  TRY(db_.run("insert or replace into hold values (?1, ?2, ?3, ?4)", id.str(), hold.kind,
              hold.reason, hold.since));
  std::erase_if(found->second.holds, [&](const Hold& other) { return other.kind == hold.kind; });
  found->second.holds.push_back(hold);
  if (hold.kind == kReadHold) ++readers_[id];
  return {};
}

Result<> Catalogue::release(const BackupId& id, std::string_view kind) {
  const std::lock_guard lock(mutex_);
  if (const auto reading = readers_.find(id); kind == kReadHold && reading != readers_.end()) {
    if (--reading->second > 0) return {};
    readers_.erase(reading);
  }
  TRY(db_.run("delete from hold where backup_id = ?1 and kind = ?2", id.str(), kind));
  if (const auto found = artefacts_.find(id); found != artefacts_.end())
    std::erase_if(found->second.holds, [&](const Hold& hold) { return hold.kind == kind; });
  return {};
}

Result<std::vector<BackupId>> Catalogue::begin_expiry(const std::vector<BackupId>& ids) {
  const std::lock_guard lock(mutex_);
  std::vector<BackupId> free = ids;
  // Whoever took hold of one since the plan was made goes first, and so does an alarm; one that is
  // gone, or goes already, needs nothing.
  std::erase_if(free, [&](const BackupId& id) {
    const auto found = artefacts_.find(id);
    return found == artefacts_.end() || !found->second.holds.empty() || expiring_.contains(id) ||
           alarms_.contains({id.job, id.database});
  });
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  for (const BackupId& id : free)
    TRY(db_.run("insert or ignore into expiring values (?1)", id.str()));
  TRY(transaction.commit());
  expiring_.insert(free.begin(), free.end());
  return free;
}

Result<> Catalogue::keep(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("delete from expiring where backup_id = ?1", id.str()));
  expiring_.erase(id);
  return {};
}

std::vector<BackupId> Catalogue::expiring() const {
  const std::lock_guard lock(mutex_);
  return {expiring_.begin(), expiring_.end()};
}

bool Catalogue::is_expiring(const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  return expiring_.contains(id);
}

Result<> Catalogue::save(const PlausibilityAlarm& alarm) {
  return db_.run("insert or replace into plausibility_alarm values (?1, ?2, ?3, ?4, ?5, ?6)",
                 alarm.backup.job, alarm.backup.database, alarm.backup.str(),
                 to_text(alarm.reasons), alarm.since, alarm.error_code);
}

Result<> Catalogue::acknowledge(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = alarms_.find({id.job, id.database});
  if (found == alarms_.end() || found->second.backup != id) return not_found(id);
  TRY(db_.run("delete from plausibility_alarm where backup_id = ?1", id.str()));
  alarms_.erase(found);
  return {};
}

std::optional<PlausibilityAlarm> Catalogue::alarm(std::string_view job,
                                                  std::string_view database) const {
  const std::lock_guard lock(mutex_);
  const auto found = alarms_.find({std::string(job), std::string(database)});
  return found == alarms_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace vigie::backup
