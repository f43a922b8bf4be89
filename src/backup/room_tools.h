// What the room works with, and how its runs end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup/take.h"
#include "base/json.h"
#include "ledger/entry.h"
#include "platform/http_client.h"
#include "platform/sqlite.h"

namespace vigie::backup {

// Writes one entry; durable when it returns.
using RecordFn = std::function<Result<>(const ledger::Entry&)>;
// The manifest's SHA-256 that the ledger holds for an artefact; nothing when it knows none. An
// error is not that: then nobody knows, and nothing may be called good.
using RecordedFn = std::function<Result<std::optional<std::string>>(const BackupId&)>;
using WarnFn = std::function<void(std::string_view event, const Error&)>;

// How a run ended: as its worst part did. `error` is of the first part that ended so.
struct Outcome {
  Verdict verdict = Verdict::passed;
  std::optional<Error> error;
  json::object result;

  static Outcome of(const Error& error) { return {error.info().verdict, error, {}}; }
  void note(Verdict part, const std::optional<Error>& why);
  // result.warnings, for status: [{database, code, detail}].
  void warn(const std::string& database, const std::vector<Error>& warnings) {
    tell("warnings", database, warnings);
  }
  // The same under another key, for whoever reads the run.
  void tell(std::string_view key, const std::string& database, const std::vector<Error>& what);
};

struct RoomTools {
  TakeTools take;
  platform::HttpClient& http;
  RecordFn record;
  RecordedFn recorded;
  WarnFn warn;
  platform::Path staging;  // <state>/staging
  platform::SqliteOptions database{};
};

}  // namespace vigie::backup
