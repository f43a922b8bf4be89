// SQL that gives a role the least rights that work. For psql, as a superuser; it may be run again
// and again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vigie::backup {

enum class GrantRole : unsigned char { dump, monitor, witness };

// Errors: http_invalid_parameter for another word.
Result<GrantRole> parse_grant_role(std::string_view text);

// `role` is the role's name in PostgreSQL; `databases` the names of the databases in the server.
std::string grants_sql(GrantRole kind, std::string_view role,
                       const std::vector<std::string>& databases);

}  // namespace vigie::backup
