// Finds what looks like a secret anywhere in the configuration, under whatever key.
#pragma once

#include "base/problems.h"
#include "base/yaml.h"

namespace vigie::config {

// A URL with a password, a private key, one of Vigie's own tokens, a password in a connection
// string: a mistake each, that says how to do it right and does not quote it.
void refuse_secrets(const yaml::Node& document, Problems& problems);

}  // namespace vigie::config
