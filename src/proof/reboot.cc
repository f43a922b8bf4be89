#include "proof/reboot.h"

#include <algorithm>

#include "proof/leftovers.h"
#include "proof/owed_start.h"
#include "proof/sync_speed.h"
#include "proof/witness_log.h"
#include "proof/witness_table.h"
#include "proof/witness_writers.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kComparison = 5min;
constexpr auto kClearing = 10s;
constexpr std::string_view kShows =
    "that commits survived the restart of the machine that the configured command asked for, after "
    "which only what was written to the disk is there; when that was orderly, the server was "
    "stopped and everything was written first";

// Until the reboot has come, or would have had to. False: stopped.
bool wait_for_reboot(const DurabilityRequest& request, const OwedReboot& owed,
                     const DurabilityTools& tools, const std::stop_token& stop) {
  const Duration timeout = request.options.recovery_timeout;
  const Duration left = std::clamp(owed.at + timeout - tools.clock.now(), Duration{0}, timeout);
  return tools.clock.sleep_until(tools.clock.monotonic() + left, stop);
}

// Beside the time that the server has: firmware, kernel, services.
constexpr Duration kMachineStart = std::chrono::minutes(15);

class Comparing {
 public:
  Comparing(const DurabilityRequest& request, const OwedReboot& owed, const DurabilityTools& tools,
            const Work& work)
      : request_(request), options_(request.options), owed_(owed), tools_(tools), work_(work) {}

  DurabilityReport run() {
    report_.shows = kShows;
    report_.node = true;
    if (const auto done = compare(); !done) report_.error = done.error();
    return std::move(report_);
  }

 private:
  Result<> compare() {
    TRY(is_the_reboot());
    TRY_ASSIGN(WitnessRecord record, noted());
    const MonoTime until = tools_.clock.monotonic() + options_.recovery_timeout;
    if (!answers(tools_, request_.server, until, work_.stop)) return no_answer();
    const CallLimits limits{tools_.clock.monotonic() + kComparison, work_.stop};
    TRY_ASSIGN(const auto session,
               tools_.postgres.connect(witness_dsn(request_.server, options_),
                                       "vigie durability " + work_.run.str(), limits));
    TRY_ASSIGN(report_.settings,
               read_server_settings(*session, tools_.postgres, request_.server, limits));
    report_.deviations = report_.settings->deviations();
    auto shared = what_shared_disk_says(*report_.settings, tools_.files, request_.folder);
    if (shared) report_.deviations.push_back(std::move(*shared));
    TRY(is_the_same_server());
    auto found =
        WitnessTable(proof_table(owed_.run.str())).rows(*session, 2 * kMostWitnessRows, limits);
    if (!found) return fail(as_loss(found.error(), options_.name, record));
    report_.verdict = judge_witness(record, std::move(*found));
    if (report_.verdict->is_newer_than_its_log())
      return could_not("the log of acknowledged rows is older than the table");
    const std::string& unsafe =
        owed_.unsafe.empty() ? report_.settings->what_is_unsafe() : owed_.unsafe;
    return judge_durability(options_.name, *report_.verdict, unsafe);
  }

  // What was restarted weeks later, for another reason, proves nothing of that moment.
  Result<> is_the_reboot() const {
    if (tools_.boot_id().empty())
      return could_not("whether the machine has restarted is not known");
    if (tools_.clock.now() <= owed_.at + options_.recovery_timeout + kMachineStart) return {};
    return could_not("the machine was told to restart at " + format_rfc3339(owed_.at) +
                     ", and this start came too late to be that one");
  }

  // Of each writer one row more may have been on its way.
  Result<WitnessRecord> noted() const {
    auto record = read_witness_log(tools_.files, proof_log(request_.folder, owed_.run.str()));
    if (!record) return could_not("the log of acknowledged rows cannot be read");
    if (record->acknowledged.empty()) return could_not("no row was acknowledged before it");
    for (uint32_t writer = 1; writer <= owed_.writers; ++writer)
      record->sent[writer] = std::max<uint64_t>(record->sent[writer], 1);
    return record;
  }

  Result<> is_the_same_server() const {
    if (!report_.settings->on_this_host)
      return could_not(
          "the server is not reached by its unix socket any more: it may be elsewhere");
    if (report_.settings->standby)
      return could_not("a standby answers: what it holds another server has sent it");
    if (!is_another(owed_.cluster, report_.settings->cluster)) return {};
    return could_not("another server answers than before: it has another identifier or timeline");
  }

