#include "proof/owed_start.h"

#include <fmt/format.h>

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSchema = "vigie.owed-start/1";
constexpr std::string_view kEnding = ".owed";
constexpr Bytes kMostNote = 4_KiB;
constexpr auto kCommand = 2min;
constexpr auto kOneLook = 5s;
constexpr auto kBetweenLooks = 200ms;

std::string text_at(const json::object& object, std::string_view key) {
  const json::string* const found = find_string(object, key);
  return found == nullptr ? std::string() : std::string(*found);
}

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

Result<> OwedStarts::note(const OwedStart& owed) const {
  TRY(files_.create_folder(folder_, 0700));
  TRY(files_.sync_folder(folder_.parent_path()));
  const json::object object{{"schema", kSchema},
                            {"proof", owed.proof},
                            {"run", owed.run.str()},
                            {"at", format_rfc3339(owed.at)}};
  return platform::write_file_replace(files_, path(owed.proof), json_text(object) + "\n");
}

Result<> OwedStarts::settle(const std::string& proof) const {
  const auto removed = files_.remove_file(path(proof));
  if (!removed && removed.error().code() == ErrorCode::file_not_found) return {};
  TRY(removed);
  return files_.sync_folder(folder_);
}

Result<std::vector<std::string>> OwedStarts::proofs() const {
  std::vector<std::string> names;
  const auto entries = files_.list(folder_);
  if (!entries && entries.error().code() == ErrorCode::file_not_found) return names;
  if (!entries) return fail(entries.error());
  for (const platform::Entry& entry : *entries)
    if (entry.name.ends_with(kEnding))
      names.push_back(entry.name.substr(0, entry.name.size() - kEnding.size()));
  return names;
}

Result<OwedStart> OwedStarts::read(const std::string& proof) const {
  TRY_ASSIGN(const std::string text, platform::read_file(files_, path(proof), kMostNote));
  const auto value = parse_json(text);
  const json::object none;
  const json::object& object = value && value->is_object() ? value->get_object() : none;
  const auto at = parse_rfc3339(text_at(object, "at"));
  if (text_at(object, "schema") == kSchema && text_at(object, "proof") == proof && at)
    return OwedStart{proof, RunId(text_at(object, "run")), *at};
  return fail(ErrorCode::file_corrupt, {{"path", path(proof).string()},
                                        {"reason", "it is no note of a start that is owed"}});
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
