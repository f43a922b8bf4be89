#include "proof/amcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "platform/client_trouble.h"
#include "platform/dsn.h"
#include "platform/filter.h"
#include "platform/postgres_clients.h"
#include "proof/damage.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kProgram = "pg_amcheck";
constexpr int kFirstMajor = 14;         // that has the program
constexpr size_t kMostNames = 1000;     // that are remembered
constexpr size_t kAskedAgain = 20;      // and what each of these says is known
constexpr size_t kLongestLine = 1024;   // three names of 63 characters, and words
constexpr size_t kLongestWords = 8000;  // in the run's log

// Those that pg_amcheck calls. Its own alone: anybody may say of a function that it depends on it.
constexpr std::string_view kExtension = R"sql(
select count(*) filter (where p.proname = 'verify_heapam'),
       count(*) filter (where not has_function_privilege(p.oid, 'execute')
                           or not has_schema_privilege(p.pronamespace, 'usage')),
       min(quote_ident(n.nspname)), count(*)
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.classid = 'pg_proc'::regclass
  and d.deptype = 'e'
join pg_proc p on p.oid = d.objid
where e.extname = 'amcheck' and p.proname in ('bt_index_check', 'verify_heapam'))sql";

constexpr std::string_view kRelations = R"sql(
select count(*) filter (where relkind <> 'i'), count(*) filter (where relkind = 'i')
from pg_class c where relpersistence <> 't' and (relkind in ('r', 'm', 't') or (relkind = 'i'
  and relam = (select oid from pg_am where amname = 'btree')
  and exists (select from pg_index i where i.indexrelid = c.oid and i.indisvalid and i.indisready and i.indislive))))sql";

// Releases differ in how they put quotes around the three names.
constexpr std::string_view kFind = R"sql(
select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where $1 in (concat_ws('.', current_database(), n.nspname, c.relname),
             concat_ws('"."', current_database(), n.nspname, c.relname)))sql";

platform::Dsn dsn_of(const AmcheckRequest& request) {
  platform::Dsn dsn = request.database;
  const AmcheckOptions& options = request.options;
  if (!options.user.empty()) dsn.text += " " + platform::conninfo_word("user", options.user);
  if (!options.password_file.empty()) dsn.password_file = options.password_file;
  return dsn;
}

class Amchecking {
 public:
  Amchecking(const AmcheckRequest& request, const RestoreTools& tools, const Work& work)
      : request_(request), tools_(tools), work_(work), dsn_(dsn_of(request)) {}

  AmcheckReport run() {
    const MonoTime began = tools_.clock.monotonic();
    if (const auto done = all_steps(); !done) report_.error = done.error();
    (void)platform::remove_tree(tools_.files, request_.folder);
    report_.took = std::chrono::duration_cast<Duration>(tools_.clock.monotonic() - began);
    return std::move(report_);
  }

 private:
  Result<> all_steps() {
    phase("preparing");
    TRY(connect());
    TRY(look_for_extension());
    TRY(count_relations());
    TRY(find_program());
    phase("pg_amcheck");
    TRY_ASSIGN(const auto end, run_program());
    phase("asking again");
    const auto asked = ask_again();
    tell(end);
    TRY(asked);
    return judge(end);
  }

  void phase(std::string_view name) const {
    work_.progress({name, request_.options.database, {}, std::nullopt});
  }
  tl::unexpected<Error> unavailable(std::string reason) const {
    return fail(ErrorCode::amcheck_unavailable,
                {{"database", request_.options.database}, {"reason", std::move(reason)}});
  }

  Result<> connect() {
    TRY_ASSIGN(session_,
               tools_.postgres.connect(dsn_, "vigie amcheck " + work_.run.str(), work_.limits()));
    // It waits beside pg_amcheck, and nothing that it calls may write.
    TRY(session_->query(
        fmt::format("set lock_timeout = {}; set statement_timeout = 0; "
                    "set default_transaction_read_only = on; {}",
                    lock_timeout(), major() >= kFirstMajor ? "set idle_session_timeout = 0" : ""),
        work_.limits()));
    report_.server_version = fmt::format("{}", session_->server_version());
    if (major() >= kFirstMajor) return {};
    return unavailable(fmt::format("PostgreSQL {} has no pg_amcheck", major()));
  }
  int64_t lock_timeout() const {
    return std::chrono::ceil<std::chrono::milliseconds>(request_.lock_timeout).count();
  }
  int major() const { return session_->server_version() / 10000; }

