// `dsn:` and `password_file:` of a section of vigie.yaml: a connection string that holds no secret,
// and the file that holds the password.
#pragma once

#include "base/yaml_fields.h"
#include "platform/postgres.h"

namespace vigie::platform {

// `dsn` is required; what is wrong with either stands in the section's problems.
void read_dsn(yaml::Fields& fields, Dsn& dsn);

}  // namespace vigie::platform
