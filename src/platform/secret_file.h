// Secrets live in files only. A secret file has no permission bits for others; for the group it has
// at most read, and only when the group is one of this process's own (a Kubernetes Secret with
// fsGroup); its owner is root or this process's user. A systemd credential (below
// $CREDENTIALS_DIRECTORY) is accepted as systemd made it. Links are followed: Kubernetes mounts
// secrets as links.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "platform/file_system.h"

namespace vigie::platform {

// The content without one trailing newline ("\n" or "\r\n"). Read it again at each use: secrets
// rotate. Errors: secret_file_missing, secret_file_mode, secret_file_invalid (empty, a NUL byte,
// not a regular file), limit_exceeded, file_permission, file_io.
Result<Secret> read_secret_file(const Path& path, Bytes max = 64_KiB);

// Only the rules, for check-config and doctor.
Result<> check_secret_file(const Path& path);

}  // namespace vigie::platform
