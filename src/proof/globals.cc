#include "proof/globals.h"

#include <fmt/format.h>

#include <set>

#include "proof/sql_script.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kDuplicateObject = "42710";

// Who granted it was a role of the other server; here it is whoever restores.
std::string without_grantor(const std::string& statement) {
  const size_t at = statement.rfind(" GRANTED BY ");
  return at == std::string::npos ? statement : statement.substr(0, at);
}

class Roles {
 public:
  Roles(Target& target, const Work& work) : target_(target), work_(work) {}

  Result<> take(const std::string& statement) {
    if (name_after(statement, "on") == "TABLESPACE") return {};
    if (statement.starts_with("CREATE ROLE ")) return create(statement);
    const bool about = statement.starts_with("ALTER ROLE ");
    const bool membership = statement.starts_with("GRANT ");
    const bool encoding = statement.starts_with("SET client_encoding ");
    if (membership && !kept_.contains(name_after(statement, "to")))
      return target_.execute(without_grantor(statement), work_);
    if (about && kept_.contains(name_after(statement, "role"))) return {};
    if (membership && kept_.contains(name_after(statement, "to"))) return {};
    if (about || membership || encoding) return target_.execute(statement, work_);
    return {};  // other settings of the script's own session, and tablespaces
  }

  RolesRestored result() const { return {made_, kept_.size()}; }

 private:
  Result<> create(const std::string& statement) {
    const auto created = target_.execute(statement, work_);
    if (created) {
      ++made_;
      return {};
    }
    if (created.error().parameter("sqlstate") != kDuplicateObject) return created;
    kept_.insert(name_after(statement, "role"));
    return {};
  }

  Target& target_;
  const Work& work_;
  size_t made_ = 0;
  std::set<std::string> kept_;
};

}  // namespace

Result<RolesRestored> restore_globals(platform::FileSystem& files, const platform::Path& script,
                                      Target& target, const Work& work) {
  TRY_ASSIGN(const std::string text, platform::read_file(files, script, kMaxScript));
  TRY_ASSIGN(const auto statements, split_statements(text));
  Roles roles(target, work);
  for (const std::string& one : statements) {
    auto taken = roles.take(one);
    if (taken) continue;
    if (const size_t made = roles.result().made; made > 0)
      taken.error().with("roles", fmt::format("{}", made));
    return fail(taken.error());
  }
  TRY(target.execute("reset client_encoding", work));
  return roles.result();
}

}  // namespace vigie::proof
