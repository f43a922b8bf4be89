#include "backup/copy_book.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "backup/catalogue.h"

namespace vigie::backup {
namespace {

using platform::Migration;

constexpr std::array<Migration, 2> kMigrations{{{1, R"sql(
create table copy(
  backup_id text not null, store text not null, copied_at integer not null, stored_bytes integer not null,
  manifest_sha256 text not null, verify_result text, verify_mode text, verified_at integer, verify_error text,
  fully_verified_at integer, expiring integer not null, primary key (backup_id, store)) strict, without rowid;
create table copy_attempt(
  job text not null, "database" text not null, store text not null, at integer not null, error_code text not null,
  primary key (job, "database", store)) strict, without rowid;
)sql"},
                                                {2, R"sql(
alter table copy add column given_up integer not null default 0;
alter table copy_attempt add column newest text not null default '';
create table copy_remains(backup_id text not null, store text not null, primary key (backup_id, store)) strict, without rowid;
)sql"}}};

Verdict verdict_of(std::string_view text) {
  if (text == to_string(Verdict::passed)) return Verdict::passed;
  return text == to_string(Verdict::failed) ? Verdict::failed : Verdict::could_not_verify;
}

// What cannot be understood is of no use to anybody: the copy counts as not verified.
std::optional<CopyView> read_copy(const platform::SqliteStatement& row) {
  const auto id = BackupId::parse(row.text(0));
  if (!id) return std::nullopt;
  CopyView copy;
  copy.id = *id;
  copy.store = row.text(1);
  copy.copied_at = row.time(2);
  copy.stored = {static_cast<uint64_t>(row.integer(3))};
  copy.manifest_sha256 = row.text(4);
  if (!row.is_null(5))
    copy.last_verification = Verification{
        verdict_of(row.text(5)), row.text(6) == "full" ? VerifyMode::full : VerifyMode::quick,
        row.time(7), row.text(8)};
  if (!row.is_null(9)) copy.fully_verified_at = row.time(9);
  copy.expiring = row.integer(10) != 0;
  copy.given_up = row.integer(11) != 0;
  return copy;
}

auto place_of(const CopyAttempt& one) {
  return std::tie(one.job, one.database, one.store);
}

template <class Take>
Result<> each_row(platform::Sqlite& db, std::string_view sql, const Take& take) {
  TRY_ASSIGN(auto rows, db.query(sql));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    take(rows);
  }
}

tl::unexpected<Error> not_found(const BackupId& id) {
  return fail(ErrorCode::backup_not_found, {{"backup", id.str()}});
}

}  // namespace

Result<std::unique_ptr<CopyBook>> CopyBook::open(const platform::Path& state_db,
                                                 const platform::SqliteOptions& options) {
  TRY_ASSIGN(auto db, platform::Sqlite::open(state_db, options));
  TRY(platform::migrate(db, "backup_copies", kMigrations));
  std::unique_ptr<CopyBook> book(new CopyBook(std::move(db)));
  TRY(book->load());
  return book;
}

Result<> CopyBook::load() {
  TRY(load_copies());
  TRY(load_remains());
  return load_attempts();
}

Result<> CopyBook::load_copies() {
  return each_row(db_, "select * from copy", [&](const platform::SqliteStatement& row) {
    if (auto copy = read_copy(row)) copies_.insert_or_assign({copy->id, copy->store}, *copy);
  });
}

Result<> CopyBook::load_remains() {
  return each_row(db_, "select * from copy_remains", [&](const platform::SqliteStatement& row) {
    if (const auto id = BackupId::parse(row.text(0))) remains_.emplace(*id, row.text(1));
  });
}

Result<> CopyBook::load_attempts() {
  TRY(each_row(db_, "select * from copy_attempt", [&](const platform::SqliteStatement& row) {
    attempts_.push_back({row.text(0), row.text(1), row.text(2), row.time(3), row.text(4)});
    if (const auto newest = BackupId::parse(row.text(5))) attempts_.back().newest = *newest;
  }));
  std::ranges::sort(attempts_, {}, place_of);
  return {};
}

std::vector<CopyView> CopyBook::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<CopyView> out;
  out.reserve(copies_.size());
  for (const auto& [key, copy] : copies_) out.push_back(copy);
  return out;
}

std::vector<CopyView> CopyBook::of(std::string_view store, std::string_view job,
                                   std::string_view database) const {
  std::vector<CopyView> out = all();
  std::erase_if(out, [&](const CopyView& one) {
    return one.store != store || one.id.job != job || one.id.database != database;
  });
  return out;
}

std::optional<CopyView> CopyBook::find(std::string_view store, const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = copies_.find({id, std::string(store)});
  return found == copies_.end() ? std::nullopt : std::optional(found->second);
}

Result<> CopyBook::save(const CopyView& copy) {
  const auto& last = copy.last_verification;
  const auto word = [&](std::string_view text) {
    return last ? std::optional(std::string(text)) : std::nullopt;
  };
  return db_.run(
      "insert or replace into copy values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      copy.id.str(), copy.store, copy.copied_at, static_cast<int64_t>(copy.stored.count),
      copy.manifest_sha256, word(last ? to_string(last->result) : ""),
      word(last && last->mode == VerifyMode::full ? "full" : "quick"),
      last ? std::optional(last->at) : std::nullopt, word(last ? last->error_code : ""),
      copy.fully_verified_at, copy.expiring ? 1 : 0, copy.given_up ? 1 : 0);
}

Result<> CopyBook::put(const CopyView& copy) {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  TRY(save(copy));
  TRY(db_.run("delete from copy_remains where backup_id = ?1 and store = ?2", copy.id.str(),
              copy.store));
  TRY(transaction.commit());
  copies_.insert_or_assign({copy.id, copy.store}, copy);
  remains_.erase({copy.id, copy.store});
  return {};
}

// With mutex_ held. On disk first: what cannot be written has not changed.
template <class Change>
Result<> CopyBook::change(std::string_view store, const BackupId& id, const Change& how) {
  const auto found = copies_.find({id, std::string(store)});
  if (found == copies_.end()) return {};
  CopyView changed = found->second;
  how(changed);
  TRY(save(changed));
  found->second = std::move(changed);
  return {};
}

Result<> CopyBook::record(std::string_view store, const BackupId& id,
                          const Verification& verification) {
  const std::lock_guard lock(mutex_);
  return change(store, id, [&](CopyView& copy) {
    copy.last_verification = last_standing(copy.last_verification, verification);
    const bool read =
        verification.result == Verdict::passed && verification.mode == VerifyMode::full;
    if (read) copy.fully_verified_at = verification.at;
  });
}

Result<> CopyBook::give_up(std::string_view store, const BackupId& id) {
  TRY(forget_remains(store, id));
  const std::lock_guard lock(mutex_);
  return change(store, id, [](CopyView& copy) { copy.given_up = true; });
}

Result<> CopyBook::hold(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = copies_.find({id, std::string(store)});
  if (found == copies_.end() || found->second.expiring) return not_found(id);
  if (readers_.size() >= kMostCopyReaders)
    return fail(ErrorCode::queue_full,
                {{"name", "the reading of copies"}, {"limit", std::to_string(kMostCopyReaders)}});
  readers_.insert(found->first);
  return {};
}

void CopyBook::release(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = readers_.find({id, std::string(store)});
  if (found != readers_.end()) readers_.erase(found);
}

Result<bool> CopyBook::begin_expiry(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  if (readers_.contains({id, std::string(store)})) return false;
  TRY(change(store, id, [](CopyView& copy) { copy.expiring = true; }));
  return true;
}

Result<> CopyBook::keep(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  return change(store, id, [](CopyView& copy) { copy.expiring = false; });
}

Result<> CopyBook::take_back(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  return change(store, id, [](CopyView& copy) { copy.given_up = false; });
}

Result<> CopyBook::remove(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("delete from copy where backup_id = ?1 and store = ?2", id.str(), store));
  copies_.erase({id, std::string(store)});
  return {};
}

