#include "backup/dump_reason.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace vigie::backup {
namespace {

struct Pattern {
  std::string_view text;
  DumpTrouble trouble;
};

// The first that occurs anywhere decides; the more telling ones stand first.
constexpr Pattern kPatterns[] = {
    {"No space left on device", DumpTrouble::server_full},
    {"Disk quota exceeded", DumpTrouble::server_full},
    {"could not obtain lock on relation", DumpTrouble::lock_timeout},
    {"canceling statement due to lock timeout", DumpTrouble::lock_timeout},
    {"query would be affected by row-level security", DumpTrouble::row_security},
    {"password authentication failed", DumpTrouble::authentication},
    {"no password supplied", DumpTrouble::authentication},
    {"no pg_hba.conf entry", DumpTrouble::authentication},
    {"server version mismatch", DumpTrouble::version},
    {"invalid snapshot identifier", DumpTrouble::snapshot},
    {"could not import the requested snapshot", DumpTrouble::snapshot},
    {"could not open file \"pg_snapshots", DumpTrouble::snapshot},
    {"snapshot \"", DumpTrouble::snapshot},
    {"permission denied for", DumpTrouble::permission},
    {"must be owner of", DumpTrouble::permission},
    {"server closed the connection unexpectedly", DumpTrouble::connection},
    {"terminating connection", DumpTrouble::connection},
    {"could not connect to", DumpTrouble::connection},
    {"connection to server", DumpTrouble::connection},
    {"SSL connection has been closed", DumpTrouble::connection},
    {"no connection to the server", DumpTrouble::connection},
    {"out of memory", DumpTrouble::memory},
    {"does not exist", DumpTrouble::missing},
    {"could not open relation", DumpTrouble::missing},
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

// "pg_dump: error: …": who, and how bad; the rest is somebody else's words.
std::string redacted_line(std::string_view line) {
  constexpr std::string_view kPrefixes[] = {
      "pg_dump: error: ",    "pg_dump: warning: ",    "pg_dump: detail: ",    "pg_dump: hint: ",
      "pg_dumpall: error: ", "pg_dumpall: warning: ", "pg_dumpall: detail: ", "pg_dumpall: hint: "};
  std::string_view head;
  for (const std::string_view one : kPrefixes) {
    if (line.starts_with(one)) head = one;
  }
  const DumpTrouble trouble = dump_trouble(line);
  const std::string_view words = trouble == DumpTrouble::other ? "" : words_for(trouble);
  return fmt::format("{}[{}{}{} bytes]", head, words, words.empty() ? "" : "; ", line.size());
}

}  // namespace

DumpTrouble dump_trouble(std::string_view text) {
  // pg_dump's lock-wait timeout is a statement timeout while it locks; the query tells them apart.
  if (holds(text, "canceling statement due to statement timeout") && holds(text, "LOCK TABLE")) {
    return DumpTrouble::lock_timeout;
  }
  // A database that does not exist is told as a failed connection.
  if (holds(text, "FATAL:  database \"") && holds(text, "does not exist")) {
    return DumpTrouble::missing;
  }
  if (own_disk_full(text)) return DumpTrouble::disk_full;
  for (const Pattern& pattern : kPatterns) {
    if (holds(text, pattern.text)) return pattern.trouble;
  }
  return DumpTrouble::other;
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

std::string_view words_for(DumpTrouble trouble) {
  switch (trouble) {
    case DumpTrouble::disk_full:
      return "no space left in the staging folder";
    case DumpTrouble::server_full:
      return "the server has no space left";
    case DumpTrouble::lock_timeout:
      return "a lock was not granted in time";
    case DumpTrouble::connection:
      return "the connection to the server was lost or refused";
    case DumpTrouble::authentication:
      return "the server refused the role or its password";
    case DumpTrouble::permission:
      return "the role may not read everything";
    case DumpTrouble::row_security:
      return "row-level security hides rows from the role";
    case DumpTrouble::missing:
      return "the database or one of its objects is gone";
    case DumpTrouble::version:
      return "the client is older than the server";
    case DumpTrouble::snapshot:
      return "the snapshot is gone";
    case DumpTrouble::memory:
      return "it ran out of memory";
    case DumpTrouble::killed:
      return "a signal ended it";
    case DumpTrouble::other:
      break;
  }
  return "an error that is not in the list of known ones";
}

}  // namespace vigie::backup
