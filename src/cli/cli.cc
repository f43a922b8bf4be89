#include "cli/cli.h"

namespace vigie::cli {

int run(int argc, const char* const* argv, const Hooks& hooks) {
  Parsed parsed = parse_arguments(argc, argv, verbs());
  if (!parsed.arguments) {
    std::FILE* const to = parsed.exit_code == 0 ? stdout : stderr;
    std::fwrite(parsed.text.data(), 1, parsed.text.size(), to);
    return parsed.exit_code;
  }
  Context context(std::move(*parsed.arguments), hooks);
  return context.arguments().verb->run(context);
}

}  // namespace vigie::cli
