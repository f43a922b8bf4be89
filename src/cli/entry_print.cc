#include "cli/entry_print.h"

#include "base/encoding.h"
#include "cli/cells.h"
#include "cli/paging.h"

namespace vigie::cli {
namespace {

void print_assertions(Context& context, const json::object& entry) {
  std::vector<Row> rows;
  const json::array* const assertions = find_array(entry, "assertions");
  if (assertions == nullptr) return;
  for (const json::value& item : *assertions) {
    const json::object& one = item.as_object();
    rows.push_back({text_cell(one, "id"), verdict_cell(one, "result"), text_cell(one, "expected"),
                    text_cell(one, "actual")});
  }
  context.console().table({{"CHECK"}, {"RESULT"}, {"EXPECTED"}, {"FOUND"}}, rows);
}

}  // namespace

Result<json::object> read_entry(Context& context, const std::string& id) {
  TRY_ASSIGN(const auto answer,
             context.ask({.target = "/v1/evidence?limit=1&id=" + percent_encode(id)}));
  const json::array* const items = find_items(answer);
  if (items == nullptr || items->empty() || !items->front().is_object())
    return fail(ErrorCode::evidence_not_found, {{"name", id}});
  return items->front().get_object();
}

void print_entry(Context& context, const json::object& entry) {
  if (!context.as_table()) return context.value(entry);
  json::object head = entry;
  head.erase("assertions");
  context.fields(head);
  print_assertions(context, entry);
}

int show_entry(Context& context, const std::string& id) {
  const auto entry = read_entry(context, id);
  if (!entry) return context.report(entry.error());
  print_entry(context, *entry);
  return 0;
}

}  // namespace vigie::cli
