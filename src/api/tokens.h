// Bearer tokens. A token is `vgt_` and 256 random bits in base64url; state.db holds only its
// SHA-256. All tokens are held in memory too, so that a check waits for nothing.
//
// Scopes are ordered: admin may all that operate may, operate all that read may.
#pragma once

#include <map>
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

namespace vigie::platform {
class Database;
}

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

// Thread-safe. `database` and `clock` outlive it.
class Tokens {
 public:
  static constexpr size_t kMost = 1000;

  // Brings the table up to date and reads it.
  static Result<std::unique_ptr<Tokens>> open(platform::Database& database,
                                              const platform::Clock& clock);

  // Errors: limit_exceeded, and those of the database.
  Result<NewToken> create(Scope scope, std::string name, std::optional<Duration> expires_in);
  std::vector<TokenInfo> list() const;   // sorted by time of creation; revoked ones too
  Result<> revoke(std::string_view id);  // token_not_found
  // The token's info, or token_invalid: unknown, expired and revoked look alike.
  Result<TokenInfo> check(std::string_view token) const;

 private:
  Tokens(platform::Database& database, const platform::Clock& clock)
      : database_(database), clock_(clock) {}
  Result<> load();

  platform::Database& database_;
  const platform::Clock& clock_;
  mutable std::mutex mutex_;
  std::map<Sha256Digest, TokenInfo> by_digest_;  // guarded by mutex_
};

}  // namespace vigie::api
