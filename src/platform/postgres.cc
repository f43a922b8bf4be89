#include "platform/postgres.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "platform/postgres_conninfo.h"
#include "platform/postgres_error.h"
#include "platform/postgres_session.h"
#include "platform/resolve.h"

namespace vigie::platform {
namespace {

constexpr size_t kMostCandidates = 16;

// One address to try. Empty fields are left to libpq.
struct Candidate {
  std::string host;
  std::string address;
  std::string port;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

std::string at_or_last(const std::vector<std::string>& parts, size_t index) {
  if (parts.empty()) return "";
  return parts[std::min(index, parts.size() - 1)];
}

// A path is a unix socket, '@' an abstract one.
bool needs_look_up(const std::string& host) {
  in6_addr ignored{};
  return !host.empty() && host.front() != '/' && host.front() != '@' &&
         ::inet_pton(AF_INET, host.c_str(), &ignored) != 1 &&
         ::inet_pton(AF_INET6, host.c_str(), &ignored) != 1;
}

// One attempt to open a session at several addresses, one after the other.
class Attempt {
 public:
  Attempt(const Dsn& dsn, const Conninfo& info, const std::optional<Secret>& password,
          std::string_view application_name, const CallLimits& limits)
      : dsn_(dsn),
        info_(info),
        password_(password),
        application_name_(application_name_of(application_name)),
        deadline_(limits.deadline),
        stop_(limits.stop) {}

  Result<PgHandle> run() {
    TRY_ASSIGN(const std::vector<Candidate> candidates, find_candidates());
    Result<PgHandle> last = fail(no_address());
    for (size_t i = 0; i < candidates.size(); ++i) {
      last = connect(candidates[i], share_of(candidates.size() - i));
      if (last || is_final(last.error())) return last;
    }
    return last;
  }

 private:
  // An address that does not answer must leave time for the others.
  MonoTime share_of(size_t left) const {
    const auto now = MonoTime::clock::now();
    return now + (deadline_ - now) / static_cast<long>(left);
  }

  Error out_of_time() const {
    if (stop_.stopped()) return Error(ErrorCode::cancelled, {{"reason", "stopped on request"}});
    return timed_out(dsn_.name, std::chrono::ceil<std::chrono::seconds>(deadline_ - began_));
  }
  Error no_address() const {
    return Error(ErrorCode::database_unreachable,
                 {{"database", dsn_.name}, {"reason", "its host has no address"}});
  }

  // Another host would not answer differently.
  bool is_final(const Error& error) const {
    return stop_.stopped() || error.code() == ErrorCode::database_authentication ||
           error.code() == ErrorCode::database_missing;
  }

  Result<std::vector<Candidate>> find_candidates() const {
    const auto hosts = split(info_.value("host"));
    const auto addresses = split(info_.value("hostaddr"));
    const auto ports = split(info_.value("port"));
    std::vector<Candidate> out;
    for (size_t i = 0; i < std::max({hosts.size(), addresses.size(), size_t{1}}); ++i) {
      Candidate one{i < hosts.size() ? hosts[i] : "", i < addresses.size() ? addresses[i] : "",
                    at_or_last(ports, i)};
      if (one.address.empty() && needs_look_up(one.host)) {
        TRY(add_addresses_of(one, out));
      } else {
        out.push_back(std::move(one));
      }
    }
    out.resize(std::min(out.size(), kMostCandidates));
    return out;
  }

  Result<> add_addresses_of(const Candidate& named, std::vector<Candidate>& out) const {
    const Resolved found = resolve_host(named.host, deadline_, stop_);
    if (found.end == Resolved::End::stopped || found.end == Resolved::End::deadline) {
      return fail(out_of_time());
    }
    for (const std::string& address : found.addresses) {
      out.push_back({named.host, address, named.port});
    }
    return {};
  }

  PgHandle start(const Candidate& candidate) const {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    const auto set = [&](const char* keyword, const std::string& value) {
      if (value.empty()) return;
      keywords.push_back(keyword);
      values.push_back(value.c_str());
    };
    // The first gives way to the later ones of the same keyword.
    set("gssencmode", kNever);
    for (const ConninfoOption& one : info_.options) {
      constexpr std::array<std::string_view, 4> kOurs{"host", "hostaddr", "port", "password"};
      if (std::ranges::find(kOurs, one.keyword) == kOurs.end()) {
        set(one.keyword.c_str(), one.value);
      }
    }
    set("host", candidate.host);
    set("hostaddr", candidate.address);
    set("port", candidate.port);
    if (password_) set("password", password_->reveal());
    set("application_name", application_name_);
    set("client_encoding", kEncoding);
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    return PgHandle(::PQconnectStartParams(keywords.data(), values.data(), 0));
  }

  Result<PgHandle> connect(const Candidate& candidate, MonoTime deadline) const {
    PgHandle connection = start(candidate);
    if (!connection) return fail(ErrorCode::internal_error, {{"reason", "libpq has no memory"}});
    // The server's text stays out of libpq's messages.
    ::PQsetErrorVerbosity(connection.get(), PQERRORS_SQLSTATE);
    ::PQsetNoticeReceiver(
        connection.get(), [](void*, const PGresult*) {}, nullptr);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    if (::PQstatus(connection.get()) == CONNECTION_BAD) next = PGRES_POLLING_FAILED;
    while (next != PGRES_POLLING_OK) {
      if (next == PGRES_POLLING_FAILED) return refused(*connection);
      const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
      if (wait_for(::PQsocket(connection.get()), events, deadline, stop_) != WaitEnd::ready) {
        return fail(out_of_time());
      }
      next = ::PQconnectPoll(connection.get());
    }
    return connection;
  }

  tl::unexpected<Error> refused(PGconn& connection) const {
    const bool wants = ::PQconnectionNeedsPassword(&connection) != 0;
    return fail(connection_error(dsn_.name, ::PQerrorMessage(&connection), wants));
  }

  inline static const std::string kNever = "disable";
  inline static const std::string kEncoding = "UTF8";

  const Dsn& dsn_;
  const Conninfo& info_;
  const std::optional<Secret>& password_;
  std::string application_name_;
  MonoTime deadline_;
  MonoTime began_ = MonoTime::clock::now();
  StopSignal stop_;
};

// A name in an empty search_path means pg_catalog alone: nothing that a hostile database defines.
Result<> prepare_session(PgConnection& session, const CallLimits& limits) {
  std::string sql = "SELECT pg_catalog.set_config('search_path', '', false)";
  constexpr int kKnowsConnectionCheck = 140000;
  if (session.server_version() >= kKnowsConnectionCheck) {
    sql += ", pg_catalog.set_config('client_connection_check_interval', '2s', false)";
  }
  TRY(session.query(sql, limits));
  return {};
}

class RealConnector final : public PgConnector {
 public:
  Result<std::unique_ptr<PgConnection>> connect(const Dsn& dsn, std::string_view application_name,
                                                const CallLimits& limits) override {
    TRY_ASSIGN(const Conninfo info, parse_conninfo(dsn));
    TRY_ASSIGN(const std::optional<Secret> password, password_of(dsn, info));
    TRY_ASSIGN(PgHandle handle, Attempt(dsn, info, password, application_name, limits).run());
    auto session = make_pg_session(std::move(handle), dsn.name);
    TRY(prepare_session(*session, limits));
    return session;
  }
};

}  // namespace

std::unique_ptr<PgConnector> make_pg_connector() {
  return std::make_unique<RealConnector>();
}

}  // namespace vigie::platform
