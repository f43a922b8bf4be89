#include "cli/context.h"

#include <fmt/format.h>

#include <utility>

#include "base/encoding.h"
#include "cli/cells.h"
#include "platform/lock_file.h"

namespace vigie::cli {

platform::Path Context::config_path() const {
  return arguments_.config.empty() ? config::default_path(*hooks_.files)
                                   : platform::Path(arguments_.config);
}

Result<const config::Config*> Context::config() {
  if (!config_) {
    TRY_ASSIGN(auto loaded, config::load_or_fail(*hooks_.files, config_path()));
    config_ = std::move(loaded);
  }
  return &*config_;
}

// A daemon that answers does the work.
Result<> Context::connect_daemon(const config::Config& config) {
  if (std::exchange(looked_for_daemon_, true)) return {};
  const platform::Path socket = platform::Path(config.state.dir) / "vigie.sock";
  if (!hooks_.files->info(socket)) return {};
  auto daemon = hooks_.reach(socket);
  const std::string theirs = daemon->configuration_sha256();
  if (theirs.empty()) return {};
  if (theirs != config.sha256) {
    console_.words(
        fmt::format("vigie: the daemon runs with another configuration than {}, and goes by its "
                    "own; systemctl reload vigie makes it read its file again",
                    config_path().string()));
  }
  backend_ = std::move(daemon);
  return {};
}

// A lock that is held by something that does not answer keeps nobody from looking. Who wants to
// write gets state_locked from opening the state.
Result<Access> Context::access(const config::Config& config, bool reads) {
  if (!reads) return Access::write;
  TRY_ASSIGN(const auto holder, platform::lock_holder(platform::Path(config.state.dir) / "lock"));
  if (!holder) return Access::read;
  console_.words(
      fmt::format("vigie: process {} owns {} and does not answer; this is what it wrote "
                  "down",
                  *holder, config.state.dir));
  return Access::read_beside;
}

Result<> Context::connect(bool reads) {
  TRY_ASSIGN(const config::Config* const config, this->config());
  TRY(connect_daemon(*config));
  if (backend_ && !alone_) return {};
  TRY_ASSIGN(const Access access, this->access(*config, reads));
  backend_.reset();
  TRY_ASSIGN(backend_, hooks_.open_alone(*config, access));
  alone_ = access;
  return {};
}

Result<bool> Context::alone() {
  if (backend_) return alone_.has_value();
  TRY_ASSIGN(const config::Config* const config, this->config());
  TRY(connect_daemon(*config));
  return backend_ == nullptr;
}

Result<bool> Context::open_state() {
  TRY(connect(false));
  return alone_.has_value();
}

Result<Answer> Context::answer(const Ask& ask) {
  const bool reads = ask.method == "GET";
  if (!backend_ || (!reads && alone_ && *alone_ != Access::write)) TRY(connect(reads));
  return backend_->ask(ask);
}

Result<json::value> Context::ask(const Ask& ask) {
  TRY_ASSIGN(auto answer, this->answer(ask));
  if (answer.good()) return std::move(answer.body);
  refusal_ = refusal_of(answer);
  if (refusal_) return fail(refusal_->info->code);
  return fail(ErrorCode::internal_error,
              {{"reason", fmt::format("an answer with status {}", answer.status)}});
}

std::string Context::with_our_file(std::string next) const {
  const bool help = next.ends_with("--help");
  if (arguments_.config.empty() || help || !next.starts_with("vigie ")) return next;
  const size_t end =
      next.find_last_not_of(' ', std::min(next.size(), next.find_first_of("|;")) - 1);
  return next.insert(end + 1, fmt::format(" -c {}", printable(arguments_.config)));
}

std::string Context::detail_of(const Error& error) const {
  const bool theirs = refusal_ && refusal_->info == &error.info();
  return theirs ? refusal_->detail : error.detail(Audience::operators);
}

int Context::report(const Error& error) {
  const ErrorInfo& info = error.info();
  const bool theirs = refusal_ && refusal_->info == &info;
  const std::string detail = detail_of(error);
  std::string next = theirs ? refusal_->next : error.remedy(Audience::operators);
  // What was not valid came from an option of ours: our own help says more than openapi.yaml.
  const bool ours = info.code == ErrorCode::http_invalid_parameter;
  if (ours || info.code == ErrorCode::usage)
    next = fmt::format("vigie {} --help", arguments_.verb->name);
  console_.words(
      fmt::format("vigie: {}: {}", ours ? error_info(ErrorCode::usage).title : info.title, detail));
  console_.words(fmt::format("  code {}; next: {}", info.name, with_our_file(next)));
  return info.exit_code;
}

void Context::list(const json::array& items, const std::vector<ListColumn>& columns,
                   std::string_view nothing) {
  ListPrinter printer(console_, arguments_.output, columns);
  printer.add(items);
  printer.end(nothing);
}

void Context::value(const json::value& value) {
  console_.data(arguments_.output == Output::jsonl ? canonical_json(value) + "\n"
                                                   : pretty_json(value));
}

void Context::fields(const json::object& value) {
  constexpr size_t kMost = 400;
  for (const auto& member : value) {
    std::string title = member.key();
    for (const std::string& line : value_lines(value, member.key())) {
      console_.data(fmt::format("  {:<18} {}\n", title, printable(line, kMost)));
      title.clear();
    }
  }
}

}  // namespace vigie::cli
