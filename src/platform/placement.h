// Where on the disk a folder's files lie.
#pragma once

#include "platform/file_system.h"

namespace vigie::platform {

// A hint, nothing more: folders made below `folder` from now on have nothing to do with each other,
// so that each may get a place of its own (chattr +T). An ext4 without a journal looks through all
// inodes that were deleted nearby within the last minutes for each new file: where thousands of
// files come and go, the next thousands should come elsewhere (5,000 files: 0.1 s, not 1.7 s).
void spread_subfolders(const Path& folder);

}  // namespace vigie::platform
