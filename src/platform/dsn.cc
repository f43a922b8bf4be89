#include "platform/dsn.h"

#include <algorithm>

#include "base/nearest.h"

namespace vigie::platform {
namespace {

constexpr std::string_view kBlanks = " \t\n\r\f\v";  // libpq's
constexpr std::string_view kDsnWords =
    "keywords and values, such as host=/run/postgresql dbname=app user=vigie";
constexpr std::string_view kNoSecret =
    "no password in it: put it into a file of mode 0600, named by password_file";

// Those that say where the server is and how to reach it. What Vigie sets itself (application_name,
// options, client_encoding) is not among them.
const std::vector<std::string>& keywords() {
  static const std::vector<std::string> kKeywords{"host",
                                                  "hostaddr",
                                                  "port",
                                                  "dbname",
                                                  "user",
                                                  "service",
                                                  "sslmode",
                                                  "sslrootcert",
                                                  "sslcert",
                                                  "sslkey",
                                                  "sslcrl",
                                                  "sslcrldir",
                                                  "sslsni",
                                                  "sslcompression",
                                                  "ssl_min_protocol_version",
                                                  "keepalives",
                                                  "keepalives_idle",
                                                  "ssl_max_protocol_version",
                                                  "gssencmode",
                                                  "krbsrvname",
                                                  "keepalives_interval",
                                                  "gsslib",
                                                  "connect_timeout",
                                                  "keepalives_count",
                                                  "requirepeer",
                                                  "channel_binding",
                                                  "target_session_attrs",
                                                  "tcp_user_timeout"};
  return kKeywords;
}

// Takes a value off the front: to the next blank, or in single quotes; a backslash takes the next
// character as it is.
std::optional<std::string> take_value(std::string_view& text) {
  std::string value;
  const bool quoted = text.starts_with('\'');
  if (quoted) text.remove_prefix(1);
  while (!text.empty()) {
    if (quoted ? text.front() == '\'' : kBlanks.find(text.front()) != std::string_view::npos) break;
    if (text.front() == '\\') text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    value += text.front();
    text.remove_prefix(1);
  }
  if (quoted && text.empty()) return std::nullopt;
  if (quoted) text.remove_prefix(1);
  return value;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

std::optional<DsnMistake> check_keyword(const std::string& keyword) {
  if (keyword == "password" || keyword == "sslpassword" || keyword == "passfile")
    return DsnMistake{
        ErrorCode::config_secret_inline, "holds " + keyword, std::string(kNoSecret), {}};
  if (std::ranges::find(keywords(), keyword) != keywords().end()) return std::nullopt;
  return DsnMistake{ErrorCode::config_unknown_key, "has a keyword that is not known here",
                    std::string(kDsnWords), nearest_name(keyword, keywords())};
}

bool names_a_database(const DsnWords& words) {
  return std::ranges::any_of(words, [](const auto& word) {
    return (word.first == "dbname" || word.first == "service") && !word.second.empty();
  });
}

// A dbname that is itself a connection string would be expanded by libpq.
bool smuggles(const DsnWords& words) {
  return std::ranges::any_of(words, [](const auto& word) {
    return word.first == "dbname" && (word.second.find('=') != std::string::npos ||
                                      word.second.find("://") != std::string::npos);
  });
}

}  // namespace

std::optional<DsnWords> split_dsn(std::string_view text) {
  DsnWords words;
  for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
    const size_t end = std::min(text.find_first_of(" \t\n\r\f\v="), text.size());
    std::string keyword(text.substr(0, end));
    text.remove_prefix(end);
    skip_blanks(text);
    if (keyword.empty() || !text.starts_with('=')) return std::nullopt;
    text.remove_prefix(1);
    skip_blanks(text);
    auto value = take_value(text);
    if (!value) return std::nullopt;
    words.emplace_back(std::move(keyword), std::move(*value));
  }
  return words;
}

std::string conninfo_word(std::string_view keyword, std::string_view value) {
  std::string out = std::string(keyword) + "='";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::optional<DsnMistake> check_dsn(std::string_view text) {
  const bool uri = text.starts_with("postgres://") || text.starts_with("postgresql://");
  const auto words = uri ? std::nullopt : split_dsn(text);
  if (!words)
    return DsnMistake{ErrorCode::config_value,
                      uri ? "is a URI" : "is not a connection string",
                      std::string(kDsnWords),
                      {}};
  for (const auto& [keyword, value] : *words) {
    if (auto mistake = check_keyword(keyword)) return mistake;
  }
  if (!names_a_database(*words))
    return DsnMistake{ErrorCode::config_value, "names no database", "dbname=…", {}};
  if (smuggles(*words))
    return DsnMistake{
        ErrorCode::config_value, "has a connection string in dbname", "a database's name", {}};
  return std::nullopt;
}

}  // namespace vigie::platform
