// Lists that come in pages: an answer of the API is bounded, what it lists is not.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "cli/context.h"

namespace vigie::cli {

// `use` is called with the items of each page. `target` is a path with a query, to which the
// cursor is added. Errors: those of asking and of `use`; internal_error when a page leads to
// itself.
Result<> each_page(Context& context, const std::string& target,
                   const std::function<Result<>(const json::array&)>& use);

// Each page is printed as it comes, none is kept. `nothing`: the words for an empty table. The
// exit status.
int print_pages(Context& context, const std::string& target, const std::vector<ListColumn>& columns,
                std::string_view nothing);

// What `items` of an answer is; nullptr when there is no such list.
const json::array* find_items(const json::value& answer);

}  // namespace vigie::cli
