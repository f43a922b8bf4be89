// A list, page by page as it comes: a table, one JSON array, or a line for each item. Nothing of it
// is kept.
#pragma once

#include <functional>
#include <vector>

#include "base/json.h"
#include "cli/console.h"
#include "cli/verb.h"

namespace vigie::cli {

struct ListColumn {
  Column column;
  std::function<Cell(const json::object&)> cell;
};

class ListPrinter {
 public:
  ListPrinter(Console& console, Output output, std::vector<ListColumn> columns);

  void add(const json::array& items);
  // Nothing more comes. A table without rows is `nothing`, as words.
  void end(std::string_view nothing);

 private:
  void add_rows(const json::array& items);

  Console& console_;
  Output output_;
  std::vector<ListColumn> columns_;
  TableLayout layout_;
  bool any_ = false;
};

}  // namespace vigie::cli
