#include "backup/copy_book.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace vigie::backup {
namespace {

using platform::Migration;

constexpr std::array<Migration, 1> kMigrations{{{1, R"sql(
create table copy(
  backup_id text not null, store text not null, copied_at integer not null, stored_bytes integer not null,
  manifest_sha256 text not null, verify_result text, verify_mode text, verified_at integer, verify_error text,
  fully_verified_at integer, expiring integer not null, primary key (backup_id, store)) strict, without rowid;
create table copy_attempt(
  job text not null, "database" text not null, store text not null, at integer not null, error_code text not null,
  primary key (job, "database", store)) strict, without rowid;
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
  return copy;
}

auto place_of(const CopyAttempt& one) {
  return std::tie(one.job, one.database, one.store);
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
  TRY_ASSIGN(auto rows, db_.query("select * from copy"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) break;
    if (auto copy = read_copy(rows)) copies_.insert_or_assign({copy->id, copy->store}, *copy);
  }
  TRY_ASSIGN(auto attempts, db_.query("select * from copy_attempt"));
  while (true) {
    TRY_ASSIGN(const bool row, attempts.step());
    if (!row) break;
    attempts_.push_back(
        {attempts.text(0), attempts.text(1), attempts.text(2), attempts.time(3), attempts.text(4)});
  }
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

Result<> CopyBook::put(const CopyView& copy) {
  const std::lock_guard lock(mutex_);
  const auto& last = copy.last_verification;
  const auto word = [&](std::string_view text) {
    return last ? std::optional(std::string(text)) : std::nullopt;
  };
  TRY(db_.run("insert or replace into copy values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
              copy.id.str(), copy.store, copy.copied_at, static_cast<int64_t>(copy.stored.count),
              copy.manifest_sha256, word(last ? to_string(last->result) : ""),
              word(last && last->mode == VerifyMode::full ? "full" : "quick"),
              last ? std::optional(last->at) : std::nullopt, word(last ? last->error_code : ""),
              copy.fully_verified_at, copy.expiring ? 1 : 0));
  copies_.insert_or_assign({copy.id, copy.store}, copy);
  return {};
}

Result<> CopyBook::remove(std::string_view store, const BackupId& id) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("delete from copy where backup_id = ?1 and store = ?2", id.str(), store));
  copies_.erase({id, std::string(store)});
  return {};
}

Result<> CopyBook::note_attempt(const CopyAttempt& attempt) {
  const std::lock_guard lock(mutex_);
  TRY(db_.run("insert or replace into copy_attempt values (?1, ?2, ?3, ?4, ?5)", attempt.job,
              attempt.database, attempt.store, attempt.at, attempt.error_code));
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
