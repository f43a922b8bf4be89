#include "proof/scratch_server.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "platform/dsn.h"
#include "platform/other_user.h"
#include "platform/patience.h"
#include "platform/postmaster.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using platform::Path;

constexpr std::string_view kMarker = "vigie-scratch";
constexpr std::string_view kData = "data";
constexpr std::string_view kMarkerText = "vigie.scratch/1\n";
constexpr std::string_view kSuperuser = "vigie_scratch";  // no role of a backup is called that
constexpr size_t kLongestSocket = 107 - sizeof("/.s.PGSQL.5432");  // sun_path
constexpr auto kStart = 60s;
constexpr auto kBetweenLooks = 25ms;
constexpr auto kStop = 10s;

// A fresh cluster holds no rows that its words could quote, but paths: the run's log has the words.
std::string_view words_for(std::string_view said) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kKnown{
      {{"could not create shared memory segment",  // with the words of a full disk
        "this machine has no System V segment left (ipcs -m, kernel.shmmni)"},
       {"Permission denied", "its user may not enter the scratch folder"},
       {"No space left on device", "the file system is full"},
       {"could not access file", "a library of shared_preload_libraries is not installed"},
       {"could not load library", "a library of shared_preload_libraries cannot be loaded"},
       {"cannot be run as root", "it refuses to run as root"},
       {"could not map anonymous shared memory", "there is not enough memory"}}};
  for (const auto& [sign, words] : kKnown)
    if (said.find(sign) != std::string_view::npos) return words;
  return "the run's log has its words";
}

// Its bytes mean nothing to whoever finds them after a crash: the name is enough.
bool is_ours(const std::vector<platform::Entry>& entries) {
  return entries.empty() || std::ranges::count(entries, kMarker, &platform::Entry::name) > 0;
}

tl::unexpected<Error> in_use(const Path& folder, std::string reason) {
  return fail(ErrorCode::scratch_in_use,
              {{"path", folder.string()}, {"reason", std::move(reason)}});
}

// Also of a server that was killed.
Result<> remove_server(platform::FileSystem& files, const Path& folder) {
  platform::free_shared_memory(files, folder / kData);
  return platform::remove_tree(files, folder);
}

// The lock of a folder that is not there any more.
Result<platform::LockFile> claim(platform::FileSystem& files, const Path& folder) {
  TRY(files.create_folder(folder.parent_path(), 0755));
  auto lock = platform::LockFile::acquire(folder.string() + ".lock");
  if (!lock && lock.error().code() == ErrorCode::state_locked)
    return in_use(folder, "process " + std::string(lock.error().parameter("pid")) + " works in it");
  if (!lock) return lock;
  const auto entries = files.list(folder);
  if (entries && !is_ours(*entries)) return in_use(folder, "it holds what Vigie did not make");
  if (entries) TRY(remove_server(files, folder));
  return lock;
}

void tell(const Work& work, std::string_view program, const platform::ProcessEnd& end) {
  constexpr size_t kLongest = 4000;
  const std::string_view said = end.error_text;
  const std::string_view last = said.substr(said.size() - std::min(said.size(), kLongest));
  if (work.program_ended) work.program_ended(program, end.status, printable(last, kLongest));
}

}  // namespace

Path scratch_folder_of(const DrillOptions& options) {
  return Path(options.scratch.dir) / options.name;
}

Result<> clear_scratch_folder(platform::FileSystem& files, const Path& folder) {
  TRY(claim(files, folder));
  return {};
}

// wal_level=minimal lets a restore skip WAL for a table that it creates and fills in one
// transaction: that made the most difference. Memory is bounded by the sessions of a restore.
std::vector<std::string> scratch_settings(const ScratchRequest& request) {
  std::vector<std::string> settings{
      "listen_addresses=",
      "unix_socket_directories=" + request.folder.string(),
      "unix_socket_permissions=0700",
      "port=5432",
      fmt::format("max_connections={}", 2 * request.jobs + 20),
      "fsync=off",
      "full_page_writes=off",
      "synchronous_commit=off",
      "wal_level=minimal",
      "max_wal_senders=0",
      "max_wal_size=16GB",
      "checkpoint_timeout=1h",
      "archive_mode=off",
      "autovacuum=off",
      "max_locks_per_transaction=512",
      "maintenance_work_mem=128MB",
      "jit=off",
      "dynamic_shared_memory_type=mmap",  // in its folder: killed outright it leaves none behind
      // Nothing in it reaches out.
      "max_worker_processes=0",  // also those that a library of an extension would begin
      "max_logical_replication_workers=0",
      "shared_preload_libraries=" + request.preload,
  };
  if (request.preload.find("pg_cron") != std::string::npos)
    settings.emplace_back("cron.launch_active_jobs=off");
  return settings;
}

