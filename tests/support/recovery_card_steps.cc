#include "tests/support/recovery_card_steps.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/contents.h"

namespace vigie::testing {
namespace {

// What stands in the fences that are marked so.
std::string commands_of(const std::string& card, const std::string& fence) {
  std::string out = "set -euo pipefail\n";
  for (size_t at = 0; (at = card.find(fence, at)) != std::string::npos;) {
    const size_t begin = at + fence.size();
    const size_t end = card.find("```", begin);
    out += card.substr(begin, end - begin);
    at = end + 3;
  }
  return out;
}

std::string connection_of(const PgCluster& server) {
  return "PGUSER=postgres PGHOST='" + server.socket_folder().string() + "' PATH='" +
         server.bindir().string() + "':$PATH ";
}

// For libpq and, around it, for the shell.
std::string dbname_word(const std::string& database) {
  std::string word = "dbname='";
  for (const char c : database) {
    if (c == '\'' || c == '\\') word += '\\';
    word += c;
  }
  word += "'";
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string follow(const platform::Path& artefact, const PgCluster& target,
                   const std::string& fence, const platform::Path& key = {}) {
  const TempFolder folder;
  const std::string card = contents(artefact / "RECOVER.md");
  std::ofstream(folder / "commands") << commands_of(card, fence);
  const std::string command = "cd '" + artefact.string() + "' && " + connection_of(target) +
                              "KEY='" + key.string() + "' TMPDIR='" + folder.path().string() +
                              "' bash '" + (folder / "commands").string() + "' > '" +
                              (folder / "said").string() + "' 2>&1";
  if (!card.empty() && std::system(command.c_str()) == 0) return {};
  return contents(folder / "said") + card + "(not followed)";
}

}  // namespace

std::string follow_recovery_card(const platform::Path& artefact, const PgCluster& target,
                                 const platform::Path& key) {
  return follow(artefact, target, "```sh\n", key);
}

std::string follow_other_name(const platform::Path& artefact, const PgCluster& target) {
  return follow(artefact, target, "```bash\n");
}

std::string dump_as_sql(const PgCluster& server, const std::string& database) {
  const TempFolder folder;
  const std::string command = connection_of(server) + "pg_dump -d " + dbname_word(database) +
                              " > '" + (folder / "sql").string() + "'";
  if (std::system(command.c_str()) != 0) return "pg_dump failed";
  std::istringstream lines(contents(folder / "sql"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    // A random word, since 15.14.
    if (line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ")) continue;
    text += line + "\n";
  }
  return text;
}

}  // namespace vigie::testing
