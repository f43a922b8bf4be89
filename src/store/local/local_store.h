// A store in a folder of a mounted file system: <root>/<job>/<id>/.
//
// Thousands of small files do not cost as many commits of the file system's journal: writing starts
// the write-back of what is there, and publish() syncs all files at its end, when the first sync
// has already committed the names and sizes of the rest.
#pragma once

#include <memory>

#include "store/store.h"

namespace vigie::store {

// `files` must outlive the store. The root is made when it is missing, but never its parent: a
// store whose mount is gone is an error, not an empty folder on another disk.
std::unique_ptr<Store> make_local_store(platform::FileSystem& files, std::string name,
                                        platform::Path root);

}  // namespace vigie::store
