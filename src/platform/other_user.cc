#include "platform/other_user.h"

#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace vigie::platform {
namespace {

constexpr size_t kNameBuffer = 16 << 10;

tl::unexpected<Error> refused(const Path& path, std::string reason) {
  return fail(ErrorCode::file_permission, {{"path", path.string()}, {"reason", std::move(reason)}});
}

}  // namespace

Command as_user(Command command, const std::string& user) {
  if (::geteuid() != 0) return command;
  command.arguments.insert(command.arguments.begin(), {"--reuid=" + user, "--regid=" + user,
                                                       "--init-groups", command.program.string()});
  command.program = "/usr/bin/setpriv";
  return command;
}

Result<> give_to_user(const Path& path, const std::string& user) {
  if (::geteuid() != 0) return {};
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(kNameBuffer);
  if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found)
    return refused(path, "there is no user " + user);
  if (::lchown(path.c_str(), found->pw_uid, found->pw_gid) == 0) return {};
  return refused(path, std::system_category().message(errno));
}

}  // namespace vigie::platform