ScratchServer::ScratchServer(platform::FileSystem& files, platform::ProcessRunner& processes,
                             ScratchRequest request)
    : files_(files), processes_(processes), request_(std::move(request)) {}

Result<std::unique_ptr<ScratchServer>> ScratchServer::start(platform::FileSystem& files,
                                                            platform::ProcessRunner& processes,
                                                            platform::PgConnector& postgres,
                                                            const platform::Clock& clock,
                                                            ScratchRequest request,
                                                            const Work& work) {
  std::unique_ptr<ScratchServer> server(new ScratchServer(files, processes, std::move(request)));
  TRY(server->take_folder());
  TRY(server->make_folder());
  TRY(server->make_cluster(work));
  TRY(server->launch(work));
  TRY(server->wait_until_it_answers(postgres, clock, work));
  return server;
}

// Whatever happens here, the next drill finds the marker.
ScratchServer::~ScratchServer() {
  if (server_) {
    server_->signal_group(SIGQUIT);
    (void)server_->wait(MonoTime::clock::now() + kStop, {});
    server_.reset();
  }
  if (ours_) (void)remove_server(files_, request_.folder);
}

platform::Dsn ScratchServer::dsn(const std::string& database) const {
  return {"scratch",
          fmt::format("{} port=5432 user={} {}",
                      platform::conninfo_word("host", request_.folder.string()), kSuperuser,
                      platform::conninfo_word("dbname", database)),
          {}};
}

Error ScratchServer::failed(std::string_view program, std::string reason) const {
  return Error(ErrorCode::scratch_failed,
               {{"command", std::string(program)}, {"reason", std::move(reason)}});
}

Result<> ScratchServer::take_folder() {
  if (request_.folder.string().size() > kLongestSocket)
    return fail(failed("postgres", "the path of the scratch folder is too long for a socket"));
  TRY_ASSIGN(lock_, claim(files_, request_.folder));
  return {};
}

Result<> ScratchServer::make_folder() {
  TRY(files_.create_folder(request_.folder, 0700));
  ours_ = true;
  TRY(platform::write_file_replace(files_, request_.folder / kMarker, kMarkerText));
  return platform::give_to_user(request_.folder, request_.user);
}

Result<> ScratchServer::make_cluster(const Work& work) {
  platform::Command command;
  command.program = request_.clients.program("initdb");
  command.folder = request_.folder;
  command.arguments = {"--no-sync",
                       "--auth=trust",  // whoever may enter the folder
                       fmt::format("--username={}", kSuperuser),
                       "--encoding=UTF8",
                       "--locale=C",
                       "--pgdata=" + (request_.folder / kData).string()};
  TRY_ASSIGN(const auto end,
             platform::run_to_end(processes_, platform::as_user(std::move(command), request_.user),
                                  work.deadline, work.stop));
  tell(work, "initdb", end);
  if (end.status == 0) return {};
  return fail(failed("initdb", std::string(words_for(end.error_text))));
}

Result<> ScratchServer::launch(const Work& work) {
  platform::Command command;
  command.program = request_.clients.program("postgres");
  command.folder = request_.folder;
  command.arguments = {"-D", (request_.folder / kData).string()};
  for (std::string& setting : scratch_settings(request_)) {
    command.arguments.emplace_back("-c");
    command.arguments.push_back(std::move(setting));
  }
  TRY_ASSIGN(server_,
             processes_.start(platform::as_user(std::move(command), request_.user), work.stop));
  return {};
}

// A connection that is refused says nothing of a stop, and until there is a socket each one is.
Result<> ScratchServer::wait_until_it_answers(platform::PgConnector& postgres,
                                              const platform::Clock& clock, const Work& work) {
  const platform::Patience patience("the start of postgres", work.limits(), clock);
  const MonoTime late = clock.monotonic() + kStart;
  const MonoTime until = std::min(work.deadline, late);
  const auto probe = dsn("postgres");
  while (server_->running()) {
    if (postgres.connect(probe, "vigie scratch", {until, work.stop})) return {};
    TRY(patience.may_go_on());
    if (clock.monotonic() >= late) return fail(failed("postgres", "it did not answer within 60 s"));
    clock.sleep_until(clock.monotonic() + kBetweenLooks, work.stop);
  }
  TRY_ASSIGN(const auto end, server_->wait(until, work.stop));
  tell(work, "postgres", end);
  return fail(failed("postgres", std::string(words_for(end.error_text))));
}

}  // namespace vigie::proof