Result<> CopyBook::lose(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  TRY(db_.run("delete from copy where backup_id = ?1 and store = ?2", id.str(), store));
  TRY(db_.run("insert or replace into copy_remains values (?1, ?2)", id.str(), store));
  TRY(transaction.commit());
  copies_.erase({id, std::string(store)});
  remains_.emplace(id, store);
  return {};
}

bool CopyBook::has_remains(std::string_view store, const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  return remains_.contains({id, std::string(store)});
}

Result<> CopyBook::forget_remains(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("delete from copy_remains where backup_id = ?1 and store = ?2", id.str(), store));
  remains_.erase({id, std::string(store)});
  return {};
}

std::vector<BackupId> CopyBook::remains(std::string_view store) const {
  const std::lock_guard lock(mutex_);
  std::vector<BackupId> out;
  for (const Key& one : remains_)
    if (one.second == store) out.push_back(one.first);
  return out;
}

std::vector<BackupId> CopyBook::remains() const {
  const std::lock_guard lock(mutex_);
  std::vector<BackupId> out;
  for (const Key& one : remains_) out.push_back(one.first);
  return out;
}

Result<> CopyBook::note_attempt(const CopyAttempt& attempt) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("insert or replace into copy_attempt values (?1, ?2, ?3, ?4, ?5, ?6)", attempt.job,
              attempt.database, attempt.store, attempt.at, attempt.error_code,
              attempt.newest ? attempt.newest->str() : std::string()));
  std::erase_if(attempts_,
                [&](const CopyAttempt& one) { return place_of(one) == place_of(attempt); });
  attempts_.push_back(attempt);
  std::ranges::sort(attempts_, {}, place_of);
  return {};
}

std::vector<CopyAttempt> CopyBook::attempts() const {
  const std::lock_guard lock(mutex_);
  return attempts_;
}

std::optional<CopyAttempt> CopyBook::attempt(std::string_view job, std::string_view database,
                                             std::string_view store) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(attempts_, [&](const CopyAttempt& one) {
    return one.job == job && one.database == database && one.store == store;
  });
  return found == attempts_.end() ? std::nullopt : std::optional(*found);
}

}  // namespace vigie::backup
