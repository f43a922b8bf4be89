// What an entry's strings go through before they are written: secrets that stand in text by habit
// are struck out, and bytes that are no UTF-8 are escaped. A belt: callers must not hand secrets
// over in the first place. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace vigie::ledger {

// The value of password=, passwd=, pwd=, passphrase=, secret=, token= and api_key= (also with a
// colon or after a percent-encoded sign), "Bearer …" and "Basic …", and what stands between "://"
// and "@": each becomes [redacted].
std::string redacted(std::string_view text);

// The same for every string and key in it, down to kMaxDepth; what lies deeper becomes null.
void redact(json::value& value, size_t depth = 0);

}  // namespace vigie::ledger
