// From what PostgreSQL and libpq say to our codes. Private to the PostgreSQL client.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"

namespace vigie::platform {

// Of a session that is open. The reason is a phrase of ours, chosen by SQLSTATE; the server's own
// text may hold row values and is never kept.
Error statement_error(std::string_view database, std::string_view sqlstate);

// Of one that could not be opened. `message` is libpq's, made with PQERRORS_SQLSTATE, so that it
// holds the SQLSTATE in place of the server's text; only what it is about is taken from it.
Error connection_error(std::string_view database, std::string_view message, bool needs_password);

Error connection_lost(std::string_view database);
Error timed_out(std::string_view database, std::chrono::seconds after);

// "XX000" at the end of libpq's message, or empty.
std::string_view sqlstate_in(std::string_view message);

}  // namespace vigie::platform
