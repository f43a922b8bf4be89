#include "platform/postgres_error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vigie::platform {
namespace {

using Phrase = std::pair<std::string_view, std::string_view>;  // a SQLSTATE or its class

// PostgreSQL's Appendix A. The first that fits.
constexpr std::array<Phrase, 34> kPhrases{{
    {"22021", "a character that the encoding does not have"},
    {"22", "a value that does not fit"},
    {"23", "a constraint is violated"},
    {"25006", "the transaction may only read"},
    {"25", "the transaction is in another state"},
    {"28P01", "the password is wrong, or the role has none"},
    {"28", "the role may not log in"},
    {"3D000", "the database does not exist"},
    {"40P01", "a deadlock"},
    {"40", "the transaction was rolled back"},
    {"42501", "the role lacks a right"},
    {"42601", "a syntax error"},
    {"42883", "a function does not exist"},
    {"42P01", "a table does not exist"},
    {"42703", "a column does not exist"},
    {"42", "the statement does not fit the database"},
    {"53100", "the server's disk is full"},
    {"53200", "the server is out of memory"},
    {"53300", "too many connections"},
    {"53", "the server lacks resources"},
    {"54", "a limit of the server"},
    {"55P03", "a lock was not granted in time"},
    {"55006", "the object is in use"},
    {"55", "the object is in another state"},
    {"57014", "the statement was cancelled"},
    {"57P01", "the session was ended by an administrator or a shutdown"},
    {"57P02", "the server crashed"},
    {"57P03", "the server is starting up or shutting down"},
    {"57P05", "the session was idle for too long"},
    {"58", "the server met an error of its system"},
    {"08", "the connection failed"},
    {"0A", "the server does not support it"},
    {"XX001", "the server found damaged data"},
    {"XX", "an internal error of the server"},
}};

std::string phrase_of(std::string_view sqlstate) {
  const auto found = std::ranges::find_if(
      kPhrases, [&](const Phrase& one) { return sqlstate.starts_with(one.first); });
  return found == kPhrases.end() ? "the server refused the statement" : std::string(found->second);
}

bool ends_the_session(std::string_view sqlstate) {
  return sqlstate.starts_with("57P") || sqlstate.starts_with("08");
}

Error unreachable(std::string_view database, std::string reason) {
  return Error(ErrorCode::database_unreachable,
               {{"database", std::string(database)}, {"reason", std::move(reason)}});
}

Error with_state(ErrorCode code, std::string_view database, std::string_view sqlstate) {
  return Error(code, {{"database", std::string(database)},
                      {"reason", phrase_of(sqlstate)},
                      {"sqlstate", std::string(sqlstate)}});
}

// What the system said, when it was the system.
std::string system_reason(std::string_view message) {
  for (const int one : {ECONNREFUSED, ENOENT, EACCES, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT,
                        ECONNRESET, EPIPE, EAGAIN}) {
    const std::string_view text = std::strerror(one);
    if (message.find(text) != std::string_view::npos) return std::string(text);
  }
  if (message.find("closed the connection") != std::string_view::npos) {
    return "it closed the connection";
  }
  for (const std::string_view word : {"SSL", "certificate"}) {
    if (message.find(word) != std::string_view::npos) return "TLS could not be agreed on";
  }
  return "no connection could be made";
}

}  // namespace

Error statement_error(std::string_view database, std::string_view sqlstate) {
  if (sqlstate.empty()) return connection_lost(database);
  if (sqlstate == "3D000") return with_state(ErrorCode::database_missing, database, sqlstate);
  if (ends_the_session(sqlstate)) {
    return with_state(ErrorCode::database_unreachable, database, sqlstate);
  }
  return with_state(ErrorCode::database_query, database, sqlstate);
}

Error connection_error(std::string_view database, std::string_view message, bool needs_password) {
  if (needs_password) {
    return Error(ErrorCode::database_authentication,
                 {{"database", std::string(database)},
                  {"reason", "it asks for a password and none is configured"},
                  {"sqlstate", "28P01"}});
  }
  const std::string_view sqlstate = sqlstate_in(message);
  if (sqlstate.empty()) return unreachable(database, system_reason(message));
  if (sqlstate == "3D000") return with_state(ErrorCode::database_missing, database, sqlstate);
  if (sqlstate.starts_with("28") || sqlstate == "42501") {
    return with_state(ErrorCode::database_authentication, database, sqlstate);
  }
  return with_state(ErrorCode::database_unreachable, database, sqlstate);
}

Error connection_lost(std::string_view database) {
  return unreachable(database, "the connection was lost");
}

Error timed_out(std::string_view database, std::chrono::seconds after) {
  return Error(ErrorCode::database_timeout,
               {{"database", std::string(database)}, {"seconds", std::to_string(after.count())}});
}

std::string_view sqlstate_in(std::string_view message) {
  constexpr size_t kLength = 5;
  while (message.ends_with('\n') || message.ends_with(' ')) message.remove_suffix(1);
  // "FATAL:  28P01"
  if (message.size() < kLength + 3) return {};
  const std::string_view last = message.substr(message.size() - kLength);
  const bool is_state = std::ranges::all_of(
      last, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  const std::string_view before = message.substr(0, message.size() - kLength);
  return is_state && before.ends_with(":  ") ? last : std::string_view();
}

}  // namespace vigie::platform
