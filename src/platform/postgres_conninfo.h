// A libpq connection string taken apart. Private to the PostgreSQL client.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "platform/postgres.h"

namespace vigie::platform {

struct ConninfoOption {
  std::string keyword;
  std::string environment;  // the PG* variable of the same meaning; empty: none
  std::string value;
};

struct Conninfo {
  std::vector<ConninfoOption> options;  // those that the string sets

  std::string_view value(std::string_view keyword) const;  // empty when it is not set
};

// Key=value pairs or a URI. An error never holds the text.
Result<Conninfo> parse_conninfo(const Dsn& dsn);

// From the password file, else from the string itself; nothing when neither has one.
Result<std::optional<Secret>> password_of(const Dsn& dsn, const Conninfo& info);

std::string application_name_of(std::string_view name);  // cut at 63 bytes

}  // namespace vigie::platform
