// What `vigie check-config` prints.
#pragma once

#include <string>

#include "base/json.h"
#include "config/config.h"

namespace vigie::config {

// One line a problem, by place, then one that sums up; ends with a newline.
std::string as_text(const Loaded& loaded);

// {file, valid, mistakes, warnings, problems: [{severity, code, line, column, field, found,
// expected, nearest}]}; expected and nearest are null when there is none.
json::value as_json(const Loaded& loaded);

}  // namespace vigie::config
