// The rows of a table as a server says them, counted and fingerprinted as those of a dump are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "artefact/copy_rows.h"
#include "platform/postgres.h"

namespace vigie::artefact {

// `table` is a qualified name, quoted. The session has row_settings_sql() in force; the names are
// in its encoding, the rows in `encoding`, the database's. Errors: database_*, cancelled.
// `columns`: their names in the order that the lines are to have; empty: in the table's.
Result<RowSummary> read_rows(platform::PgConnection& session, const std::string& table,
                             const std::vector<std::string>& columns, const std::string& encoding,
                             const FingerprintKey& key, const CallLimits& limits);

}  // namespace vigie::artefact
