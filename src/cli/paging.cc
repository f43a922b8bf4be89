#include "cli/paging.h"

#include "base/encoding.h"
#include "cli/cells.h"

namespace vigie::cli {

const json::array* find_items(const json::value& answer) {
  return answer.is_object() ? find_array(answer.get_object(), "items") : nullptr;
}

Result<json::array> all_items(Context& context, const std::string& target) {
  json::array all;
  std::string cursor;
  while (true) {
    const std::string page = cursor.empty() ? target : target + "&cursor=" + percent_encode(cursor);
    TRY_ASSIGN(auto answer, context.ask({.target = page}));
    const json::array* items = find_items(answer);
    if (items == nullptr) return fail(ErrorCode::internal_error, {{"reason", "no list"}});
    all.insert(all.end(), items->begin(), items->end());
    const std::string next = text_of(answer.get_object(), "next_cursor");
    if (next.empty()) return all;
    if (next == cursor)
      return fail(ErrorCode::internal_error, {{"reason", "a page that leads to itself"}});
    cursor = next;
  }
}

}  // namespace vigie::cli