  Result<> no_answer() const {
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    return fail(ErrorCode::durability_no_recovery,
                {{"name", options_.name}, {"limit", format_duration(options_.recovery_timeout)}});
  }

  tl::unexpected<Error> could_not(std::string reason) const {
    return fail(ErrorCode::durability_fault,
                {{"name", options_.name}, {"reason", std::move(reason)}});
  }

  const DurabilityRequest& request_;
  const DurabilityOptions& options_;
  const OwedReboot& owed_;
  const DurabilityTools& tools_;
  const Work& work_;
  DurabilityReport report_;
};

}  // namespace

OwedReboots::OwedReboots(platform::FileSystem& files, platform::Path folder)
    : notes_(files, std::move(folder), ".reboot", "vigie.owed-reboot/1") {}

Result<> OwedReboots::note(const OwedReboot& owed) const {
  return notes_.write(owed.proof, {{"run", owed.run.str()},
                                   {"at", format_rfc3339(owed.at)},
                                   {"boot_id", owed.boot_id},
                                   {"system_identifier", owed.cluster.system_identifier},
                                   {"timeline", owed.cluster.timeline},
                                   {"unsafe", owed.unsafe},
                                   {"writers", owed.writers}});
}

Result<OwedReboot> OwedReboots::read(const std::string& proof) const {
  TRY_ASSIGN(const json::object note, notes_.read(proof));
  const auto at = parse_rfc3339(text_of(note, "at"));
  const json::value* const writers = find_value(note, "writers");
  const std::string run = text_of(note, "run");
  const std::string boot_id = text_of(note, "boot_id");
  const bool counts = writers != nullptr && writers->is_int64() && writers->get_int64() > 0 &&
                      writers->get_int64() <= kMostWriters;
  if (!at || !counts || run.empty() || boot_id.empty()) return fail(notes_.damaged(proof));
  return OwedReboot{proof,
                    RunId(run),
                    *at,
                    boot_id,
                    {text_of(note, "system_identifier"), text_of(note, "timeline")},
                    text_of(note, "unsafe"),
                    static_cast<uint32_t>(writers->get_int64())};
}

Result<std::set<std::string>> OwedReboots::runs() const {
  std::set<std::string> runs;
  TRY_ASSIGN(const auto names, proofs());
  for (const std::string& name : names) {
    // A damaged note may be of any log: then none is cleared away.
    TRY_ASSIGN(const OwedReboot owed, read(name));
    runs.insert(owed.run.str());
  }
  return runs;
}

std::optional<DurabilityReport> settle_reboot(const DurabilityRequest& request,
                                              const OwedReboot& owed, const DurabilityTools& tools,
                                              const Work& work) {
  if (tools.boot_id() != owed.boot_id) {
    auto report = Comparing(request, owed, tools, work).run();
    if (work.stop.stop_requested()) return std::nullopt;
    return report;
  }
  if (!wait_for_reboot(request, owed, tools, work.stop)) return std::nullopt;
  DurabilityReport report;
  report.error = Error(ErrorCode::durability_fault,
                       {{"name", owed.proof},
                        {"reason", "the machine was told to restart at " + format_rfc3339(owed.at) +
                                       ", and has not"}});
  return report;
}

Result<> clear_reboot(const DurabilityRequest& request, const OwedReboot& owed,
                      const DurabilityReport& report, const DurabilityTools& tools,
                      const Work& work) {
  // First: without it a second comparison would speak of rows that are not there any more.
  TRY(OwedReboots(tools.files, request.owed).settle(owed.proof));
  const std::string run = owed.run.str();
  if (!report.verdict) return {};
  if (!report.verdict->holds()) return keep_log(tools.files, request.folder, run);
  const CallLimits limits{tools.clock.monotonic() + kClearing, work.stop};
  TRY_ASSIGN(const auto session,
             tools.postgres.connect(witness_dsn(request.server, request.options),
                                    "vigie durability " + work.run.str(), limits));
  TRY(WitnessTable(proof_table(run)).drop(*session, limits));
  return tools.files.remove_file(proof_log(request.folder, run));
}

}  // namespace vigie::proof
