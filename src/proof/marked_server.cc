#include "proof/marked_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "platform/dsn.h"
#include "proof/collation.h"
#include "proof/preload.h"
#include "proof/target.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using artefact::Manifest;

constexpr auto kLastActs = 30s;
constexpr auto kForEachSource = 5s;
constexpr size_t kDigits = 16;
constexpr std::string_view kApplication = "vigie scratch";
constexpr std::string_view kLockNotAvailable = "55P03";

constexpr std::string_view kWaits =
    "select set_config(name, '0', false) from pg_settings "
    "where name in ('idle_session_timeout', 'statement_timeout')";

constexpr std::string_view kIdentifier = "select system_identifier from pg_control_system()";

// What of a connection string says which server it is.
std::string server_of(const platform::Dsn& dsn) {
  std::string out;
  for (const auto& [keyword, value] : platform::split_dsn(dsn.text).value_or(platform::DsnWords{}))
    if (keyword == "host" || keyword == "hostaddr" || keyword == "port" || keyword == "service")
      out += platform::conninfo_word(keyword, value);
  return out;
}

tl::unexpected<Error> unfit(const Manifest& manifest, std::string reason) {
  return fail(ErrorCode::restore_environment,
              {{"backup", manifest.id.str()}, {"reason", std::move(reason)}});
}

CallLimits at_most(const CallLimits& limits, Duration time) {
  return {std::min(limits.deadline, MonoTime::clock::now() + time), limits.stop};
}

}  // namespace

std::string drill_database_name(const std::string& owner, const std::string& drill) {
  return "vigie_drill_" + sha256_hex(owner + "\n" + drill).substr(0, kDigits);
}

MarkedServer::MarkedServer(platform::PgConnector& connector, MarkedServerRequest request)
    : connector_(connector),
      request_(std::move(request)),
      name_(drill_database_name(request_.owner, request_.drill)) {}

Result<std::unique_ptr<MarkedServer>> MarkedServer::open(platform::PgConnector& connector,
                                                         MarkedServerRequest request,
                                                         const CallLimits& limits) {
  std::unique_ptr<MarkedServer> server(new MarkedServer(connector, std::move(request)));
  TRY(server->connect(limits));
  TRY(server->check_rights(limits));
  TRY(server->check_identity(limits));
  TRY(server->lock(limits));
  return server;
}

Result<std::vector<std::string>> MarkedServer::examine(platform::PgConnector& connector,
                                                       MarkedServerRequest request,
                                                       const CallLimits& limits) {
  MarkedServer server(connector, std::move(request));
  TRY(server.connect(limits));
  TRY(server.check_rights(limits));
  TRY(server.check_identity(limits));
  return std::move(server.not_compared_);
}

CallLimits MarkedServer::last_acts() {
  return {MonoTime::clock::now() + kLastActs, {}};
}

platform::Dsn MarkedServer::dsn_of(const std::string& database) const {
  platform::Dsn out = request_.dsn;
  out.text += " " + platform::conninfo_word("dbname", database);  // the last one counts
  return out;
}

platform::Dsn MarkedServer::database() const {
  return dsn_of(name_);
}

std::string MarkedServer::made_as() const {
  return name_ + "_filling";
}

Result<> MarkedServer::connect(const CallLimits& limits) {
  auto session = connector_.connect(dsn_of(request_.marker), kApplication, limits);
  if (!session && session.error().code() == ErrorCode::database_missing)
    return fail(why_not_marked(limits));
  if (!session) return fail(session.error());
  session_ = std::move(*session);
  // It holds the lock as long as the drill works, and waits all that time.
  TRY(session_->query(kWaits, limits));
  return {};
}

// It sets owners, and removes a row past every trigger.
Result<> MarkedServer::check_rights(const CallLimits& limits) {
  TRY_ASSIGN(const auto rows,
             session_->query("select rolsuper from pg_roles where rolname = current_user", limits));
  if (rows->at(0, 0) == "t") return {};
  return fail(ErrorCode::restore_rights,
              {{"database", request_.dsn.name}, {"reason", "its role is no superuser"}});
}

