#include "backup/dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "backup/dump_files.h"
#include "backup/nameless_file.h"
#include "backup/seal_files.h"
#include "backup/seal_queue.h"
#include "platform/client_trouble.h"
#include "platform/folder_watch.h"
#include "platform/patience.h"
#include "platform/staging_file.h"

namespace vigie::backup {
namespace {

using artefact::FileKind;
using platform::Path;
using platform::Process;
using platform::ProcessEnd;

// pg_dump writes a few megabytes, or ten small files, in that time.
constexpr std::chrono::milliseconds kTick{5};
constexpr std::chrono::seconds kLastWords{5};
constexpr Bytes kMaxBlobsToc = 16_MiB;  // a line of a large object has about thirty bytes

// A name that holds "=" would be taken for a connection string.
std::string quoted_conninfo(const std::string& database) {
  std::string out = "dbname='";
  for (const char c : database) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

void append_option(std::vector<std::pair<std::string, std::string>>& environment,
                   const std::string& options) {
  const auto found = std::ranges::find(environment, std::string("PGOPTIONS"),
                                       &std::pair<std::string, std::string>::first);
  if (found == environment.end()) {
    environment.emplace_back("PGOPTIONS", options);
  } else {
    found->second += " " + options;
  }
}

class Dumping {
 public:
  Dumping(const DumpRequest& request, const DumpTools& tools, store::ArtefactWriter& out,
          const CallLimits& limits)
      : request_(request), tools_(tools), out_(out), limits_(limits) {}

  Result<DumpResult> run() {
    TRY(prepare());
    TRY_ASSIGN(auto globals, start_globals());
    TRY(dump_and_seal());
    TRY(check_large_objects());
    TRY(name_tables());
    if (globals) TRY(seal_globals(*globals));
    if (encryption_) TRY(seal_key());
    return std::move(result_);
  }

 private:
  struct Globals {
    std::unique_ptr<Process> process;
    platform::Descriptor output;
    MonoTime since;
  };

  Result<> prepare() {
    folder_ = request_.staging / "dump";
    TRY(platform::real_file_system().create_folder(folder_));
    TRY_ASSIGN(auto access, platform::client_access(request_.dsn, request_.staging.string(),
                                                    request_.application_name));
    environment_ = std::move(access.environment);
    conninfo_ = std::move(access.conninfo);
    if (!request_.correlation_id.empty())
      environment_.emplace_back("VIGIE_CORRELATION_ID", request_.correlation_id);
    append_option(environment_, artefact::row_settings_pgoptions(request_.row_settings));
    if (!request_.recipients.empty())
      encryption_.emplace(
          artefact::Encryption{tools_.runner, request_.age, request_.recipients, limits_});
    // With thousands of tables PostgreSQL compiles the queries of catalogues, for nothing.
    append_option(environment_, "-c jit=off");
    // Without it a session that waits for a lock outlives the dump that was killed.
    if (request_.server_major >= 14)
      append_option(environment_, "-c client_connection_check_interval=2s");
    return {};
  }

  platform::Command command(std::string_view program, std::vector<std::string> arguments) const {
    platform::Command out;
    out.program = request_.clients.program(program);
    out.arguments = std::move(arguments);
    out.environment = environment_;
    out.folder = request_.staging;
    return out;
  }

  // Runs beside the dump; its output is sealed at the end.
  Result<std::optional<Globals>> start_globals() {
    if (!request_.globals) return std::nullopt;
    Globals globals;
    globals.since = tools_.clock.monotonic();
    TRY_ASSIGN(globals.output, nameless_file(request_.staging));
    std::vector<std::string> arguments{"--globals-only", "--no-password"};
    if (!request_.role_passwords) arguments.emplace_back("--no-role-passwords");
    for (const auto& [name, value] : environment_) {
      // Else it wants to connect to "postgres", where the role may have no business.
      if (name == "PGDATABASE") arguments.push_back("--database=" + quoted_conninfo(value));
    }
    if (!conninfo_.empty()) arguments.push_back("--dbname=" + conninfo_);
    auto what = command("pg_dumpall", std::move(arguments));
    what.output = globals.output.get();
    TRY_ASSIGN(globals.process, tools_.runner.start(what, limits_.stop));
    return globals;
  }

  Result<std::unique_ptr<Process>> start_dump() {
    const auto lock_wait =
        std::chrono::ceil<std::chrono::milliseconds>(request_.lock_wait_timeout).count();
    std::vector<std::string> arguments{
        "--format=directory", fmt::format("--jobs={}", request_.jobs), "--compress=0", "--no-sync",
        "--no-password",
        // Else CREATE DATABASE names the tablespace, whatever
        // pg_restore is told. Those of tables stay in the archive.
        "--no-tablespaces", fmt::format("--lock-wait-timeout={}", lock_wait),
        "--file=" + folder_.string()};
    // Else a client_encoding that was set for the role or the database would be the dump's.
    if (!request_.row_settings.encoding.empty())
      arguments.push_back("--encoding=" + request_.row_settings.encoding);
    if (!conninfo_.empty()) arguments.push_back("--dbname=" + conninfo_);
    if (!request_.snapshot.empty()) arguments.push_back("--snapshot=" + request_.snapshot);
    return tools_.runner.start(command("pg_dump", std::move(arguments)), limits_.stop);
  }

  SealSettings seal_settings() const {
    return {folder_, request_.compression_level, request_.fingerprint_key, request_.dsn.name,
            encryption_ ? &*encryption_ : nullptr};
  }

  Result<> dump_and_seal() {
    platform::FolderWatch watch(folder_, request_.limits.watches);
    watches_ = watch.works();
    SealThreads threads(queue_, seal_settings(), out_, request_.jobs);
    threads_ = &threads;
    const MonoTime since = tools_.clock.monotonic();
    auto dumped = dump(watch, since);
    if (dumped) dumped = drain();
    if (!dumped) queue_.give_up(dumped.error());
    threads.join();
    threads_ = nullptr;
    TRY(std::move(dumped));
    if (const auto error = queue_.error()) return fail(*error);
    result_.measures.seal = elapsed(since);
    result_.measures.punches = threads.punches();
    result_.measures.watches = watches_;
    return take_entries(threads.take());
  }

  // Until pg_dump has ended well.
  Result<> dump(platform::FolderWatch& watch, MonoTime since) {
    TRY_ASSIGN(const auto process, start_dump());
    Result<> outcome;
    while (outcome && process->running()) {
      (void)tools_.clock.sleep_until(tools_.clock.monotonic() + kTick, limits_.stop);
      outcome = take_events(watch.take());
      if (outcome) outcome = look_around();
      hold_or_release(*process);
    }
    if (held_) process->signal_group(SIGCONT);
    held_ = false;
    if (!outcome) return first_cause(*process, outcome.error());
    TRY_ASSIGN(const ProcessEnd end, process->wait(limits_.deadline, limits_.stop));
    result_.measures.dump = elapsed(since);
    tell("pg_dump", end);
    TRY(judge(end));
    TRY(look_for_files());
    queue_.finish();
    return {};
  }

  // A file that ends too early is how the sealers see a dump that fails on its own, of a full disk
  // say, before it has ended: then its own words count.
  tl::unexpected<Error> first_cause(Process& process, const Error& seen) const {
    if (seen.code() == ErrorCode::dump_incomplete) {
      const MonoTime patience = tools_.clock.monotonic() + kLastWords;
      const auto ended = process.wait(std::min(limits_.deadline, patience), limits_.stop);
      const auto judged = ended ? judge(*ended) : Result<>();
      if (!judged) return fail(judged.error());
    }
    end(process);
    return fail(seen);
  }

  // TERM: pg_dump cancels its queries on the server.
  static void end(Process& process) {
    std::stop_source now;
    now.request_stop();
    (void)process.wait(MonoTime::max(), now.get_token());
  }

  Result<> take_events(const platform::FolderWatch::Events& events) {
    TRY(appeared(events.created));
    queue_.tell({}, events.closed);
    if (!events.incomplete) return {};
    // What was closed meanwhile is not known: staging may hold more than its bound, and that is
    // told.
    watches_ = false;
    TRY(look_for_files());
    queue_.tell({}, left_by_their_writers(queue_.aside()));
    return {};
  }

  std::vector<std::string> left_by_their_writers(std::vector<std::string> names) const {
    std::erase_if(
        names, [&](const std::string& name) { return platform::may_have_writer(folder_ / name); });
    return names;
  }

  // All but the rows of a table, which end with a trailer, end where they are closed: where that
  // is not told at once, a sealer that followed one of them would not come to the next.
  bool only_whole(FileKind kind) const {
    const bool list = kind == FileKind::toc || kind == FileKind::blobs_toc;
    return list || (kind == FileKind::blob && !watches_);
  }

  Result<> look_for_files() {
    TRY_ASSIGN(const auto entries, platform::real_file_system().list(folder_));
    std::vector<std::string> names;
    for (const platform::Entry& entry : entries) names.push_back(entry.name);
    return appeared(names);
  }

  // Any of them may have been told before.
  Result<> appeared(const std::vector<std::string>& names) {
    std::vector<DumpFile> fresh;
    for (const std::string& name : names) {
      if (seen_.contains(name)) continue;
      const auto kind = kind_of_dump_file(name);
      if (!kind) return incomplete("pg_dump wrote a file of an unknown kind");
      TRY(count(*kind));
      seen_.insert(name);
      fresh.push_back({name, *kind, only_whole(*kind)});
    }
    queue_.tell(std::move(fresh), {});
    return {};
  }

  Result<> count(FileKind kind) {
    if (kind == FileKind::data && ++tables_ > request_.limits.tables) {
      return over(ErrorCode::tables_limit, tables_, request_.limits.tables);
    }
    if (kind == FileKind::blob && ++large_objects_ > request_.limits.large_objects) {
      return over(ErrorCode::large_objects_limit, large_objects_, request_.limits.large_objects);
    }
    return {};
  }

  Result<> over(ErrorCode code, size_t observed, size_t limit) const {
    return fail(code, {{"database", request_.dsn.name},
                       {"observed", fmt::format("at least {}", observed)},
                       {"limit", fmt::format("{}", limit)}});
  }

  // What can end the work between two events.
  Result<> look_around() {
    if (const auto error = queue_.error()) return fail(*error);
    TRY(patience_.may_go_on());
    measure_staging();
    if (tools_.progress) tools_.progress({queue_.sealed(), threads_->stored()});
    return {};
  }

  void measure_staging() {
    for (const std::string& name : queue_.growing()) {
      const auto info = platform::real_file_system().info(folder_ / name);
      if (info) queue_.size_is(name, info->size.count);
    }
    unsealed_ = queue_.unsealed();
    result_.measures.peak_staging = std::max(result_.measures.peak_staging, queue_.staged());
  }

  // Stopped when it is too far ahead; on again when the sealers are near, or have nothing to do.
  void hold_or_release(Process& process) {
    if (!held_ && unsealed_ > request_.limits.ahead) {
      process.signal_group(SIGSTOP);
      held_ = true;
      ++result_.measures.held_back;
    } else if (held_ && (unsealed_.count * 2 < request_.limits.ahead.count ||
                         queue_.starving(request_.jobs))) {
      process.signal_group(SIGCONT);
      held_ = false;
    }
  }

  // pg_dump has ended; the sealers go on to the end.
  Result<> drain() {
    while (!queue_.settled(kTick)) TRY(look_around());
    return {};
  }

  void tell(std::string_view program, const ProcessEnd& end) const {
    if (tools_.program_ended)
      tools_.program_ended(program, end.status, platform::redacted_output(end.error_text));
  }

  Result<> judge(const ProcessEnd& end) const {
    if (end.status == 0) return {};
    const platform::ClientTrouble trouble =
        end.signalled ? platform::ClientTrouble::killed : platform::client_trouble(end.error_text);
    if (trouble == platform::ClientTrouble::lock_timeout) {
      return fail(ErrorCode::lock_wait_timeout,
                  {{"database", request_.dsn.name},
                   {"seconds", fmt::format("{}", to_seconds(request_.lock_wait_timeout))}});
    }
    if (trouble == platform::ClientTrouble::disk_full) {
      return fail(ErrorCode::disk_full, {{"path", request_.staging.string()}});
    }
    return program_failed(ErrorCode::dump_failed, end, trouble);
  }

  tl::unexpected<Error> program_failed(ErrorCode code, const ProcessEnd& end,
                                       platform::ClientTrouble trouble) const {
    return fail(code, {{"database", request_.dsn.name},
                       {"code", fmt::format("{}", end.status)},
                       {"reason", std::string(platform::words_for(trouble))}});
  }

  tl::unexpected<Error> incomplete(std::string reason) const {
    return fail(ErrorCode::dump_incomplete,
                {{"database", request_.dsn.name}, {"reason", std::move(reason)}});
  }

  Result<> take_entries(std::vector<SealThreads::Done> done) {
    for (SealThreads::Done& one : done) {
      if (one.entry.kind == FileKind::data) rows_[one.dump_name] = one.rows;
      result_.files.push_back(std::move(one.entry));
    }
    if (!seen_.contains("toc.dat")) return incomplete("there is no table of contents");
    if (result_.files.size() != seen_.size()) return incomplete("a file was not sealed");
    return {};
  }

  // Each large object that a list names must have been sealed.
  Result<> check_large_objects() const {
    size_t listed = 0;
    for (const std::string& name : seen_) {
      if (kind_of_dump_file(name) != FileKind::blobs_toc) continue;
      TRY_ASSIGN(const std::string text,
                 platform::read_file(platform::real_file_system(), folder_ / name, kMaxBlobsToc));
      for (const std::string& blob : blob_files(text)) {
        if (!seen_.contains(blob)) return incomplete("a large object is missing");
        ++listed;
      }
    }
    return listed == large_objects_ ? Result<>() : incomplete("a large object is not listed");
  }

  Result<TocReader> read_toc() {
    TRY_ASSIGN(const auto output, nameless_file(request_.staging));
    platform::Command list = command("pg_restore", {"--list", folder_.string()});
    list.environment.clear();
    list.output = output.get();
    TRY_ASSIGN(const ProcessEnd end,
               platform::run_to_end(tools_.runner, list, limits_.deadline, limits_.stop));
    if (end.status != 0) return incomplete("pg_restore cannot read the table of contents");
    TocReader toc;
    std::string rest;
    TRY(read_all(output, [&](ByteSpan bytes) -> Result<> {
      rest.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      size_t from = 0;
      for (size_t to; (to = rest.find('\n', from)) != std::string::npos; from = to + 1) {
        toc.line(std::string_view(rest).substr(from, to - from));
      }
      rest.erase(0, from);
      return {};
    }));
    return toc;
  }

  // One table for each data file, one data file for each table of the table of contents.
  Result<> name_tables() {
    TRY_ASSIGN(const TocReader toc, read_toc());
    std::map<uint32_t, const SourceTable*> by_oid;
    for (const SourceTable& table : request_.tables) by_oid[table.oid] = &table;
    if (toc.tables().size() != rows_.size()) return incomplete("a table has no data file");
    for (const auto& [number, entry] : toc.tables()) {
      const std::string file = fmt::format("{}.dat", number);
      const auto rows = rows_.find(file);
      if (rows == rows_.end()) return incomplete("a table has no data file");
      const auto named = by_oid.find(entry.oid);
      artefact::TableEntry table{entry.oid, "", entry.label,
                                 stored_name_of(file, encryption_.has_value()), rows->second};
      if (named != by_oid.end()) {
        table.schema = named->second->schema;
        table.name = named->second->name;
      }
      result_.tables.push_back(std::move(table));
    }
    return {};
  }

  Result<> seal_globals(Globals& globals) {
    TRY_ASSIGN(const ProcessEnd end, globals.process->wait(limits_.deadline, limits_.stop));
    tell("pg_dumpall", end);
    if (end.status != 0) {
      return program_failed(ErrorCode::globals_failed, end,
                            end.signalled ? platform::ClientTrouble::killed
                                          : platform::client_trouble(end.error_text));
    }
    TRY_ASSIGN(auto entry, seal_one(out_, seal_settings(), "globals.sql", FileKind::globals,
                                    [&](artefact::Sealer& sealer) {
                                      return read_all(globals.output, [&](ByteSpan bytes) {
                                        return sealer.update(bytes);
                                      });
                                    }));
    result_.files.push_back(std::move(entry));
    result_.measures.globals = elapsed(globals.since);
    return {};
  }

  // Whoever has it can guess at rows: it is for the recipients.
  Result<> seal_key() {
    TRY_ASSIGN(auto entry, seal_one(out_, seal_settings(), "fingerprint.key", FileKind::key,
                                    [&](artefact::Sealer& sealer) {
                                      return sealer.update(request_.fingerprint_key);
                                    }));
    result_.files.push_back(std::move(entry));
    return {};
  }

  Duration elapsed(MonoTime since) const {
    return std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - since);
  }

  const DumpRequest& request_;
  const DumpTools& tools_;
  store::ArtefactWriter& out_;
  const CallLimits& limits_;
  const platform::Patience patience_{"the dump", limits_, tools_.clock};
  Path folder_;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::string conninfo_;  // what has no variable; may be empty
  std::optional<artefact::Encryption> encryption_;
  SealQueue queue_;
  SealThreads* threads_ = nullptr;  // while they run
  std::set<std::string> seen_;
  std::map<std::string, artefact::RowSummary> rows_;  // "3456.dat"
  size_t tables_ = 0;
  size_t large_objects_ = 0;
  Bytes unsealed_;
  bool held_ = false;
  bool watches_ = true;
  DumpResult result_;
};

}  // namespace

Result<DumpResult> take_dump(const DumpRequest& request, const DumpTools& tools,
                             store::ArtefactWriter& out, const CallLimits& limits) {
  auto result = Dumping(request, tools, out, limits).run();
  // It holds the password, if there is one.
  (void)platform::real_file_system().remove_file(request.staging / "pgpass");
  return result;
}

}  // namespace vigie::backup
