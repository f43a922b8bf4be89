#include "proof/durability.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "platform/dsn.h"
#include "platform/postmaster.h"
#include "platform/system_info.h"
#include "proof/witness_writers.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kWitnessDatabase = "vigie_witness";
constexpr auto kBetweenLooks = 50ms;
constexpr auto kAfterwards = 30s;  // until the server must have taken rows again
constexpr auto kCommand = 2min;
constexpr auto kOneLook = 5s;

struct FaultWords {
  Fault fault;
  std::string_view name;
  std::string_view shows;
};
constexpr std::array<FaultWords, 4> kFaults{
    {{Fault::postmaster_kill, "postmaster_kill",
      "that commits survive the death of every process of the server (WAL and crash recovery); not "
      "fsync: what the kernel holds outlives a process, only a lost machine tests the disk"},
     {Fault::fast_restart, "fast_restart",
      "that commits survive an orderly stop and start; neither crash recovery nor fsync"},
     {Fault::immediate_restart, "immediate_restart",
      "that commits survive a stop without a checkpoint (crash recovery); not fsync"},
     {Fault::command, "command",
      "that commits survive what the command did; not more than that about the disk"}}};

const FaultWords& words_of(Fault fault) {
  return *std::ranges::find(kFaults, fault, &FaultWords::fault);
}

// "1\t42\tcontent\t7"
std::optional<FoundRow> parse_found(std::string_view line) {
  FoundRow found;
  const auto number = [&](auto& into, char behind) {
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), into);
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    const bool fits = error == std::errc() && line.starts_with(behind);
    line.remove_prefix(fits ? 1 : 0);
    return fits;
  };
  if (!number(found.row.writer, '\t') || !number(found.row.seq, '\t')) return std::nullopt;
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  found.content = line.substr(0, tab);
  line.remove_prefix(tab + 1);
  return number(found.position, '\n') ? std::optional(found) : std::nullopt;
}

int signal_of(Fault fault) {
  if (fault == Fault::postmaster_kill) return SIGKILL;
  return fault == Fault::fast_restart ? SIGINT : SIGQUIT;
}

// What makes a commit that is acknowledged one that need not be durable; empty: nothing.
std::string what_is_unsafe(const ServerSettings& settings) {
  if (!settings.fsync) return "fsync";
  if (!settings.full_page_writes) return "full_page_writes";
  const bool early = settings.synchronous_commit == "off";
  return early ? "synchronous_commit" : "";
}

class Proving {
 public:
  Proving(const DurabilityRequest& request, const DurabilityTools& tools, const Work& work)
      : request_(request), options_(request.options), tools_(tools), work_(work) {}

  DurabilityReport run() {
    report_.shows = words_of(options_.fault).shows;
    if (const auto done = all_steps(); !done) report_.error = done.error();
    return std::move(report_);
  }

 private:
  Result<> all_steps() {
    TRY(look_at_server());
    TRY(begin());
    writers_.emplace(WitnessWriters::Setup{tools_.postgres, tools_.clock, witness_dsn(), table_,
                                           key_, static_cast<uint32_t>(options_.writers)},
                     *log_);
    TRY(timed("writing", [&] { return write_for_a_while(); }));
    TRY(timed("down", [&] { return fault_and_recovery(); }));
    const auto writes = write_afterwards();
    writers_->stop();
    TRY_ASSIGN(record_, writers_->record());
    TRY(writes);
    TRY(timed("comparison", [&] { return compare(); }));
    return judge();
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

  platform::Dsn witness_dsn() const {
    platform::Dsn dsn = request_.server;
    dsn.text += " " + platform::conninfo_word("dbname", kWitnessDatabase);
    if (!options_.user.empty()) dsn.text += " " + platform::conninfo_word("user", options_.user);
    if (!options_.password_file.empty()) dsn.password_file = options_.password_file;
    return dsn;
  }
  Result<std::unique_ptr<platform::PgConnection>> connect() {
    return tools_.postgres.connect(witness_dsn(), "vigie durability " + work_.run.str(),
                                   work_.limits());
  }

  Result<> look_at_server() {
    phase("server");
    const auto session = connect();
    if (!session && session.error().code() == ErrorCode::database_missing)
      return fail(ErrorCode::witness_missing, {{"database", options_.database}});
    if (!session) return fail(session.error());
    TRY_ASSIGN(report_.settings, read_server_settings(**session, work_.limits()));
    TRY_ASSIGN(const auto server,
               tools_.postgres.connect(request_.server, "vigie durability", work_.limits()));
    TRY_ASSIGN(const auto seen, read_server_settings(*server, work_.limits()));
    // The role of the backups may read more.
    if (report_.settings->data_directory.empty())
      report_.settings->data_directory = seen.data_directory;
    note_settings(*report_.settings);
    return {};
  }

  void note_settings(const ServerSettings& settings) {
    auto& deviations = report_.deviations;
    if (!settings.checksums) deviations.emplace_back("data checksums are off");
    if (settings.synchronous_commit != "on")
      deviations.push_back("synchronous_commit is " + settings.synchronous_commit);
    for (const std::string& who : settings.asynchronous)
      deviations.push_back("synchronous_commit is set for " + who);
  }

  Result<> begin() {
    key_ = new_run_id().str();
    table_ = "public." + platform::quote_identifier("run_" + work_.run.str().substr(0, 12));
    TRY_ASSIGN(const auto session, connect());
    const auto made = session->query(
        fmt::format("create table {} (writer int, seq bigint, content text, position bigint "
                    "generated always as identity)",
                    table_),
        work_.limits());
    if (!made && made.error().code() == ErrorCode::database_query)
      return fail(ErrorCode::witness_missing, {{"database", options_.database}});
    if (!made) return fail(made.error());
    TRY(tools_.files.create_folder(request_.folder, 0700));
    TRY_ASSIGN(log_, WitnessLog::create(tools_.files, log_path(), key_));
    return {};
  }
  platform::Path log_path() const { return request_.folder / (work_.run.str() + ".log"); }

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
    if (options_.fault == Fault::command) {
      TRY(run_command(options_.command, work_.limits()));
    } else {
      TRY_ASSIGN(const int postmaster, proved_postmaster());
      if (const auto sent = platform::signal_server(postmaster, signal_of(options_.fault)); !sent)
        return could_not(std::string(sent.error().parameter("reason")));
      const auto gone =
          platform::wait_for_end(postmaster, tools_.clock.monotonic() + kCommand, work_.stop);
      if (!options_.start.empty()) TRY(run_command(options_.start, {}));
      TRY(gone);
    }
    phase("recovery");
    return wait_for_server();
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
    if (!postmaster) return could_not("no process of the server can be found on this host");
    TRY_ASSIGN(const auto session, connect());
    const auto children = platform::descendant_processes(*postmaster);
    if (std::ranges::count(children, session->backend_pid()) > 0) return *postmaster;
    return could_not("the server that answers is not the one whose process is on this host");
  }

