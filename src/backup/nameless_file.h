// A file without a name, for what a program writes to its stdout: gone with its descriptor.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::backup {

Result<platform::Descriptor> nameless_file(const platform::Path& folder);

// Calls `each` with pieces of at most 64 KiB, from the file's beginning to its end.
Result<> read_all(const platform::Descriptor& fd, const std::function<Result<>(ByteSpan)>& each);

}  // namespace vigie::backup
