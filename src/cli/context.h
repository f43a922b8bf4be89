// What a verb works with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cli/backend.h"
#include "cli/console.h"
#include "cli/list_printer.h"
#include "cli/verb.h"
#include "config/config.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "platform/process.h"
#include "platform/system_info.h"

namespace vigie::cli {

// What only the daemon's wiring knows. `stop` is requested by SIGINT and SIGTERM.
struct Hooks {
  std::function<int(const platform::Path& config)> serve;
  // The same routes in this process. Errors: state_locked and those of opening the state.
  std::function<Result<std::unique_ptr<Backend>>(const config::Config&, Access)> open_alone;
  std::function<std::unique_ptr<Backend>(const platform::Path& socket)> reach = make_socket_backend;
  platform::FileSystem* files = nullptr;
  platform::ProcessRunner* processes = nullptr;
  platform::PgConnector* postgres = nullptr;
  const platform::Clock* clock = nullptr;
  std::function<std::optional<bool>()> clock_synchronised = platform::clock_synchronised;
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
  // One question to the daemon when its socket answers, else to this process; which reads only,
  // and takes no lock, until something else than GET is asked. Errors: state_locked, state_owner,
  // config_*.
  Result<Answer> answer(const Ask& ask);
  // The same; a problem document becomes its Error.
  Result<json::value> ask(const Ask& ask);
  // No daemon answers: what is asked for is done by this process, and ends with it. Errors as of
  // answer().
  Result<bool> alone();

  // Opens the state folder to write, as a daemon's start does; false: a daemon has it open. Errors:
  // also state_newer, ledger_newer.
  Result<bool> open_state();

  // A command of ours, with -c when we were given one: typed as printed it goes by the same file.
  std::string with_our_file(std::string next) const;
  // What the other side has put into words, where it was that one's error.
  std::string detail_of(const Error& error) const;
  // Says the error and what to do next, on stderr; the exit status that belongs to it.
  int report(const Error& error);
  // As in list_printer.h.
  using ListColumn = cli::ListColumn;
  void list(const json::array& items, const std::vector<ListColumn>& columns,
            std::string_view nothing = "");
  // A value as JSON; for people, one line for each of its members, and a long one is cut.
  void value(const json::value& value);
  void fields(const json::object& value);

 private:
  Result<> connect(bool reads);
  Result<> connect_daemon(const config::Config& config);
  Result<Access> access(const config::Config& config, bool reads);

  Arguments arguments_;
  Hooks hooks_;
  Console console_;
  std::optional<config::Config> config_;
  std::unique_ptr<Backend> backend_;
  std::optional<Access> alone_;  // what the backend may do, when it is this process
  bool looked_for_daemon_ = false;
  std::optional<Refusal> refusal_;  // the last
};

}  // namespace vigie::cli
