#include "cli/evidence_logs.h"

#include <fmt/format.h>

#include "cli/cells.h"
#include "ledger/named_log.h"

namespace vigie::cli {
namespace {

constexpr size_t kMostProblems = 1000;

// Of a copy of the ledger none is there.
Cell cell_of(const LogReport& logs) {
  if (logs.problem_count > 0) return {"not as they were", Tone::bad};
  if (logs.there == 0) return {"nothing is known of them", Tone::plain};
  return {"they are as they were", Tone::good};
}

}  // namespace

void LogChecker::problem(uint64_t seq, std::string what) {
  ++report_.problem_count;
  if (report_.problems.size() < kMostProblems)
    report_.problems.push_back({"", 0, seq, std::move(what)});
}

// One that is missing has made room, or this is a copy without logs.
void LogChecker::see(const ledger::LineView& entry) {
  const auto named = ledger::named_log(entry);
  if (!named) return;
  ++report_.named;
  const auto standing =
      jobs::check_run_log(files_, folders_, named->run, named->log.bytes, named->log.sha256);
  const std::string log = "the log of run " + named->run.str();
  if (!standing) return problem(entry.seq, log + " cannot be read");
  if (*standing != jobs::LogStanding::missing) ++report_.there;
  if (*standing == jobs::LogStanding::changed) problem(entry.seq, log + " was changed");
}

json::object to_json(const LogReport& logs) {
  json::array problems;
  for (const ledger::Problem& one : logs.problems)
    problems.push_back(json::object{{"seq", one.seq}, {"what", one.what}});
  return {{"named", logs.named},
          {"there", logs.there},
          {"problem_count", logs.problem_count},
          {"problems", std::move(problems)}};
}

void print(Console& console, const LogReport& logs) {
  if (logs.named == 0) return;
  const Cell cell = cell_of(logs);
  console.data(fmt::format("{} entries name the log of their run, {} of these are there; {}\n",
                           logs.named, logs.there, console.toned(cell.text, cell.tone)));
  for (const ledger::Problem& one : logs.problems)
    console.data(fmt::format("  entry {}: {}\n", one.seq, one.what));
  if (logs.problem_count > logs.problems.size())
    console.data(fmt::format("  and {} more\n", logs.problem_count - logs.problems.size()));
}

}  // namespace vigie::cli
