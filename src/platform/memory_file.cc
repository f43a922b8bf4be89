#include "platform/memory_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace vigie::platform {

Result<MemoryFile> MemoryFile::make(const Secret& content) {
  const std::string& text = content.reveal();
  Descriptor fd(::memfd_create("vigie", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail(file_error(errno, "memory"));
  // Memory takes all at once, or there is none.
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(file_error(ENOMEM, "memory"));
  (void)::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
  return MemoryFile(std::move(fd));
}

Path MemoryFile::path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get());
}

}  // namespace vigie::platform
