#include "platform/placement.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "platform/descriptor.h"

namespace vigie::platform {

void spread_subfolders(const Path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  int flags = 0;
  if (!fd || ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_TOPDIR_FL;
  (void)::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
}

}  // namespace vigie::platform
