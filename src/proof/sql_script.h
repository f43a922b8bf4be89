// The SQL that PostgreSQL's own programs write (pg_dumpall --globals-only; the entries of
// pg_restore --create that speak of the database itself), as statements.
//
// Lexical structure: PostgreSQL manual, section 4.1, with standard_conforming_strings on, as those
// programs set it. What is for psql (\connect, \restrict, to the end of its line) is left out.
// Bodies of functions in SQL-standard form (BEGIN ATOMIC) do not occur there and are not
// understood. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace vigie::proof {

inline constexpr Bytes kMaxScript = 64_MiB;

// Without their semicolons, without the comments and blanks before them. Error: sql_unreadable when
// a quote, a comment or a dollar-quoted string has no end.
Result<std::vector<std::string>> split_statements(std::string_view script);

// The name behind the first `keyword` (lower case) of a statement; empty when there is none.
std::string name_after(std::string_view statement, std::string_view keyword);

// The statement with the database that it speaks of (the name behind DATABASE) called `to` where it
// was called `from`. Any other statement comes back as it is.
std::string with_database_renamed(std::string_view statement, std::string_view from,
                                  std::string_view to);

}  // namespace vigie::proof
