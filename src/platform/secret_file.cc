#include "platform/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "platform/descriptor.h"
#include "platform/log.h"

namespace vigie::platform {
namespace {

tl::unexpected<Error> refuse(ErrorCode code, const Path& path, std::string reason) {
  return fail(code, {{"path", path.string()}, {"reason", std::move(reason)}});
}

bool is_own_group(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return count > 0 && std::ranges::find(groups, group) != groups.end();
}

// systemd gives the service's user an ACL entry, which shows as group permissions of group root.
bool is_systemd_credential(const Path& path) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder != nullptr && *folder == '/' &&
         path.lexically_normal().parent_path() == Path(folder).lexically_normal();
}

Result<> check_rules(const Path& path, const struct stat& st) {
  if (!S_ISREG(st.st_mode)) {
    return refuse(ErrorCode::secret_file_invalid, path, "not a regular file");
  }
  const unsigned mode = st.st_mode & 0777U;
  if (st.st_uid != 0 && st.st_uid != ::geteuid()) {
    return refuse(ErrorCode::secret_file_mode, path, "it belongs to another user");
  }
  if ((mode & 07U) != 0) {
    return refuse(ErrorCode::secret_file_mode, path,
                  fmt::format("mode {:04o}: others may use it", mode));
  }
  if ((mode & 070U) == 0 || is_systemd_credential(path)) return {};
  if ((mode & 030U) != 0) {
    return refuse(ErrorCode::secret_file_mode, path,
                  fmt::format("mode {:04o}: its group may do more than read", mode));
  }
  if (is_own_group(st.st_gid)) return {};
  return refuse(ErrorCode::secret_file_mode, path,
                fmt::format("mode {:04o}: another group may read it", mode));
}

// O_NONBLOCK, so that a FIFO does not make us wait for its writer.
Result<Descriptor> open_checked(const Path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) {
    return fail(ErrorCode::secret_file_missing, {{"path", path.string()}});
  }
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail(file_error(errno, path));
  TRY(check_rules(path, st));
  return fd;
}

// Up to `most` bytes.
Result<std::string> read_up_to(const Descriptor& fd, const Path& path, size_t most) {
  std::string text(most, '\0');
  size_t done = 0;
  while (done < most) {
    const ssize_t got = ::read(fd.get(), text.data() + done, most - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(file_error(errno, path));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

void trim_one_newline(std::string& text) {
  if (!text.ends_with('\n')) return;
  text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

}  // namespace

Result<Secret> read_secret_file(const Path& path, Bytes max) {
  TRY_ASSIGN(const Descriptor fd, open_checked(path));
  TRY_ASSIGN(std::string text, read_up_to(fd, path, max.count + 1));
  const size_t size = text.size();
  trim_one_newline(text);
  Secret secret(std::move(text));
  if (size > max.count) {
    return fail(
        ErrorCode::limit_exceeded,
        {{"name", "a secret file"}, {"observed", "its size"}, {"limit", format_bytes(max)}});
  }
  if (secret.empty()) return refuse(ErrorCode::secret_file_invalid, path, "it is empty");
  if (secret.reveal().find('\0') != std::string::npos) {
    return refuse(ErrorCode::secret_file_invalid, path, "it holds a NUL byte");
  }
  known_secrets().add(secret);
  return secret;
}

Result<> check_secret_file(const Path& path) {
  TRY(open_checked(path));
  return {};
}

}  // namespace vigie::platform
