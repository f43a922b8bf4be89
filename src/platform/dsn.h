// A libpq connection string as vigie.yaml may hold it: keywords and values, no URI, no secret.
// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error_codes.h"

namespace vigie::platform {

struct DsnMistake {
  ErrorCode code;        // config_value, config_unknown_key or config_secret_inline
  std::string found;     // fixed words; a keyword's name only when it is one of libpq's
  std::string expected;  // fixed words
  std::string nearest;   // one of libpq's keywords, or empty
};

// "host=/run dbname='my app'" split, or nothing when it cannot be.
using DsnWords = std::vector<std::pair<std::string, std::string>>;
std::optional<DsnWords> split_dsn(std::string_view text);

// keyword='value', quoted.
std::string conninfo_word(std::string_view keyword, std::string_view value);

// Nothing when it is one that Vigie accepts.
std::optional<DsnMistake> check_dsn(std::string_view text);

}  // namespace vigie::platform
