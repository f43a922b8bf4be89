#include "artefact/row_settings.h"

#include "platform/postgres.h"

namespace vigie::artefact {
namespace {

// PGOPTIONS is split at spaces; a backslash keeps one.
std::string option_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' || c == '\\' || c == '\t' || c == '\n') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

RowSettings row_settings(const Server& server) {
  return {server.encoding, server.lc_monetary};
}

std::string row_settings_sql(const RowSettings& settings) {
  std::string sql =
      "SET search_path = ''; SET DateStyle = ISO; SET IntervalStyle = postgres; "
      "SET extra_float_digits = 3; SET bytea_output = hex; SET TimeZone = 'UTC'; "
      "SET row_security = off; SET quote_all_identifiers = off";
  sql += "; SET lc_monetary = " + platform::quote_literal(settings.lc_monetary);
  return sql;
}

std::string row_settings_pgoptions(const RowSettings& settings) {
  return "-c bytea_output=hex -c TimeZone=UTC -c lc_monetary=" + option_value(settings.lc_monetary);
}

}  // namespace vigie::artefact
