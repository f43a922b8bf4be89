#include "platform/file_system_kind.h"

#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vigie::platform {
namespace {

// As in statfs(2) and linux/magic.h, which has not all of them.
constexpr std::array<std::pair<unsigned, std::string_view>, 11> kUnusual{{{0x01021994, "tmpfs"},
                                                                          {0x858458f6, "ramfs"},
                                                                          {0x794c7630, "overlay"},
                                                                          {0x6969, "nfs"},
                                                                          {0x517b, "smb"},
                                                                          {0xfe534d42, "smb2"},
                                                                          {0xff534d42, "cifs"},
                                                                          {0x01021997, "9p"},
                                                                          {0x00c36400, "ceph"},
                                                                          {0x65735546, "fuse"},
                                                                          {0x5346414f, "afs"}}};

}  // namespace

// The kernel's word is of 32 bits, whatever the sign of the type that carries it.
std::string_view unusual_file_system(long magic) {
  const auto* const found = std::ranges::find(kUnusual, static_cast<unsigned>(magic),
                                              &std::pair<unsigned, std::string_view>::first);
  return found == kUnusual.end() ? std::string_view() : found->second;
}

std::string_view unusual_file_system(const Path& path) {
  struct statfs seen {};
  return ::statfs(path.c_str(), &seen) == 0 ? unusual_file_system(long{seen.f_type})
                                            : std::string_view();
}

}  // namespace vigie::platform