  // With a deadline of its own: nobody's stop keeps a server down.
  Result<> run_command(const std::vector<std::string>& words, const CallLimits& limits) {
    platform::Command command;
    command.program = words.front();
    command.arguments.assign(words.begin() + 1, words.end());
    TRY_ASSIGN(const auto end,
               platform::run_to_end(tools_.processes, command, tools_.clock.monotonic() + kCommand,
                                    limits.stop));
    if (end.status == 0) return {};
    return could_not(fmt::format("{} ended with status {}", words.front(), end.status));
  }

  // Another postmaster than before answers, and is done with its recovery.
  Result<> wait_for_server() {
    const MonoTime until = tools_.clock.monotonic() + options_.recovery_timeout;
    while (tools_.clock.monotonic() < until && !work_.stop.stop_requested()) {
      if (is_another_postmaster(std::min(until, tools_.clock.monotonic() + kOneLook))) return {};
      tools_.clock.sleep_until(tools_.clock.monotonic() + kBetweenLooks, work_.stop);
    }
    if (work_.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    return fail(ErrorCode::durability_no_recovery,
                {{"name", options_.name}, {"limit", format_duration(options_.recovery_timeout)}});
  }

  bool is_another_postmaster(MonoTime deadline) {
    const CallLimits limits{deadline, work_.stop};
    const auto session = tools_.postgres.connect(witness_dsn(), "vigie durability", limits);
    if (!session) return false;
    const auto now = read_server_settings(**session, limits);
    return now && now->started_at != report_.settings->started_at;
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

  Result<> compare() {
    phase("comparison");
    TRY_ASSIGN(auto found, rows_that_are_there());
    report_.verdict = judge_witness(record_, std::move(found));
    if (!report_.verdict->holds()) return {};
    TRY_ASSIGN(const auto session, connect());
    TRY(session->query(fmt::format("drop table {}", table_), work_.limits()));
    return tools_.files.remove_file(log_path());
  }

  // A table that is gone is as lost as its rows. What is no row of ours is one that nobody sent.
  Result<std::vector<FoundRow>> rows_that_are_there() {
    TRY_ASSIGN(const auto session, connect());
    std::vector<FoundRow> found;
    const auto copied = session->copy_out(
        fmt::format("copy {} (writer, seq, content, position) to stdout", table_),
        [&](std::string_view line) {
          found.push_back(parse_found(line).value_or(FoundRow{}));
          return found.size() <= 2 * kMostWitnessRows;
        },
        work_.limits());
    constexpr std::string_view kUndefinedTable = "42P01";
    if (!copied && copied.error().parameter("sqlstate") == kUndefinedTable)
      found.clear();
    else if (!copied)
      return fail(copied.error());
    return found;
  }

  Result<> judge() {
    const WitnessVerdict& verdict = *report_.verdict;
    if (!verdict.holds())
      return fail(ErrorCode::durability_lost,
                  {{"name", options_.name},
                   {"observed", fmt::format("{}", verdict.lost.size())},
                   {"expected", fmt::format("{}", verdict.acknowledged)},
                   {"reason", fmt::format("{} changed, {} never sent, {} out of order, {} twice",
                                          verdict.changed.size(), verdict.never_sent.size(),
                                          verdict.out_of_order.size(), verdict.twice.size())}});
    const std::string unsafe = what_is_unsafe(*report_.settings);
    if (unsafe.empty()) return {};
    return fail(ErrorCode::durability_unsafe, {{"name", options_.name}, {"reason", unsafe}});
  }

  const DurabilityRequest& request_;
  const DurabilityOptions& options_;
  const DurabilityTools& tools_;
  const Work& work_;
  std::string key_;
  std::string table_;
  std::unique_ptr<WitnessLog> log_;
  std::optional<WitnessWriters> writers_;  // behind the log, which it uses
  WitnessRecord record_;
  DurabilityReport report_;
};

}  // namespace

std::string_view fault_name(Fault fault) {
  return words_of(fault).name;
}

DurabilityReport prove_durability(const DurabilityRequest& request, const DurabilityTools& tools,
                                  const Work& work) {
  return Proving(request, tools, work).run();
}

}  // namespace vigie::proof
