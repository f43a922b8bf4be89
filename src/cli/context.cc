#include "cli/context.h"

#include <fmt/format.h>

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

// A daemon that answers does the work. A free lock: this process does it. A lock that is held by
// something that does not answer: state_locked, from open_alone.
Result<std::unique_ptr<Backend>> Context::connect() {
  TRY_ASSIGN(const config::Config* const config, this->config());
  const platform::Path socket = platform::Path(config->state.dir) / "vigie.sock";
  if (hooks_.files->info(socket)) {
    auto backend = make_socket_backend(socket);
    if (const auto answer = backend->ask({.target = "/health"}); answer && answer->good()) {
      const std::string theirs = backend->configuration_sha256();
      if (!theirs.empty() && theirs != config->sha256) {
        console_.words("vigie: the daemon runs with another configuration than " +
                       config_path().string());
      }
      return backend;
    }
  }
  return hooks_.open_alone(*config);
}

Result<Backend*> Context::backend() {
  if (!backend_) {
    TRY_ASSIGN(backend_, connect());
  }
  return backend_.get();
}

Result<json::value> Context::ask(const Ask& ask) {
  TRY_ASSIGN(Backend* const backend, this->backend());
  TRY_ASSIGN(auto answer, backend->ask(ask));
  if (answer.good()) return std::move(answer.body);
  refusal_ = refusal_of(answer);
  if (refusal_) return fail(refusal_->info->code);
  return fail(ErrorCode::internal_error,
              {{"reason", fmt::format("an answer with status {}", answer.status)}});
}

int Context::report(const Error& error) {
  const ErrorInfo& info = error.info();
  // What the other side refused, it has also put into words.
  const bool theirs = refusal_ && refusal_->info == &info;
  console_.words(fmt::format("vigie: {}: {}", info.title,
                             theirs ? refusal_->detail : error.detail(Audience::operators)));
  console_.words(fmt::format("  code {}; next: {}", info.name,
                             theirs ? refusal_->next : error.remedy(Audience::operators)));
  return info.exit_code;
}

void Context::list(const json::array& items, const std::vector<ListColumn>& columns) {
  if (arguments_.output == Output::json) return console_.data(pretty_json(items));
  if (arguments_.output == Output::jsonl) {
    for (const json::value& item : items) console_.data(canonical_json(item) + "\n");
    return;
  }
  std::vector<Column> titles;
  for (const ListColumn& one : columns) titles.push_back(one.column);
  std::vector<Row> rows;
  for (const json::value& item : items) {
    Row& row = rows.emplace_back();
    for (const ListColumn& one : columns)
      row.push_back(item.is_object() ? one.cell(item.get_object()) : Cell{});
  }
  console_.table(titles, rows);
}

void Context::value(const json::value& value) {
  console_.data(arguments_.output == Output::jsonl ? canonical_json(value) + "\n"
                                                   : pretty_json(value));
}

}  // namespace vigie::cli
