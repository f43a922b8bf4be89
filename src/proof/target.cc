#include "proof/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/dsn.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxName = 63;
constexpr auto kLastActs = 30s;

// What a user can make. An extension counts too: its tables hold rows that nobody else knows of
// (jobs, partitions to come). Of schemas, public is in every database; of extensions, plpgsql.
constexpr std::string_view kHolds = R"sql(
with own as (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
select exists (select from pg_class where relnamespace in (select oid from own))
    or exists (select from pg_proc where pronamespace in (select oid from own))
    or exists (select from pg_type where typnamespace in (select oid from own))
    or exists (select from pg_namespace where oid in (select oid from own) and nspname <> 'public')
    or exists (select from pg_largeobject_metadata)
    or exists (select from pg_extension where extname <> 'plpgsql')
    or exists (select from pg_event_trigger)
    or exists (select from pg_publication)
    or exists (select from pg_foreign_server)
    or exists (select from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())))sql";

constexpr std::string_view kLeftBehind = R"sql(
select datname from pg_database d where datname ~ '^vigie_restore_[0-9a-f]{12}$'
and not exists (select from pg_stat_activity a where a.datname = d.datname) order by datname)sql";

// Whatever the server, the database or the role has for other sessions: this one waits for hours
// while pg_restore works.
constexpr std::string_view kFreeSession = R"sql(
select set_config(name, case name when 'default_transaction_read_only' then 'off' else '0' end, false)
from pg_settings where name in ('idle_session_timeout', 'statement_timeout', 'lock_timeout',
  'transaction_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only'))sql";

