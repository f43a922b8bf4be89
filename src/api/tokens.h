// Bearer tokens. A token is `vgt_` and 256 random bits in base64url; state.db holds only its
// SHA-256 (docs/formats/tokens-1.md). All tokens are held in memory too, so that a check waits for
// no disk.
//
// Scopes are ordered: admin may all that operate may, operate all that read may.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "platform/clock.h"
#include "platform/sqlite.h"

namespace vigie::api {

enum class Scope : unsigned char { read, operate, admin };
std::string_view to_string(Scope scope);
Result<Scope> parse_scope(std::string_view text);

struct TokenInfo {
  std::string id;    // 12 hexadecimal digits; not secret
  std::string name;  // words of whoever made it; at most 100 characters
  Scope scope = Scope::read;
  SystemTime created_at;
  std::optional<SystemTime> expires_at;
  std::optional<SystemTime> revoked_at;
};

struct NewToken {
  TokenInfo info;
  Secret token;  // shown once
};

// Thread-safe. `clock` outlives it. It has a connection to state.db of its own.
class Tokens {
 public:
  static constexpr size_t kMost = 1000;

  // Brings the table up to date and reads it.
  static Result<std::unique_ptr<Tokens>> open(const platform::Path& state_db,
                                              const platform::Clock& clock,
                                              const platform::SqliteOptions& options = {});

  // Errors: limit_exceeded, http_invalid_parameter (the name), and those of the database. When
  // there are kMost, the oldest that are revoked or expired make room.
  Result<NewToken> create(Scope scope, std::string name, std::optional<Duration> expires_in);
  std::vector<TokenInfo> list() const;   // sorted by time of creation; revoked ones too
  Result<> revoke(std::string_view id);  // token_not_found
  // The token's info, or token_invalid: unknown, expired and revoked look alike.
  Result<TokenInfo> check(std::string_view token) const;

 private:
  struct Entry {
    Sha256Digest digest{};
    TokenInfo info;
  };

  Tokens(platform::Sqlite database, const platform::Clock& clock)
      : clock_(clock), database_(std::move(database)) {}
  Result<> load();
  Result<> make_room();
  bool is_alive(const TokenInfo& info) const;

  const platform::Clock& clock_;
  std::mutex database_mutex_;   // taken before mutex_, never while it is held
  platform::Sqlite database_;   // guarded by database_mutex_
  mutable std::mutex mutex_;    // held for a look only, never while the disk is waited for
  std::vector<Entry> entries_;  // guarded by mutex_; by time of creation
};

}  // namespace vigie::api
