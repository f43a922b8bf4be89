#include "platform/client_trouble.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace vigie::platform {
namespace {

struct Pattern {
  std::string_view text;
  ClientTrouble trouble;
};

// The first that occurs anywhere decides; the more telling ones stand first.
constexpr Pattern kPatterns[] = {
    {"No space left on device", ClientTrouble::server_full},
    {"Disk quota exceeded", ClientTrouble::server_full},
    {": wrote only ", ClientTrouble::server_full},  // half a block, without the system's words
    {"could not obtain lock on relation", ClientTrouble::lock_timeout},
    {"canceling statement due to lock timeout", ClientTrouble::lock_timeout},
    // Not a timeout and not a read-only transaction, which pg_restore keeps from its session: they
    // are of a function of the archive, on any server.
    {"canceling statement due to user request", ClientTrouble::stopped},
    {"canceling statement due to conflict with recovery", ClientTrouble::stopped},
    {"temporary file size exceeds", ClientTrouble::stopped},
    {"deadlock detected", ClientTrouble::stopped},
    {"query would be affected by row-level security", ClientTrouble::row_security},
    {"password authentication failed", ClientTrouble::authentication},
    {"no password supplied", ClientTrouble::authentication},
    {"no pg_hba.conf entry", ClientTrouble::authentication},
    {"server version mismatch", ClientTrouble::version},
    {"invalid snapshot identifier", ClientTrouble::snapshot},
    {"could not import the requested snapshot", ClientTrouble::snapshot},
    {"could not open file \"pg_snapshots", ClientTrouble::snapshot},
    {"snapshot \"", ClientTrouble::snapshot},
    {"permission denied for", ClientTrouble::permission},
    {"permission denied to", ClientTrouble::permission},
    {"must be owner of", ClientTrouble::permission},
    {"must be member of role", ClientTrouble::permission},
    {"must be able to SET ROLE", ClientTrouble::permission},  // since PostgreSQL 16
    {"must be superuser to", ClientTrouble::permission},
    {"only superuser can", ClientTrouble::permission},
    {"server closed the connection unexpectedly", ClientTrouble::connection},
    {"terminating connection", ClientTrouble::connection},
    {"could not connect to", ClientTrouble::connection},
    {"connection to server", ClientTrouble::connection},
    {"SSL connection has been closed", ClientTrouble::connection},
    {"no connection to the server", ClientTrouble::connection},
    {"out of memory", ClientTrouble::memory},
    {"could not create locale", ClientTrouble::unsupported},
    {"could not open collator for locale", ClientTrouble::unsupported},
    {"invalid locale name", ClientTrouble::unsupported},
    {"ICU is not supported", ClientTrouble::unsupported},
    {"could not access file \"", ClientTrouble::unsupported},
    {"could not load library", ClientTrouble::unsupported},
    {"open extension control file", ClientTrouble::unsupported},
    {"\" is not available", ClientTrouble::unsupported},
    {"collation \"pg_catalog.", ClientTrouble::unsupported},
    {"does not exist", ClientTrouble::missing},
    {"could not open relation", ClientTrouble::missing},
};

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What it says of its own files begins so. What the server said has its severity, of whatever
// language, and two spaces in front.
bool says_own_disk_full(std::string_view line) {
  if (!holds(line, "No space left on device") && !holds(line, "Disk quota exceeded")) return false;
  const bool own = line.starts_with("pg_dump: error: could not ") ||
                   line.starts_with("pg_dumpall: error: could not ");
  return own && !holds(line, ":  ");
}

bool own_disk_full(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (says_own_disk_full(text.substr(0, end))) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

bool names_missing_role(std::string_view text) {
  const size_t at = text.find("ERROR:  role \"");
  return at != std::string_view::npos && holds(text.substr(at, 200), "does not exist");
}

// "pg_dump: error: …": who, and how bad; the rest is somebody else's words.
std::string redacted_line(std::string_view line) {
  constexpr std::string_view kPrefixes[] = {
      "pg_dump: error: ",    "pg_dump: warning: ",    "pg_dump: detail: ",    "pg_dump: hint: ",
      "pg_restore: error: ", "pg_restore: warning: ", "pg_restore: detail: ", "pg_restore: hint: ",
      "pg_dumpall: error: ", "pg_dumpall: warning: ", "pg_dumpall: detail: ", "pg_dumpall: hint: "};
  std::string_view head;
  for (const std::string_view one : kPrefixes) {
    if (line.starts_with(one)) head = one;
  }
  const ClientTrouble trouble = client_trouble(line);
  const std::string_view words = trouble == ClientTrouble::other ? "" : words_for(trouble);
  return fmt::format("{}[{}{}{} bytes]", head, words, words.empty() ? "" : "; ", line.size());
}

}  // namespace

ClientTrouble client_trouble(std::string_view text) {
  // pg_dump's lock-wait timeout is a statement timeout while it locks; the query tells them apart.
  if (holds(text, "canceling statement due to statement timeout") && holds(text, "LOCK TABLE")) {
    return ClientTrouble::lock_timeout;
  }
  // A database that does not exist is told as a failed connection.
  if (holds(text, "FATAL:  database \"") && holds(text, "does not exist")) {
    return ClientTrouble::missing;
  }
  if (names_missing_role(text)) return ClientTrouble::role;
  if (own_disk_full(text)) return ClientTrouble::disk_full;
  for (const Pattern& pattern : kPatterns) {
    if (holds(text, pattern.text)) return pattern.trouble;
  }
  return ClientTrouble::other;
}

std::string_view first_message(std::string_view text, std::string_view program) {
  const std::string own = fmt::format("{}: ", program);
  const std::string detail = own + "detail: ";
  // A loader's complaint of a library may stand in front.
  while (!text.empty() && !text.starts_with(own))
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  size_t end = 0;
  while (text.substr(end).starts_with(own) && !text.substr(end).starts_with(detail))
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(0, end);
}

std::string redacted_output(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(redacted_line(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const size_t first = lines.size() - std::min(lines.size(), kMostLines);
  return fmt::format(
      "{}", fmt::join(lines.begin() + static_cast<std::ptrdiff_t>(first), lines.end(), "\n"));
}

std::string_view words_for(ClientTrouble trouble) {
  switch (trouble) {
    case ClientTrouble::disk_full:
      return "no space left in the staging folder";
    case ClientTrouble::server_full:
      return "the server has no space left";
    case ClientTrouble::lock_timeout:
      return "a lock was not granted in time";
    case ClientTrouble::connection:
      return "the connection to the server was lost or refused";
    case ClientTrouble::authentication:
      return "the server refused the role or its password";
    case ClientTrouble::permission:
      return "the role lacks a right";
    case ClientTrouble::row_security:
      return "row-level security hides rows from the role";
    case ClientTrouble::role:
      return "a role that it names does not exist";
    case ClientTrouble::missing:
      return "something that it names is not there";
    case ClientTrouble::version:
      return "the client is older than the server";
    case ClientTrouble::snapshot:
      return "the snapshot is gone";
    case ClientTrouble::unsupported:
      return "the server does not have a locale, library or extension that is needed";
    case ClientTrouble::memory:
      return "it ran out of memory";
    case ClientTrouble::stopped:
      return "the server gave a statement up: somebody cancelled it, temp_file_limit, or a "
             "deadlock";
    case ClientTrouble::killed:
      return "a signal ended it";
    case ClientTrouble::other:
      break;
  }
  return "an error that is not in the list of known ones";
}

}  // namespace vigie::platform
