#include "proof/durability.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>

#include "platform/failpoint.h"
#include "platform/file_system_kind.h"
#include "platform/postmaster.h"
#include "platform/system_info.h"
#include "proof/damage.h"
#include "proof/leftovers.h"
#include "proof/owed_start.h"
#include "proof/reboot.h"
#include "proof/sync_speed.h"
#include "proof/witness_table.h"
#include "proof/witness_writers.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 50ms;
constexpr auto kAfterwards = 30s;  // until the server must have taken rows again
constexpr auto kGone = 2min;       // until its last process has ended
constexpr auto kOneLook = 5s;

struct FaultWords {
  Fault fault;
  std::string_view name;
  std::string_view shows;
};
constexpr std::array<FaultWords, 8> kFaults{
    {{Fault::postmaster_kill, "postmaster_kill",
      "that commits survive the death of every process of the server (WAL and crash recovery); not "
      "fsync: what the kernel holds outlives a process, only a lost machine tests the disk"},
     {Fault::fast_restart, "fast_restart",
      "that commits survive an orderly stop and start; neither crash recovery nor fsync"},
     {Fault::immediate_restart, "immediate_restart",
      "that commits survive a stop without a checkpoint (crash recovery); not fsync"},
     {Fault::service_restart, "service_restart",
      "that commits survive a restart by the service's manager; crash recovery only where that one "
      "kills, and not fsync"},
     {Fault::container_restart, "container_restart",
      "that commits survive the end of the container, and that the one after it has the same data; "
      "not fsync: the host lives on; nor whether the stop was orderly"},
     {Fault::command, "command",
      "that commits survive what the command did; not more than that about the disk"},
     {Fault::pod_delete, "pod_delete",
      "that commits survive the end of the pod, and that the one after it has the same data; not "
      "fsync: the node lives on; nor whether the stop was orderly: image and grace decide"},
     {Fault::node_reboot, "node_reboot",
      "nothing yet: the machine restarts, and the next start of Vigie compares"}}};

const FaultWords& words_of(Fault fault) {
  return *std::ranges::find(kFaults, fault, &FaultWords::fault);
}

int signal_of(Fault fault) {
  if (fault == Fault::postmaster_kill) return SIGKILL;
  return fault == Fault::fast_restart ? SIGINT : SIGQUIT;
}

class Proving {
 public:
  Proving(const DurabilityRequest& request, const DurabilityTools& tools, const Work& work)
      : request_(request),
        options_(request.options),
        tools_(tools),
        work_(work),
        table_(proof_table(work.run.str())),
        owed_(tools.files, request.owed),
        reboots_(tools.files, request.owed) {}

  DurabilityReport run() {
    report_.shows = words_of(options_.fault).shows;
    if (const auto done = all_steps(); !done) report_.error = done.error();
    return std::move(report_);
  }

 private:
  Result<> all_steps() {
    TRY(look_at_server());
    TRY(begin());
    writers_.emplace(WitnessWriters::Setup{tools_.postgres, tools_.clock, dsn(), table_, key_,
                                           static_cast<uint32_t>(options_.writers)},
                     *log_);
    TRY(timed("writing", [&] { return write_for_a_while(); }));
    TRY(timed("down", [&] { return fault_and_recovery(); }));
    const auto writes = write_afterwards();
    writers_->stop();
    TRY_ASSIGN(record_, writers_->record());
    TRY(timed("comparison", [&] { return compare(); }));
    const std::string before = report_.settings->what_is_unsafe();
    const auto judged = judge_durability(options_.name, *report_.verdict,
                                         before.empty() ? writers_->unsafe() : before);
    // Where rows are lost, that is why nobody can write.
    if (report_.verdict->holds()) TRY(writes);
    return judged;
  }

