// What a trace is made of: each thing that carries a correlation id as one line for a reader. Pure;
// one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/run.h"

namespace vigie::daemon {

struct TraceItem {
  SystemTime at{};
  std::string what;    // "request", "run KIND", "log EVENT", "artefact", "evidence KIND"
  std::string id;      // of the run, the artefact or the entry
  std::string result;  // of a line of a log: its level, when it is a warning or an error
  std::string detail;

  json::object to_json() const;
};

// Who asked for a run, when and why.
TraceItem request_item(const jobs::RunRow& row);
TraceItem run_item(const jobs::RunRow& row);

// The same of an entry that a person's request has left; nothing of a schedule's or the daemon's.
std::optional<TraceItem> request_item(const json::object& entry);
TraceItem entry_item(const json::object& entry);
// What was made, read, copied or removed, by the entry's word.
std::vector<TraceItem> artefact_items(const json::object& entry);

// The last `most` lines of a run's log; when there are more, one before them that says so. A line
// without a time of its own has that of the line before, the first `began`.
std::vector<TraceItem> log_items(const RunId& run, std::string_view log, SystemTime began,
                                 size_t most);

}  // namespace vigie::daemon