// Nobody is to be told to mark a source as one that may be wiped.
Error MarkedServer::why_not_marked(const CallLimits& limits) {
  const Error not_marked(ErrorCode::scratch_not_marked,
                         {{"name", request_.drill}, {"database", request_.marker}});
  for (const char* database : {"postgres", "template1"}) {
    auto session = connector_.connect(dsn_of(database), kApplication, limits);
    if (!session) continue;
    session_ = std::move(*session);
    const auto fine = check_identity(limits);
    session_.reset();
    not_compared_.clear();
    return fine || fine.error().code() == ErrorCode::database_query ? not_marked : fine.error();
  }
  return not_marked;
}

Result<> MarkedServer::check_identity(const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session_->query(kIdentifier, limits));
  system_identifier_ = rows->at(0, 0);
  const Manifest* const backup = request_.backup;
  if (backup != nullptr && backup->server.system_identifier == system_identifier_)
    return fail(ErrorCode::scratch_is_source,
                {{"name", request_.drill}, {"backup", backup->id.str()}});
  if (backup != nullptr && backup->server.system_identifier.empty())
    not_compared_.push_back(backup->id.str());
  std::set<std::string> answered;
  for (const platform::Dsn& source : request_.sources) {
    const std::string server = server_of(source);
    if (answered.contains(server)) continue;
    TRY_ASSIGN(const bool compared, compare_with(source, limits));
    if (compared) answered.insert(server);
  }
  return {};
}

// A source that is gone is what drills are for: one that does not answer keeps none from being
// made.
Result<bool> MarkedServer::compare_with(const platform::Dsn& source, const CallLimits& limits) {
  const CallLimits patience = at_most(limits, kForEachSource);
  const auto session = connector_.connect(source, kApplication, patience);
  const auto rows = session ? (*session)->query(kIdentifier, patience)
                            : Result<std::unique_ptr<platform::PgRows>>(fail(session.error()));
  if (!rows && limits.stop.stop_requested()) return fail(rows.error());
  if (rows && (*rows)->at(0, 0) == system_identifier_)
    return fail(ErrorCode::scratch_is_source,
                {{"name", request_.drill}, {"backup", "the database " + source.name}});
  if (!rows) not_compared_.push_back(source.name);
  return rows.has_value();
}

// The session of a drill that was killed has a moment to end.
Result<> MarkedServer::lock(const CallLimits& limits) {
  const auto taken = session_->query(
      fmt::format("set lock_timeout = '10s'; select pg_advisory_lock(hashtextextended({}, 0))",
                  platform::quote_literal(name_)),
      limits);
  if (taken) return {};
  if (taken.error().parameter("sqlstate") != kLockNotAvailable) return fail(taken.error());
  return fail(ErrorCode::scratch_in_use,
              {{"path", name_}, {"reason", "another drill of this name works in it"}});
}

Result<> MarkedServer::check_fits(const Manifest& manifest, int major, const CallLimits& limits) {
  const int theirs = session_->server_version() / 10000;
  if (theirs != major)
    return unfit(manifest, fmt::format("the scratch server is PostgreSQL {}, and {} is needed",
                                       theirs, major));
  TRY(check_preload(manifest, limits));
  return check_collation(*session_, manifest, limits);
}

Result<> MarkedServer::check_preload(const Manifest& manifest, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session_->query("show shared_preload_libraries", limits));
  const auto there = preload_libraries(rows->at(0, 0));
  for (const std::string& one : preload_libraries(manifest.server.preload))
    if (std::ranges::count(there, one) == 0)
      return unfit(manifest,
                   fmt::format("the scratch server has no {} in shared_preload_libraries", one));
  return {};
}

// In a session of its own: this one's may be over when the work was stopped.
Result<> MarkedServer::remove_databases(const CallLimits& limits) {
  const auto left = [&](const Error& why) {
    return fail(ErrorCode::restore_left_behind,
                {{"name", name_}, {"reason", std::string(why.info().title)}});
  };
  const auto session = connector_.connect(dsn_of(request_.marker), kApplication, limits);
  if (!session) return left(session.error());
  for (const std::string& name : {made_as(), name_})
    if (const auto dropped = drop_database(**session, name, limits); !dropped)
      return left(dropped.error());
  return {};
}

}  // namespace vigie::proof
