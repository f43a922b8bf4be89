// Does a restored database hold the rows that the backup holds?
#pragma once

#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "base/work.h"
#include "platform/postgres.h"

namespace vigie::proof {

// Of one table. `actual` is nothing when the table is not there.
struct TableDifference {
  std::string table;  // "public.orders"
  artefact::RowSummary expected;
  std::optional<artefact::RowSummary> actual;
};

struct Comparison {
  size_t tables = 0;                         // that were read
  uint64_t rows = 0;                         // that they hold
  std::vector<TableDifference> differences;  // sorted by table
};

struct CompareRequest {
  const artefact::Manifest& manifest;
  std::vector<const artefact::TableEntry*> tables;  // of it
  platform::Dsn dsn;
  std::string application_name;
  unsigned workers = 1;  // sessions, each with a thread of its own
};

// Reads every row of every table. Errors: database_*, restore_rights, cancelled,
// deadline_exceeded.
Result<Comparison> compare_rows(platform::PgConnector& connector, const CompareRequest& request,
                                const Work& work);

}  // namespace vigie::proof
