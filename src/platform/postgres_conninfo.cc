#include "platform/postgres_conninfo.h"

#include <libpq-fe.h>

#include <memory>

#include "platform/log.h"
#include "platform/secret_file.h"

namespace vigie::platform {
namespace {

constexpr size_t kMaxApplicationName = 63;
constexpr size_t kMaxConninfo = 16 << 10;

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { ::PQconninfoFree(options); }
};

tl::unexpected<Error> not_a_dsn(const Dsn& dsn) {
  return fail(ErrorCode::database_unreachable,
              {{"database", dsn.name}, {"reason", "its dsn is no valid connection string"}});
}

}  // namespace

std::string_view Conninfo::value(std::string_view keyword) const {
  for (const ConninfoOption& one : options) {
    if (one.keyword == keyword) return one.value;
  }
  return {};
}

Result<Conninfo> parse_conninfo(const Dsn& dsn) {
  if (dsn.text.size() > kMaxConninfo || dsn.text.find('\0') != std::string::npos) {
    return not_a_dsn(dsn);
  }
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
      ::PQconninfoParse(dsn.text.c_str(), &message));
  ::PQfreemem(message);  // it quotes the string
  if (!parsed) return not_a_dsn(dsn);
  Conninfo info;
  for (const PQconninfoOption* one = parsed.get(); one->keyword != nullptr; ++one) {
    if (one->val == nullptr) continue;
    const std::string_view keyword = one->keyword;
    if (keyword == "password" || keyword == "sslpassword") known_secrets().add(Secret(one->val));
    info.options.push_back({one->keyword, one->envvar == nullptr ? "" : one->envvar, one->val});
  }
  return info;
}

Result<std::optional<Secret>> password_of(const Dsn& dsn, const Conninfo& info) {
  if (!dsn.password_file.empty()) {
    TRY_ASSIGN(Secret secret, read_secret_file(dsn.password_file, 1_KiB));
    return std::optional<Secret>(std::move(secret));
  }
  if (info.value("password").empty()) return std::optional<Secret>();
  return std::optional<Secret>(Secret(std::string(info.value("password"))));
}

std::string application_name_of(std::string_view name) {
  return std::string(name.substr(0, kMaxApplicationName));
}

}  // namespace vigie::platform
