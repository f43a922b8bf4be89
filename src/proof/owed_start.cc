#include "proof/owed_start.h"

#include <fmt/format.h>

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kCommand = 2min;
constexpr auto kOneLook = 5s;
constexpr auto kBetweenLooks = 200ms;

Result<> start_and_wait(const DurabilityRequest& request, const DurabilityTools& tools,
                        const Work& work) {
  const DurabilityOptions& options = request.options;
  TRY(run_restart(tools, options.name, options.start, work.stop));
  const MonoTime until = tools.clock.monotonic() + options.recovery_timeout;
  if (answers(tools, request.server, until, work.stop)) return {};
  if (work.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  return fail(ErrorCode::durability_no_recovery,
              {{"name", options.name}, {"limit", format_duration(options.recovery_timeout)}});
}

}  // namespace

OwedStarts::OwedStarts(platform::FileSystem& files, platform::Path folder)
    : notes_(files, std::move(folder), ".owed", "vigie.owed-start/1") {}

Result<> OwedStarts::note(const OwedStart& owed) const {
  return notes_.write(owed.proof, {{"run", owed.run.str()}, {"at", format_rfc3339(owed.at)}});
}

Result<OwedStart> OwedStarts::read(const std::string& proof) const {
  TRY_ASSIGN(const json::object note, notes_.read(proof));
  const auto at = parse_rfc3339(text_of(note, "at"));
  if (!at) return fail(notes_.damaged(proof));
  return OwedStart{proof, RunId(text_of(note, "run")), *at};
}

Result<> run_restart(const DurabilityTools& tools, const std::string& proof,
                     const std::vector<std::string>& words, const std::stop_token& stop) {
  platform::Command command;
  command.program = words.front();
  command.arguments.assign(words.begin() + 1, words.end());
  TRY_ASSIGN(const auto end, platform::run_to_end(tools.processes, command,
                                                  tools.clock.monotonic() + kCommand, stop));
  if (end.status == 0) return {};
  return fail(ErrorCode::durability_fault,
              {{"name", proof},
               {"reason", fmt::format("{} ended with status {}", words.front(), end.status)}});
}

bool answers(const DurabilityTools& tools, const platform::Dsn& server, MonoTime deadline,
             const std::stop_token& stop) {
  while (tools.clock.monotonic() < deadline && !stop.stop_requested()) {
    const CallLimits limits{std::min<MonoTime>(deadline, tools.clock.monotonic() + kOneLook), stop};
    const auto session = tools.postgres.connect(server, "vigie durability", limits);
    if (session && (*session)->query("select 1", limits)) return true;
    tools.clock.sleep_until(tools.clock.monotonic() + kBetweenLooks, stop);
  }
  return false;
}

DurabilityReport give_owed_start(const DurabilityRequest& request, const OwedStart& owed,
                                 const DurabilityTools& tools, const Work& work) {
  DurabilityReport report;
  const std::string& name = request.options.name;
  const MonoTime began = tools.clock.monotonic();
  const auto done = start_and_wait(request, tools, work);
  report.durations["start"] = std::chrono::duration_cast<Duration>(tools.clock.monotonic() - began);
  const Error interrupted(
      ErrorCode::durability_fault,
      {{"name", name},
       {"reason",
        "Vigie ended between the fault and the start of the server; the next one has "
        "run restart.start, and the server answers again"}});
  report.error = done ? interrupted : done.error();
  report.deviations.push_back(
      fmt::format("the fault was that of run {}, at {}", owed.run.str(), format_rfc3339(owed.at)));
  return report;
}

}  // namespace vigie::proof