  template <class Step>
  Result<> timed(const char* name, Step step) {
    const MonoTime began = tools_.clock.monotonic();
    auto done = step();
    report_.durations[name] =
        std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - began);
    return done;
  }
  void phase(std::string_view name) const {
    work_.progress({name, options_.name, {}, std::nullopt});
  }

  platform::Dsn dsn() const { return witness_dsn(request_.server, options_); }
  Result<std::unique_ptr<platform::PgConnection>> connect() {
    return tools_.postgres.connect(dsn(), "vigie durability " + work_.run.str(), work_.limits());
  }

  // After the fault: the server answers also when the database of the witness is lost.
  Result<std::unique_ptr<platform::PgConnection>> connect_anywhere(const CallLimits& limits) {
    const std::string name = "vigie durability " + work_.run.str();
    auto session = tools_.postgres.connect(dsn(), name, limits);
    const bool lost = !session && session.error().code() == ErrorCode::database_missing;
    return lost ? tools_.postgres.connect(request_.server, name, limits) : std::move(session);
  }

  Result<> look_at_server() {
    phase("server");
    const auto session = connect();
    if (!session && session.error().code() == ErrorCode::database_missing)
      return fail(ErrorCode::witness_missing, {{"database", options_.database}});
    if (!session) return fail(session.error());
    // The role of the backups may read more.
    TRY_ASSIGN(report_.settings,
               read_server_settings(**session, tools_.postgres, request_.server, work_.limits()));
    report_.deviations = report_.settings->deviations();
    return {};
  }

  Result<> begin() {
    key_ = new_run_id().str();
    TRY_ASSIGN(const auto session, connect());
    TRY(tools_.files.create_folder(request_.folder, 0700));
    clear_leftovers(*session);
    look_at_disk();
    // Before the table: what has a log is cleared away one day.
    TRY_ASSIGN(log_, WitnessLog::create(tools_.files, log_path(), key_));
    const auto made = table_.create(*session, options_, work_.limits());
    if (!made) (void)tools_.files.remove_file(log_path());
    return made;
  }
  platform::Path log_path() const { return proof_log(request_.folder, work_.run.str()); }

  // What cannot be cleared away is no reason not to prove.
  void clear_leftovers(platform::PgConnection& session) {
    const auto needed = reboots_.runs();
    const auto cleared = needed ? remove_leftovers(session, tools_.files, request_.folder, *needed,
                                                   tools_.clock.now(), work_.limits())
                                : Result<>(tl::unexpect, needed.error());
    if (!cleared)
      report_.deviations.push_back("what an earlier proof has left cannot be removed: " +
                                   cleared.error().detail(Audience::everybody));
  }

  void look_at_disk() {
    const auto speed = sync_speed(tools_.files, request_.folder, tools_.clock, work_.stop);
    if (!speed) return report_.deviations.push_back("how fast the disk syncs cannot be measured");
    report_.durations["log_sync"] = speed->median;
    const auto said =
        what_sync_speed_says(*speed, *report_.settings, tools_.files, request_.folder);
    report_.deviations.insert(report_.deviations.end(), said.begin(), said.end());
  }

  Result<> write_for_a_while() {
    phase("writing");
    tools_.clock.sleep_until(tools_.clock.monotonic() + options_.duration, work_.stop);
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    if (writers_->acknowledged() > 0) return {};
    return fail(ErrorCode::durability_fault,
                {{"name", options_.name}, {"reason", "the server has acknowledged no row"}});
  }

  // Once the server was hurt it is started again, whatever has stopped the proof.
  Result<> fault_and_recovery() {
    phase("fault");
    if (options_.fault == Fault::node_reboot) return reboot();
    if (is_by_command(options_.fault))
      // To its end, which is near: half-way it may leave the server down.
      TRY(run_restart(tools_, options_.name, options_.command, {}));
    else if (options_.fault == Fault::pod_delete)
      TRY(delete_pod());
    else
      TRY(hurt_and_start());
    phase("recovery");
    TRY(wait_for_server());
    return report_.pods ? look_who_answers() : is_the_same_server();
  }

  // The dsn may lead to a standby that was promoted meanwhile: then nothing was read from the disk
  // of the one that was hurt.
  Result<> is_the_same_server() {
    TRY_ASSIGN(const auto session, connect_anywhere(work_.limits()));
    TRY_ASSIGN(const ServerSettings now, read_server_settings(*session, work_.limits()));
    if (!is_another(report_.settings->cluster, now.cluster)) return {};
    return could_not("another server answers than before: it has another identifier or timeline");
  }

  // A standby may have taken over: then nothing was read from the pod's volume.
  Result<> look_who_answers() {
    TRY_ASSIGN(const auto session, connect_anywhere(work_.limits()));
    TRY_ASSIGN(const std::string address, read_server_address(*session, work_.limits()));
    if (!report_.pods->after || !report_.pods->after->has_address(address))
      report_.deviations.emplace_back(
          "the server that answers afterwards is not that pod: nothing was shown of its volume");
    return {};
  }

  Result<> delete_pod() {
    platform::KubernetesApi api(tools_.http, kubernetes_access(options_.kubernetes, tools_.files));
    TRY_ASSIGN(auto pods, Pods::open(api, options_.name, options_.kubernetes));
    PodFault fault(std::move(pods), options_, tools_.clock, work_);
    const auto befallen = strike_and_wait(fault);
    report_.pods = fault.change();
    if (report_.pods)
      report_.deviations.insert(report_.deviations.end(), report_.pods->deviations.begin(),
                                report_.pods->deviations.end());
    return befallen;
  }

  Result<> strike_and_wait(PodFault& fault) {
    TRY_ASSIGN(const auto session, connect());
    TRY_ASSIGN(std::string address, read_server_address(*session, work_.limits()));
    TRY(fault.strike({std::move(address), report_.settings->data_directory}));
    phase("recovery");
    return fault.wait_for_another(tools_.clock.monotonic() + options_.recovery_timeout);
  }

  Result<> hurt_and_start() {
    TRY_ASSIGN(const int postmaster, proved_postmaster());
    const bool starts = !options_.start.empty();
    if (starts) TRY(owed_.note({options_.name, work_.run, tools_.clock.now()}));
    platform::failpoint("proof.fault.noted");
    if (const auto sent = platform::signal_server(postmaster, signal_of(options_.fault)); !sent) {
      TRY(owed_.settle(options_.name));
      return could_not(std::string(sent.error().parameter("reason")));
    }
    platform::failpoint("proof.fault.sent");
    const auto gone =
        platform::wait_for_end(postmaster, tools_.clock.monotonic() + kGone, work_.stop);
    // Nobody's stop keeps a server down.
    if (starts) TRY(run_restart(tools_, options_.name, options_.start, {}));
    // Its recovery is its own matter: a start that nobody owes must not come in a maintenance.
    TRY(owed_.settle(options_.name));
    return gone;
  }

  // Its note outlives this process: the next one compares. While this one still lives, and nobody
  // stops it, the reboot has not come.
  Result<> reboot() {
    TRY(note_reboot());
    platform::failpoint("proof.reboot.noted");
    const auto asked = run_restart(tools_, options_.name, options_.reboot, {});
    platform::failpoint("proof.reboot.asked");
    const MonoTime until = tools_.clock.monotonic() + options_.recovery_timeout;
    if (asked) tools_.clock.sleep_until(until, work_.stop);
    if (work_.stop.stop_requested())
      return could_not("the machine was told to restart; the next start of Vigie compares");
    TRY(reboots_.settle(options_.name));
    TRY(asked);
    return could_not("the machine was told to restart, and has not within " +
                     format_duration(options_.recovery_timeout));
  }

  Result<> note_reboot() {
    if (!report_.settings->on_this_host)
      return could_not("the server is not reached by its unix socket: it may be elsewhere");
    if (platform::unusual_file_system(request_.folder) == "tmpfs")
      return could_not("the state folder lies on tmpfs, and goes with the machine");
    if (reboots_.read(options_.name))
      return could_not("the comparison after an earlier reboot is not made yet");
    return reboots_.note({options_.name, work_.run, tools_.clock.now(), tools_.boot_id(),
                          report_.settings->cluster, report_.settings->what_is_unsafe(),
                          static_cast<uint32_t>(options_.writers)});
  }

  tl::unexpected<Error> could_not(std::string reason) const {
    return fail(ErrorCode::durability_fault,
                {{"name", options_.name}, {"reason", std::move(reason)}});
  }

  // The data folder's path is the server's word, and this host may have another server there: only
  // a postmaster whose child answers us is the one that is proved.
  Result<int> proved_postmaster() {
    if (report_.settings->data_directory.empty())
      return could_not("the role may not read where the data lies");
    const auto postmaster = platform::postmaster_of(tools_.files, report_.settings->data_directory);
    if (!postmaster && postmaster.error().code() == ErrorCode::file_permission)
      return could_not("the service's user may not enter the server's data folder");
    if (!postmaster) return could_not("no process of the server can be found on this host");
    TRY_ASSIGN(const auto session, connect());
    const auto children = platform::descendant_processes(*postmaster);
    if (std::ranges::count(children, session->backend_pid()) > 0) return *postmaster;
    return could_not("the server that answers is not the one whose process is on this host");
  }

  // Another postmaster than before answers, and is done with its recovery.
  Result<> wait_for_server() {
    const MonoTime until = tools_.clock.monotonic() + options_.recovery_timeout;
    while (tools_.clock.monotonic() < until && !work_.stop.stop_requested()) {
      if (has_restarted(postmaster_start(until))) return {};
      tools_.clock.sleep_until(tools_.clock.monotonic() + kBetweenLooks, work_.stop);
    }
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    // The last of those may have had no time.
    const std::string started = postmaster_start(MonoTime::max());
    if (has_restarted(started)) return {};
    if (!started.empty()) return could_not("the server has not ended: it answers as before");
    return fail(ErrorCode::durability_no_recovery,
                {{"name", options_.name}, {"limit", format_duration(options_.recovery_timeout)}});
  }

  bool has_restarted(const std::string& started) const {
    return !started.empty() && started != report_.settings->started_at;
  }
  // Of whichever server answers; empty: none does.
  std::string postmaster_start(MonoTime until) {
    const CallLimits limits{std::min(until, tools_.clock.monotonic() + kOneLook), work_.stop};
    const auto session = connect_anywhere(limits);
    if (!session) return {};
    const auto now = read_server_settings(**session, limits);
    return now ? now->started_at : std::string();
  }

  // Somebody must be able to write again.
  Result<> write_afterwards() {
    const MonoTime until = tools_.clock.monotonic() + kAfterwards;
    const uint64_t before = writers_->acknowledged();
    while (tools_.clock.monotonic() < until && !work_.stop.stop_requested()) {
      if (writers_->acknowledged() > before + static_cast<uint64_t>(options_.writers)) return {};
      tools_.clock.sleep_until(tools_.clock.monotonic() + kBetweenLooks, work_.stop);
    }
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    return could_not("after its recovery the server acknowledges no row");
  }

  Result<std::vector<FoundRow>> rows_there() {
    TRY_ASSIGN(const auto session, connect());
    return table_.rows(*session, 2 * kMostWitnessRows, work_.limits());
  }

  Result<> compare() {
    phase("comparison");
    auto found = rows_there();
    if (!found) return fail(cannot_be_read(found.error()));
    report_.verdict = judge_witness(record_, std::move(*found));
    if (!report_.verdict->holds()) {
      put_log_aside();
      return {};
    }
    // What stays the next proof clears away.
    const auto session = connect();
    if (session && table_.drop(**session, work_.limits()))
      (void)tools_.files.remove_file(log_path());
    return {};
  }

  Error cannot_be_read(const Error& error) {
    Error found = as_loss(error, options_.name, record_);
    if (verdict_on_server(found) == Verdict::failed) put_log_aside();
    return found;
  }

  // For whoever looks: the next proof would clear it away.
  void put_log_aside() {
    const auto kept = keep_log(tools_.files, request_.folder, work_.run.str());
    if (!kept)
      report_.deviations.push_back("the log of acknowledged rows could not be put aside: " +
                                   kept.error().detail(Audience::everybody));
  }

  const DurabilityRequest& request_;
  const DurabilityOptions& options_;
  const DurabilityTools& tools_;
  const Work& work_;
  std::string key_;
  const WitnessTable table_;
  const OwedStarts owed_;
  const OwedReboots reboots_;
  std::unique_ptr<WitnessLog> log_;
  std::optional<WitnessWriters> writers_;  // behind the log, which it uses
  WitnessRecord record_;
  DurabilityReport report_;
};

}  // namespace

