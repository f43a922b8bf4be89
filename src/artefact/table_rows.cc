#include "artefact/table_rows.h"

#include <fmt/format.h>

namespace vigie::artefact {
namespace {

// The columns that pg_dump names in its COPY: neither dropped nor generated ones.
Result<std::string> own_columns(platform::PgConnection& session, const std::string& table,
                                const CallLimits& limits) {
  TRY_ASSIGN(
      const auto rows,
      session.query(
          "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
          "where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
          {table}, limits));
  return std::string(rows->at(0, 0));
}

std::string quoted(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& column : columns)
    text += (text.empty() ? "" : ", ") + platform::quote_identifier(column);
  return text;
}

Result<std::string> copy_statement(platform::PgConnection& session, const std::string& table,
                                   const std::vector<std::string>& columns,
                                   const std::string& encoding, const CallLimits& limits) {
  std::string names = quoted(columns);
  if (columns.empty()) {
    TRY_ASSIGN(names, own_columns(session, table, limits));
  }
  return fmt::format("copy {}{} to stdout with (encoding {})", table,
                     names.empty() ? "" : fmt::format(" ({})", names),
                     platform::quote_literal(encoding));
}

}  // namespace

Result<RowSummary> read_rows(platform::PgConnection& session, const std::string& table,
                             const std::vector<std::string>& columns, const std::string& encoding,
                             const FingerprintKey& key, const CallLimits& limits) {
  TRY_ASSIGN(const std::string sql, copy_statement(session, table, columns, encoding, limits));
  RowCounter counter(key);
  const auto add = [&](std::string_view line) {
    counter.add(line);
    return true;
  };
  TRY(session.copy_out(sql, add, limits));
  return counter.summary();
}

}  // namespace vigie::artefact