  Result<> look_for_extension() {
    TRY_ASSIGN(const auto rows, session_->query(kExtension, work_.limits()));
    if (rows->integer(0, 3) == 0) return unavailable("the extension amcheck is not in it");
    if (rows->integer(0, 0) == 0)
      return unavailable(
          "its extension amcheck is of an earlier release: ALTER EXTENSION amcheck UPDATE");
    if (rows->integer(0, 1) > 0)
      return unavailable(
          "the role may not execute the functions of amcheck: vigie grants --role dump");
    schema_ = rows->at(0, 2);
    return look_for_library();
  }

  // Of relation 0 nothing is known, but the library is loaded to say so. Without it every relation
  // would seem to have lost its file.
  Result<> look_for_library() {
    const auto said = session_->query(
        fmt::format("select {}.bt_index_check(0::oid::regclass)", schema_), work_.limits());
    if (said || said.error().parameter("sqlstate") != kFileIsGone) return {};
    return unavailable("the server does not have the library of the extension amcheck");
  }

  Result<> count_relations() {
    TRY_ASSIGN(const auto rows, session_->query(kRelations, work_.limits()));
    report_.tables = static_cast<uint64_t>(rows->integer(0, 0));
    report_.indexes = static_cast<uint64_t>(rows->integer(0, 1));
    return {};
  }

  Result<> find_program() {
    TRY_ASSIGN(clients_, platform::find_clients(tools_.files, major(), request_.bindir));
    if (tools_.files.info(clients_.program(kProgram))) return {};
    return unavailable(fmt::format("there is no pg_amcheck of PostgreSQL {} here: {}", major(),
                                   platform::client_package(major())));
  }

  Result<platform::Command> command() const {
    TRY(tools_.files.create_folder(request_.folder, 0700));
    TRY_ASSIGN(auto access, platform::client_access(dsn_, request_.folder.string(),
                                                    "vigie amcheck " + work_.run.str()));
    platform::Command command;
    command.program = clients_.program(kProgram);
    command.folder = request_.folder;
    command.arguments = {"--no-password", fmt::format("--jobs={}", request_.options.jobs)};
    if (request_.options.heapallindexed) command.arguments.emplace_back("--heapallindexed");
    // Without the second one a session works on when its client was killed.
    std::string options = fmt::format(
        "-c lock_timeout={} -c client_connection_check_interval=2s "
        "-c statement_timeout=0 -c idle_session_timeout=0",
        lock_timeout());
    std::string database = access.conninfo;
    for (auto& [name, value] : access.environment) {
      if (name == "PGOPTIONS") options = value + " " + options;
      if (name == "PGDATABASE") database += " " + platform::conninfo_word("dbname", value);
    }
    std::erase_if(access.environment, [](const auto& one) { return one.first == "PGOPTIONS"; });
    access.environment.emplace_back("PGOPTIONS", std::move(options));
    access.environment.emplace_back("PGCLIENTENCODING", "UTF8");
    if (!database.empty()) command.arguments.push_back(std::move(database));
    command.environment = std::move(access.environment);
    return command;
  }

  // What it says of a damaged row is never kept, only of which relation it speaks.
  Result<platform::ProcessEnd> run_program() {
    TRY_ASSIGN(auto command, this->command());
    TRY_ASSIGN(const auto program,
               platform::Filter::start(tools_.processes, std::move(command), work_.limits()));
    return program->finish([this](ByteSpan bytes) {
      named_.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      return Result<>();
    });
  }

  Result<> ask_again() {
    const auto& names = named_.names();
    for (size_t i = 0; i < std::min(names.size(), kAskedAgain); ++i) TRY(ask_for(names[i]));
    return {};
  }

  Result<> ask_for(const std::string& name) {
    TRY_ASSIGN(const auto found, session_->query(kFind, {name}, work_.limits()));
    for (size_t i = 0; i < found->rows(); ++i)
      TRY(ask_for(found->at(i, 0), found->at(i, 1) == "i", std::string(found->at(i, 2))));
    return {};  // none: it was dropped meanwhile
  }