// Of others than superusers only what they may end: one that they may not would be an error. What
// is nobody's (autovacuum) gives way by itself.
constexpr std::string_view kEndSessions = R"sql(
select pg_terminate_backend(pid) from pg_stat_activity a where datname = $1 and pid <> pg_backend_pid()
and ((select rolsuper from pg_roles where rolname = current_user)
  or (not (select rolsuper from pg_roles where oid = a.usesysid)
    and (pg_has_role(a.usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage')))))sql";

constexpr std::string_view kServer = R"sql(
select (select system_identifier from pg_control_system()), r.rolsuper or r.rolcreatedb, r.rolsuper
from pg_roles r where r.rolname = current_user)sql";

}  // namespace

Error as_missing_right(const Error& error, std::string reason) {
  constexpr std::string_view kInsufficientPrivilege = "42501";
  if (error.code() != ErrorCode::database_query ||
      error.parameter("sqlstate") != kInsufficientPrivilege)
    return error;
  return Error(ErrorCode::restore_rights, {{"database", std::string(error.parameter("database"))},
                                           {"reason", std::move(reason)}});
}

std::string restore_database_name(const RunId& run) {
  return "vigie_restore_" + run.str().substr(0, 12);
}

std::string replaced_database_name(const std::string& name, SystemTime now) {
  std::string when = format_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
  std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
  const std::string end = "_before_" + when;
  std::string begin = name.substr(0, kMaxName - end.size());
  // Not in the middle of a character.
  while (begin.size() < name.size() && !begin.empty() && (name[begin.size()] & 0xC0) == 0x80)
    begin.pop_back();
  return begin + end;
}

// The source may have been a template, and a template is not dropped.
Result<> drop_database(platform::PgConnection& session, const std::string& name,
                       const CallLimits& limits) {
  const std::string quoted = platform::quote_identifier(name);
  TRY_ASSIGN(const auto as_template,
             session.query("select 1 from pg_database where datname = $1 and datistemplate", {name},
                           limits));
  if (as_template->rows() > 0)
    TRY(session.query(fmt::format("alter database {} is_template false", quoted), limits));
  TRY(session.query(fmt::format("drop database if exists {} with (force)", quoted), limits));
  return {};
}

Result<Target> Target::open(platform::PgConnector& connector, platform::Dsn dsn, const Work& work) {
  Target target;
  target.connector_ = &connector;
  target.dsn_ = std::move(dsn);
  target.application_name_ = "vigie restore " + work.run.str();
  const auto words = platform::split_dsn(target.dsn_.text).value_or(platform::DsnWords{});
  for (const auto& [keyword, value] : words)
    if (keyword == "dbname") target.name_ = value;
  TRY_ASSIGN(target.admin_, target.connect(work.limits()));
  TRY(target.read_server(work));
  return target;
}

platform::Dsn Target::dsn_of(const std::string& database) const {
  platform::Dsn out = dsn_;
  out.text += " " + platform::conninfo_word("dbname", database);  // the last one counts
  return out;
}

Result<std::unique_ptr<platform::PgConnection>> Target::connect(const CallLimits& limits) const {
  // A database cannot be renamed from within.
  const bool elsewhere = name_ == "postgres";
  auto session =
      connector_->connect(dsn_of(elsewhere ? "template1" : "postgres"), application_name_, limits);
  const bool missing = !session && session.error().code() == ErrorCode::database_missing;
  if (missing && !elsewhere)
    session = connector_->connect(dsn_of("template1"), application_name_, limits);
  if (session) TRY((*session)->query(kFreeSession, limits));
  return session;
}

Result<> Target::read_server(const Work& work) {
  TRY_ASSIGN(const auto rows, admin_->query(kServer, work.limits()));
  system_identifier_ = rows->at(0, 0);
  superuser_ = rows->at(0, 2) == "t";
  if (rows->at(0, 1) == "t") return {};
  return fail(ErrorCode::restore_rights,
              {{"database", dsn_.name}, {"reason", "it is neither a superuser nor has CREATEDB"}});
}

Result<bool> Target::exists(const std::string& database, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows,
             admin_->query("select 1 from pg_database where datname = $1", {database}, limits));
  return rows->rows() > 0;
}

Result<TargetState> Target::look(const std::string& database, const Work& work) {
  TRY_ASSIGN(const bool there, exists(database, work.limits()));
  if (!there) return TargetState::missing;
  TRY_ASSIGN(const auto session,
             connector_->connect(dsn_of(database), application_name_, work.limits()));
  TRY_ASSIGN(const auto rows, session->query(kHolds, work.limits()));
  return rows->at(0, 0) == "t" ? TargetState::in_use : TargetState::empty;
}

Result<> Target::check_extensions(const std::vector<artefact::Versioned>& needed,
                                  const Work& work) {
  TRY_ASSIGN(const auto rows,
             admin_->query("select name from pg_available_extensions", work.limits()));
  for (const artefact::Versioned& one : needed) {
    bool offered = false;
    for (size_t i = 0; i < rows->rows() && !offered; ++i) offered = rows->at(i, 0) == one.name;
    if (!offered)
      return fail(ErrorCode::restore_extension, {{"name", one.name}, {"version", one.version}});
  }
  return {};
}

Result<std::set<std::string>> Target::roles(const Work& work) {
  TRY_ASSIGN(const auto rows, admin_->query("select rolname from pg_roles", work.limits()));
  std::set<std::string> names;
  for (size_t i = 0; i < rows->rows(); ++i) names.emplace(rows->at(i, 0));
  return names;
}

Result<bool> Target::may_replace(const Work& work) {
  TRY_ASSIGN(
      const auto rows,
      admin_->query("select pg_has_role(datdba, 'usage') from pg_database where datname = $1",
                    {name_}, work.limits()));
  return rows->rows() == 0 || rows->at(0, 0) == "t";
}

Result<> Target::execute(const std::string& sql, const Work& work) {
  const auto done = admin_->query(sql, work.limits());
  if (done) return {};
  return fail(as_missing_right(done.error(),
                               "a statement of the backup takes a right that its role lacks"));
}

// Those that may not be ended (a superuser's) stay, and the renaming says so.
Result<> Target::end_sessions(const std::string& database, const CallLimits& limits) {
  TRY(admin_->query(std::string(kEndSessions), {database}, limits));
  return {};
}

Result<> Target::rename_both(const std::string& made, const std::string& before, bool replaces,
                             const CallLimits& limits) {
  std::string sql = "begin; ";
  const auto rename = [&](const std::string& from, const std::string& to) {
    sql += fmt::format("alter database {} rename to {}; ", platform::quote_identifier(from),
                       platform::quote_identifier(to));
  };
  if (replaces) rename(name_, before);
  rename(made, name_);
  TRY(admin_->query(sql + "commit", limits));
  return {};
}

Result<bool> Target::put_in_place(const std::string& made, const std::string& before,
                                  const Work& work) {
  constexpr int kTries = 5;  // whoever was ended may be back before the name is locked
  for (int tries = 1;; ++tries) {
    TRY_ASSIGN(const bool replaces, exists(name_, work.limits()));
    TRY(end_sessions(made, work.limits()));
    if (replaces) TRY(end_sessions(name_, work.limits()));
    const auto renamed = rename_both(made, before, replaces, work.limits());
    if (renamed) return replaces;
    if (renamed.error().code() != ErrorCode::database_query) {
      const auto done = was_renamed(made);
      if (done && *done) return replaces;
      return fail(renamed.error());
    }
    TRY(admin_->query("rollback", work.limits()));
    constexpr std::string_view kObjectInUse = "55006";
    if (renamed.error().parameter("sqlstate") != kObjectInUse)
      return fail(as_missing_right(renamed.error(), "its role may not rename the databases"));
    if (tries == kTries)
      return fail(ErrorCode::restore_target_busy,
                  {{"name", name_}, {"reason", "sessions come back as soon as they are ended"}});
  }
}

Result<std::vector<std::string>> Target::left_behind(const Work& work) {
  TRY_ASSIGN(const auto rows, admin_->query(kLeftBehind, work.limits()));
  std::vector<std::string> names;
  for (size_t i = 0; i < rows->rows(); ++i) names.emplace_back(rows->at(i, 0));
  return names;
}

CallLimits Target::last_acts() {
  return {MonoTime::clock::now() + kLastActs, {}};
}

// The session broke in the midst of it: the server may have committed.
Result<bool> Target::was_renamed(const std::string& made) {
  const CallLimits limits = last_acts();
  TRY_ASSIGN(admin_, connect(limits));
  TRY_ASSIGN(const bool there, exists(made, limits));
  return !there;
}

Result<> Target::drop(const std::string& database, const CallLimits& limits) {
  const auto left = [&](const Error& why) {
    return fail(ErrorCode::restore_left_behind,
                {{"name", database}, {"reason", std::string(why.info().title)}});
  };
  // The one that was used may have been given up when the work was cancelled.
  const auto session = connect(limits);
  if (!session) return left(session.error());
  const auto dropped = drop_database(**session, database, limits);
  return dropped ? Result<>() : Result<>(left(dropped.error()));
}

}  // namespace vigie::proof
