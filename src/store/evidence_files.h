// The copies of ledgers that lie in a store beside its artefacts, as a read-only file system: what
// verifies a ledger in a folder verifies one in a bucket. Format: docs/formats/store-1.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/file_system.h"
#include "store/store.h"

namespace vigie::store {

// Of what the store lists now; paths begin with a slash: "/<owner>/ledger/ledger-000001.jsonl".
// What it has no part in (writing) is file_permission. Thread-safe, as the store.
Result<std::unique_ptr<platform::FileSystem>> evidence_files(std::shared_ptr<Store> store);

// The state folders of which there is a copy, sorted.
std::vector<std::string> evidence_owners(platform::FileSystem& files);

}  // namespace vigie::store
