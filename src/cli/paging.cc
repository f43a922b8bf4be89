#include "cli/paging.h"

#include "base/encoding.h"
#include "cli/cells.h"

namespace vigie::cli {

const json::array* find_items(const json::value& answer) {
  return answer.is_object() ? find_array(answer.get_object(), "items") : nullptr;
}

Result<> each_page(Context& context, const std::string& target,
                   const std::function<Result<>(const json::array&)>& use) {
  std::string cursor;
  while (true) {
    const std::string page = cursor.empty() ? target : target + "&cursor=" + percent_encode(cursor);
    TRY_ASSIGN(auto answer, context.ask({.target = page}));
    const json::array* items = find_items(answer);
    if (items == nullptr) return fail(ErrorCode::internal_error, {{"reason", "no list"}});
    TRY(use(*items));
    const std::string next = text_of(answer.get_object(), "next_cursor");
    if (next.empty()) return {};
    if (next == cursor)
      return fail(ErrorCode::internal_error, {{"reason", "a page that leads to itself"}});
    cursor = next;
  }
}

int print_pages(Context& context, const std::string& target, const std::vector<ListColumn>& columns,
                std::string_view nothing) {
  ListPrinter printer(context.console(), context.arguments().output, columns);
  const auto printed = each_page(context, target, [&](const json::array& items) -> Result<> {
    printer.add(items);
    // Nobody reads on: `| head`.
    if (context.console().failure() != 0 || context.hooks().stop.stop_requested())
      return fail(ErrorCode::cancelled, {{"reason", "nobody reads on"}});
    return {};
  });
  if (!printed && context.console().failure() != 0) return 1;
  if (!printed) return context.report(printed.error());
  printer.end(nothing);
  return 0;
}

}  // namespace vigie::cli
