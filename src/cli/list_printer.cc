#include "cli/list_printer.h"

namespace vigie::cli {

ListPrinter::ListPrinter(Console& console, Output output, std::vector<ListColumn> columns)
    : console_(console), output_(output), columns_(std::move(columns)) {
  for (const ListColumn& one : columns_) layout_.columns.push_back(one.column);
}

void ListPrinter::add_rows(const json::array& items) {
  std::vector<Row> rows;
  for (const json::value& item : items) {
    Row& row = rows.emplace_back();
    for (const ListColumn& one : columns_)
      row.push_back(item.is_object() ? one.cell(item.get_object()) : Cell{});
  }
  console_.rows(layout_, rows);
}

void ListPrinter::add(const json::array& items) {
  if (items.empty()) return;
  if (output_ == Output::table) add_rows(items);
  for (const json::value& item : items) {
    if (output_ == Output::jsonl) console_.data(canonical_json(item) + "\n");
    if (output_ == Output::json) console_.data((any_ ? ",\n  " : "[\n  ") + pretty_json(item, 1));
    any_ = true;
  }
}

void ListPrinter::end(std::string_view nothing) {
  if (output_ == Output::json) console_.data(any_ ? "\n]\n" : "[]\n");
  if (output_ == Output::table && !any_ && !nothing.empty()) console_.words(nothing);
}

}  // namespace vigie::cli
