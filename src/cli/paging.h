// Lists that come in pages: an answer of the API is bounded, what it lists is not.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/context.h"

namespace vigie::cli {

// The items of all pages. `target` is a path with a query, to which the cursor is added. Errors:
// those of asking; internal_error when a page leads to itself.
Result<json::array> all_items(Context& context, const std::string& target);

// What `items` of an answer is; nullptr when there is no such list.
const json::array* find_items(const json::value& answer);

}  // namespace vigie::cli
