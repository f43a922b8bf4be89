// What an entry says of the log of its run.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/json.h"
#include "ledger/line.h"

namespace vigie::ledger {

// The log of an entry's run, as it was when the entry was written: its first bytes.
struct RunLogRef {
  std::string sha256;
  Bytes bytes;
};

struct NamedLog {
  RunId run;
  RunLogRef log;
};

// Nothing when it names none, or what it says cannot be understood. Pure; cheap when there is none.
std::optional<NamedLog> named_log(const LineView& entry);
std::optional<NamedLog> named_log(const json::object& entry);

}  // namespace vigie::ledger
