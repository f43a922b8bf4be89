// What pg_dump wrote to stderr, as one of a fixed set of reasons. Its own text does not leave this
// file: it holds SQL, and rows where a COPY failed.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace vigie::platform {

enum class ClientTrouble : unsigned char {
  other,
  disk_full,       // no space left where it writes
  server_full,     // no space left where the server writes
  lock_timeout,    // a table's lock was not granted in time
  connection,      // the server went away, or was never there
  authentication,  // the role or its password was refused
  permission,      // the role may not read something
  row_security,    // row-level security would have hidden rows
  role,            // a role does not exist
  missing,         // the database or an object is gone
  version,         // pg_dump is older than the server
  snapshot,        // the exported snapshot is gone
  unsupported,     // the server has not the locale, library or extension
  memory,
  stopped,  // the server gave its statement up: cancelled, temp_file_limit, a deadlock
  killed,   // a signal ended it
};

// `text` as pg_dump wrote it under LANG=C. The server's own messages may be in another language:
// what cannot be told is `other`.
ClientTrouble client_trouble(std::string_view text);
// The first lines of `text` that `program` itself began, without what it says in detail: what
// follows are the words of rows and of statements, in whatever language, and they would choose what
// became of it.
std::string_view first_message(std::string_view text, std::string_view program);
// All of it as one of fixed words for each line, and how long that was: what a log may hold. At
// most kMostLines lines, the last ones.
std::string redacted_output(std::string_view text);
inline constexpr size_t kMostLines = 100;
// A sentence without a subject, of fixed words: "the connection to the server was lost".
std::string_view words_for(ClientTrouble trouble);

}  // namespace vigie::platform
