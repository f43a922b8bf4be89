#include "cli/cli.h"

#include <cerrno>

namespace vigie::cli {

bool asks_to_serve(int argc, const char* const* argv) {
  const auto words = words_behind_options(argc, argv);
  return !words.empty() && std::string_view(words.front()) == "serve";
}

int run(int argc, const char* const* argv, const Hooks& hooks) {
  Parsed parsed = parse_arguments(argc, argv, verbs());
  if (!parsed.arguments) {
    std::FILE* const to = parsed.exit_code == 0 ? stdout : stderr;
    std::fwrite(parsed.text.data(), 1, parsed.text.size(), to);
    return parsed.exit_code;
  }
  Context context(std::move(*parsed.arguments), hooks);
  const int code = context.arguments().verb->run(context);
  const int failure = context.console().failure();
  if (failure == 0 || code != 0) return code;
  // Whoever closed the pipe knows that he did.
  if (failure != EPIPE) context.console().words("vigie: not all of the answer could be written");
  return 1;
}

}  // namespace vigie::cli
