#include <libpq-fe.h>

#include <charconv>
#include <memory>

#include "platform/file_system.h"
#include "platform/postgres.h"
#include "platform/postgres_conninfo.h"
#include "platform/secret_file.h"

namespace vigie::platform {
namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

// passfile syntax: a colon or a backslash in a field is escaped.
std::string passfile_line(const std::string& password) {
  std::string line = "*:*:*:*:";
  for (const char c : password) {
    if (c == ':' || c == '\\') line += '\\';
    line += c;
  }
  return line + "\n";
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  return doubled(name, '"');
}

std::string quote_literal(std::string_view text) {
  std::string out = text.find('\\') == std::string_view::npos ? "'" : "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

long long PgRows::integer(size_t row, size_t column) const {
  const std::string_view text = at(row, column);
  long long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

namespace {

// They have no variable, and hold no secret: others may see them in argv.
bool watches_the_line(std::string_view keyword) {
  return keyword.starts_with("keepalives") || keyword == "tcp_user_timeout";
}

std::string conninfo_item(const ConninfoOption& option) {
  std::string out = option.keyword + "='";
  for (const char c : option.value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

Result<PgClientAccess> client_access(const Dsn& dsn, const std::string& folder,
                                     std::string_view application_name) {
  TRY_ASSIGN(const Conninfo info, parse_conninfo(dsn));
  TRY_ASSIGN(const std::optional<Secret> password, password_of(dsn, info));
  PgClientAccess access;
  for (const ConninfoOption& one : info.options) {
    // PGPASSWORD would show in /proc/PID/environ.
    if (one.keyword == "password" || one.keyword == "application_name") continue;
    if (!one.environment.empty()) access.environment.emplace_back(one.environment, one.value);
    if (watches_the_line(one.keyword))
      access.conninfo += (access.conninfo.empty() ? "" : " ") + conninfo_item(one);
  }
  access.environment.emplace_back("PGAPPNAME", application_name_of(application_name));
  if (!password) return access;
  if (password->reveal().find('\n') != std::string::npos) {
    return fail(ErrorCode::secret_file_invalid,
                {{"path", dsn.password_file}, {"reason", "a password of several lines"}});
  }
  const Path passfile = Path(folder) / "pgpass";
  const Secret line(passfile_line(password->reveal()));
  TRY(write_file_replace(real_file_system(), passfile, line.reveal(), 0600));
  std::erase_if(access.environment, [](const auto& one) { return one.first == "PGPASSFILE"; });
  access.environment.emplace_back("PGPASSFILE", passfile.string());
  return access;
}

}  // namespace vigie::platform