  Result<> ask_for(std::string_view oid, bool index, std::string name) {
    const auto said = session_->query(
        index ? fmt::format("select from {}.bt_index_check({}::oid::regclass, {})", schema_, oid,
                            request_.options.heapallindexed)
              : fmt::format("select from {}.verify_heapam(relation := {}::oid::regclass, "
                            "on_error_stop := true, check_toast := true, skip := 'none', "
                            "startblock := null, endblock := null) limit 1",
                            schema_, oid),
        work_.limits());
    if (!said && said.error().code() != ErrorCode::database_query) return fail(said.error());
    const std::string sqlstate = said ? "" : std::string(said.error().parameter("sqlstate"));
    const bool damaged = said ? !index && (*said)->rows() > 0 : is_damage(sqlstate);
    if (damaged) {
      ++(index ? damaged_indexes_ : damaged_tables_);
      words_ += fmt::format("damaged: {} {} {}\n", index ? "index" : "table", name, sqlstate);
    } else if (!said) {
      refused_ = sqlstate;
      words_ += fmt::format("not looked at: {} (SQLSTATE {})\n", name, sqlstate);
    }
    return {};
  }

  void tell(const platform::ProcessEnd& end) const {
    if (!work_.program_ended) return;
    const std::string said = words_ + platform::redacted_output(end.error_text);
    work_.program_ended(kProgram, end.status, printable(said, kLongestWords));
  }

  Result<> judge(const platform::ProcessEnd& end) {
    constexpr int kFound = 2;  // damage, or a relation that could not be looked at
    const size_t named = named_.names().size();
    const size_t confirmed = damaged_tables_ + damaged_indexes_;
    if (confirmed > 0) {
      report_.damaged = confirmed + (named > kAskedAgain ? named - kAskedAgain : 0);
      return fail(ErrorCode::source_corrupt,
                  {{"database", request_.options.database},
                   {"observed", fmt::format("{}", report_.damaged)},
                   {"reason", fmt::format("tables: {}, indexes: {} of those that were asked again; "
                                          "the run's log names them",
                                          damaged_tables_, damaged_indexes_)}});
    }
    if (!refused_.empty())
      return unavailable(fmt::format(
          "a relation could not be looked at (SQLSTATE {}); the run's log names it", refused_));
    if (end.status == 0) return {};
    if (end.status == kFound && named > 0)
      return unavailable("pg_amcheck named relations in which nothing was found a moment later");
    const auto trouble = platform::client_trouble(end.error_text);
    return unavailable(fmt::format("pg_amcheck ended with status {}: {}", end.status,
                                   platform::words_for(trouble)));
  }

  const AmcheckRequest& request_;
  const RestoreTools& tools_;
  const Work& work_;
  const platform::Dsn dsn_;
  std::unique_ptr<platform::PgConnection> session_;
  std::string schema_;  // of the extension, as SQL writes it
  platform::Clients clients_;
  NamedRelations named_;
  size_t damaged_tables_ = 0;
  size_t damaged_indexes_ = 0;
  std::string refused_;  // SQLSTATE; empty: each could be looked at
  std::string words_;    // for the run's log
  AmcheckReport report_;
};

}  // namespace

void NamedRelations::append(std::string_view output) {
  while (!output.empty()) {
    const size_t end = output.find('\n');
    const std::string_view part = output.substr(0, end);
    cut_ = cut_ || line_.size() + part.size() > kLongestLine;
    if (!cut_) line_ += part;
    if (end == std::string_view::npos) return;
    take_line();
    output.remove_prefix(end + 1);
  }
}

// heap table "app.public.t", block 3, offset 4:
// btree index "app.public.by_time":
void NamedRelations::take_line() {
  const std::string line = std::exchange(line_, {});
  const bool whole = !std::exchange(cut_, false);
  const bool speaks = line.starts_with("heap ") || line.starts_with("btree ");
  const size_t begin = line.find('"');
  const size_t end = line.rfind('"');
  if (!whole || !speaks || begin == std::string::npos || end <= begin + 1) return;
  std::string name = line.substr(begin + 1, end - begin - 1);
  if (names_.size() >= kMostNames || std::ranges::count(names_, name) > 0) return;
  names_.push_back(std::move(name));
}

AmcheckReport amcheck(const AmcheckRequest& request, const RestoreTools& tools, const Work& work) {
  return Amchecking(request, tools, work).run();
}

}  // namespace vigie::proof
