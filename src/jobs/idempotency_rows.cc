#include "jobs/idempotency_rows.h"

#include "base/hash.h"

namespace vigie::jobs {
namespace {

using platform::Sqlite;

std::string hash_of(const IdempotencyKey& key) {
  return sha256_hex(key.actor + '\0' + key.key);
}

}  // namespace

Result<std::optional<RunId>> find_key(Sqlite& db, const IdempotencyKey& key, SystemTime now) {
  TRY_ASSIGN(auto rows, db.query("select request_hash, run_id from idempotency "
                                 "where key_hash = ?1 and expires_at > ?2",
                                 hash_of(key), now));
  TRY_ASSIGN(const bool known, rows.step());
  if (!known) return std::optional<RunId>();
  if (rows.text(0) != key.request_hash) return fail(ErrorCode::idempotency_mismatch);
  return std::optional(RunId(rows.text(1)));
}

Result<> keep_key(Sqlite& db, const IdempotencyKey& key, const RunId& run, SystemTime now,
                  size_t limit) {
  TRY(db.run("delete from idempotency where expires_at <= ?1", now));
  TRY_ASSIGN(auto count, db.query("select count(*) from idempotency"));
  TRY(count.step());
  if (static_cast<size_t>(count.integer(0)) >= limit) {
    return fail(ErrorCode::queue_full,
                {{"name", "the list of idempotency keys"}, {"limit", std::to_string(limit)}});
  }
  return db.run("insert into idempotency values (?1, ?2, ?3, ?4)", hash_of(key), key.request_hash,
                run.str(), now + kIdempotencyLifetime);
}

}  // namespace vigie::jobs
