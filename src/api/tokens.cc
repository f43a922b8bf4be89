#include "api/tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "platform/log.h"

namespace vigie::api {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kTokenLength = kTokenPrefix.size() + kTokenRandomLength;
constexpr size_t kNameLimit = 100;

constexpr platform::Migration kMigrations[] = {
    {1,
     "CREATE TABLE tokens("
     " id TEXT PRIMARY KEY NOT NULL,"
     " digest BLOB NOT NULL UNIQUE,"
     " name TEXT NOT NULL,"
     " scope TEXT NOT NULL,"
     " created_at INTEGER NOT NULL,"
     " expires_at INTEGER,"
     " revoked_at INTEGER) STRICT"},
};

Result<std::vector<unsigned char>> random_bytes(size_t size) {
  std::vector<unsigned char> bytes(size);
  if (RAND_bytes(bytes.data(), int(size)) != 1)
    return fail(ErrorCode::internal_error, {{"reason", "no random bytes"}});
  return bytes;
}

Result<Secret> new_secret() {
  TRY_ASSIGN(auto bytes, random_bytes(kSecretBytes));
  std::string text = base64_encode(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  text.insert(0, kTokenPrefix);
  return Secret(std::move(text));
}

std::string_view bytes_view(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

bool is_name_text(std::string_view name) {
  return name.size() <= kNameLimit && is_utf8(name) &&
         std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::optional<SystemTime> optional_time(const platform::SqliteStatement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.time(column);
}

Result<TokenInfo> read_info(const platform::SqliteStatement& row) {
  TokenInfo info;
  info.id = row.text(1);
  info.name = row.text(2);
  TRY_ASSIGN(info.scope, parse_scope(row.text(3)));
  info.created_at = row.time(4);
  info.expires_at = optional_time(row, 5);
  info.revoked_at = optional_time(row, 6);
  return info;
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::read:
      return "read";
    case Scope::operate:
      return "operate";
    case Scope::admin:
      break;
  }
  return "admin";
}

Result<Scope> parse_scope(std::string_view text) {
  for (const Scope scope : {Scope::read, Scope::operate, Scope::admin})
    if (text == to_string(scope)) return scope;
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", "scope"}, {"expected", "read, operate or admin"}});
}

Result<std::unique_ptr<Tokens>> Tokens::open(const platform::Path& state_db,
                                             const platform::Clock& clock,
                                             const platform::SqliteOptions& options) {
  TRY_ASSIGN(auto database, platform::Sqlite::open(state_db, options));
  TRY(platform::migrate(database, "api", kMigrations));
  std::unique_ptr<Tokens> tokens(new Tokens(std::move(database), clock));
  TRY(tokens->load());
  return tokens;
}

Result<> Tokens::load() {
  TRY_ASSIGN(auto rows, database_.query("SELECT digest, id, name, scope, created_at, expires_at,"
                                        " revoked_at FROM tokens ORDER BY created_at, id"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const auto digest = rows.blob(0);
    if (digest.size() != sizeof(Sha256Digest))
      return fail(ErrorCode::file_corrupt,
                  {{"path", database_.path().string()}, {"reason", "a token's digest"}});
    Entry entry;
    std::ranges::copy(digest, reinterpret_cast<char*>(entry.digest.data()));
    TRY_ASSIGN(entry.info, read_info(rows));
    entries_.push_back(std::move(entry));
  }
}

bool Tokens::is_alive(const TokenInfo& info) const {
  return !info.revoked_at && (!info.expires_at || clock_.now() < *info.expires_at);
}

// With database_mutex_ held.
Result<> Tokens::make_room() {
  std::string oldest;
  {
    const std::lock_guard lock(mutex_);
    if (entries_.size() < kMost) return {};
    const auto ended =
        std::ranges::find_if(entries_, [&](const Entry& entry) { return !is_alive(entry.info); });
    if (ended == entries_.end())
      return fail(ErrorCode::limit_exceeded, {{"name", "tokens"},
                                              {"observed", std::to_string(kMost + 1)},
                                              {"limit", std::to_string(kMost)}});
    oldest = ended->info.id;
  }
  TRY(database_.run("DELETE FROM tokens WHERE id = ?1", oldest));
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.info.id == oldest; });
  return {};
}

Result<NewToken> Tokens::create(Scope scope, std::string name, std::optional<Duration> expires_in) {
  if (!is_name_text(name))
    return fail(ErrorCode::http_invalid_parameter,
                {{"argument", "name"}, {"expected", "at most 100 printable characters"}});
  TRY_ASSIGN(auto token, new_secret());
  TRY_ASSIGN(const auto id, random_bytes(6));
  const auto now = clock_.now();
  Entry entry{.digest = sha256(as_bytes(token.reveal())),
              .info = {.id = hex_encode(id),
                       .name = std::move(name),
                       .scope = scope,
                       .created_at = now,
                       .expires_at = {},
                       .revoked_at = {}}};
  if (expires_in) entry.info.expires_at = now + *expires_in;

  const std::lock_guard database_lock(database_mutex_);
  TRY(make_room());
  TRY_ASSIGN(auto insert,
             database_.prepare("INSERT INTO tokens(digest, id, name, scope, created_at, expires_at)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  TRY(insert.bind_blob(1, bytes_view(entry.digest)));
  TRY(insert.bind(2, entry.info.id));
  TRY(insert.bind(3, entry.info.name));
  TRY(insert.bind(4, to_string(scope)));
  TRY(insert.bind(5, now));
  TRY(insert.bind(6, entry.info.expires_at));
  TRY(insert.step());
  const std::lock_guard lock(mutex_);
  entries_.push_back(entry);
  platform::known_secrets().add(token);
  return NewToken{std::move(entry.info), std::move(token)};
}

std::vector<TokenInfo> Tokens::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<TokenInfo> infos;
  for (const auto& entry : entries_) infos.push_back(entry.info);
  return infos;
}

Result<> Tokens::revoke(std::string_view id) {
  const std::lock_guard database_lock(database_mutex_);
  const auto now = clock_.now();
  TRY(database_.run("UPDATE tokens SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL", now,
                    std::string(id)));
  const std::lock_guard lock(mutex_);
  const auto entry =
      std::ranges::find_if(entries_, [&](const Entry& one) { return one.info.id == id; });
  if (entry == entries_.end())
    return fail(ErrorCode::token_not_found, {{"name", printable(id, 40)}});
  if (!entry->info.revoked_at) entry->info.revoked_at = now;
  return {};
}

// Looks at every entry, and at all bytes of each, so that the time it takes says nothing.
Result<TokenInfo> Tokens::check(std::string_view token) const {
  if (token.size() != kTokenLength || !token.starts_with(kTokenPrefix))
    return fail(ErrorCode::token_invalid);
  const auto digest = sha256(as_bytes(token));
  const std::lock_guard lock(mutex_);
  const Entry* found = nullptr;
  for (const auto& entry : entries_)
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry;
  if (found == nullptr || !is_alive(found->info)) return fail(ErrorCode::token_invalid);
  return found->info;
}

}  // namespace vigie::api