std::string_view fault_name(Fault fault) {
  return words_of(fault).name;
}

Error as_loss(const Error& error, const std::string& name, const WitnessRecord& record) {
  const auto sqlstate = error.parameter("sqlstate");
  const bool gone = error.code() == ErrorCode::database_missing;
  if (!gone && !is_damage(sqlstate)) return error;
  return Error(ErrorCode::durability_lost,
               {{"name", name},
                {"observed", gone ? "all" : "an unknown number"},
                {"expected", fmt::format("{}", judge_witness(record, {}).acknowledged)},
                {"reason", gone ? "the database of the witness is gone"
                                : fmt::format("the server cannot read its table any more "
                                              "(SQLSTATE {})",
                                              sqlstate)}});
}

Result<> judge_durability(const std::string& name, const WitnessVerdict& verdict,
                          const std::string& unsafe) {
  if (!verdict.holds())
    return fail(ErrorCode::durability_lost,
                {{"name", name},
                 {"observed", fmt::format("{}", verdict.lost.size())},
                 {"expected", fmt::format("{}", verdict.acknowledged)},
                 {"reason", fmt::format("{} changed, {} never sent, {} out of order, {} twice",
                                        verdict.changed.size(), verdict.never_sent.size(),
                                        verdict.out_of_order.size(), verdict.twice.size())}});
  if (unsafe.empty()) return {};
  return fail(ErrorCode::durability_unsafe, {{"name", name}, {"reason", unsafe}});
}

DurabilityReport prove_durability(const DurabilityRequest& request, const DurabilityTools& tools,
                                  const Work& work) {
  return Proving(request, tools, work).run();
}

}  // namespace vigie::proof
