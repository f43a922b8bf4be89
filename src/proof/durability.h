// A durability proof: rows are written, a fault befalls the server, and what it had acknowledged
// must be there again, unchanged, and nothing else.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/work.h"
#include "ledger/entry.h"
#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/postgres.h"
#include "platform/process.h"
#include "proof/options.h"
#include "proof/pod_fault.h"
#include "proof/server_settings.h"
#include "proof/witness.h"

namespace vigie::proof {

struct DurabilityTools {
  platform::FileSystem& files;
  platform::ProcessRunner& processes;
  platform::PgConnector& postgres;
  const platform::Clock& clock;
  platform::HttpClient& http;
  std::function<std::string()> boot_id;  // of this host: changes with each start of the machine
};

struct DurabilityRequest {
  const DurabilityOptions& options;
  platform::Dsn server;   // any database of it; the witness's own is put in its place
  platform::Path folder;  // where the log of acknowledged rows is made; outside the server's data
  platform::Path owed;    // where it is noted what is owed: the server's start, a comparison
};

struct DurabilityReport {
  std::optional<Error> error;  // why it did not pass
  std::optional<ServerSettings> settings;
  std::optional<WitnessVerdict> verdict;
  std::map<std::string, Duration> durations;  // writing, down, comparison, log_sync
  std::vector<std::string> deviations;
  std::optional<PodChange> pods;  // of pod_delete, as far as it came
  std::string shows;              // what this fault can show, and what it cannot
  bool node = false;              // the machine has restarted, and the server is on it
};

std::string_view fault_name(Fault fault);  // as in vigie.yaml

// What such an end says of the server: only what was found after a fault speaks against it. A role
// that is refused, a server that is down before anything began or a fault that did not come about
// says nothing of it, whatever verdict the code has for other runs.
inline Verdict verdict_on_server(const Error& error) {
  const bool found = error.code() == ErrorCode::durability_lost ||
                     error.code() == ErrorCode::durability_no_recovery;
  return found ? error.info().verdict : Verdict::could_not_verify;
}

// What the server that came back cannot give any more is lost, as its rows would be: its witness's
// database, or pages and files of the table. Any other error says nothing, and stays as it is.
Error as_loss(const Error& error, const std::string& name, const WitnessRecord& record);

// What a comparison says of the server. `unsafe`: a setting under which it was luck; empty: none.
// Errors: durability_lost, durability_unsafe.
Result<> judge_durability(const std::string& name, const WitnessVerdict& verdict,
                          const std::string& unsafe);

// Never fails as a call. The table of witnesses is removed when the proof has passed.
DurabilityReport prove_durability(const DurabilityRequest& request, const DurabilityTools& tools,
                                  const Work& work);

}  // namespace vigie::proof
