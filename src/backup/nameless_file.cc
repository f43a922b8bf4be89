#include "backup/nameless_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace vigie::backup {

Result<platform::Descriptor> nameless_file(const platform::Path& folder) {
  const platform::Path path = folder / "output";
  platform::Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::unlink(path.c_str()) != 0) return fail(platform::file_error(errno, path));
  return fd;
}

Result<> read_all(const platform::Descriptor& fd, const std::function<Result<>(ByteSpan)>& each) {
  std::vector<unsigned char> buffer(size_t{64} << 10);
  off_t at = 0;
  while (true) {
    const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(platform::file_error(errno, "a staging file"));
    if (got == 0) return {};
    at += got;
    TRY(each(ByteSpan(buffer).first(static_cast<size_t>(got))));
  }
}

}  // namespace vigie::backup
