// What a verb works with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cli/backend.h"
#include "cli/console.h"
#include "cli/verb.h"
#include "config/config.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "platform/process.h"

namespace vigie::cli {

// What only the daemon's wiring knows. `stop` is requested by SIGINT and SIGTERM.
struct Hooks {
  std::function<int(const platform::Path& config)> serve;
  // The same routes in this process. Errors: state_locked and those of opening the state.
  std::function<Result<std::unique_ptr<Backend>>(const config::Config&)> open_alone;
  platform::FileSystem* files = nullptr;
  platform::ProcessRunner* processes = nullptr;
  platform::PgConnector* postgres = nullptr;
  const platform::Clock* clock = nullptr;
  std::string version;
  std::stop_token stop;
};

class Context {
 public:
  Context(Arguments arguments, Hooks hooks)
      : arguments_(std::move(arguments)), hooks_(std::move(hooks)), console_(stdout, stderr) {}

  const Arguments& arguments() const { return arguments_; }
  const Hooks& hooks() const { return hooks_; }
  Console& console() { return console_; }
  bool as_table() const { return arguments_.output == Output::table; }

  platform::Path config_path() const;
  // Read once. Errors: config_invalid.
  Result<const config::Config*> config();
  // The daemon when its socket answers, else this process. Errors: state_locked, state_owner,
  // config_*.
  Result<Backend*> backend();
  // One question to the backend; a problem document becomes its Error.
  Result<json::value> ask(const Ask& ask);

  // Says the error and what to do next, on stderr; the exit status that belongs to it.
  int report(const Error& error);
  // An array: a table, one JSON array, or a line for each.
  using CellFn = std::function<Cell(const json::object&)>;
  struct ListColumn {
    Column column;
    CellFn cell;
  };
  void list(const json::array& items, const std::vector<ListColumn>& columns);
  // A value as JSON, when the output is not a table.
  void value(const json::value& value);

 private:
  Result<std::unique_ptr<Backend>> connect();

  Arguments arguments_;
  Hooks hooks_;
  Console console_;
  std::optional<config::Config> config_;
  std::unique_ptr<Backend> backend_;
  std::optional<Refusal> refusal_;  // the last
};

}  // namespace vigie::cli
