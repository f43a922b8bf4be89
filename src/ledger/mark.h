// The high-water mark: the last entry that was acknowledged, kept beside the ledger's folder. A
// ledger that ends before it has lost its end. It may lag behind the ledger, and never leads.
// Format: docs/formats/evidence-1.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "platform/file_system.h"

namespace vigie::ledger {

struct Mark {
  uint64_t seq = 0;  // 0: none is known
  std::string entry_hash;
  bool operator==(const Mark&) const = default;
};

// None when there is no such file, or when it cannot be read or understood: it is no evidence.
Mark read_mark(platform::FileSystem& files, const platform::Path& folder);
// Durable when it returns. The entry must be.
Result<> write_mark(platform::FileSystem& files, const platform::Path& folder, const Mark& mark);

}  // namespace vigie::ledger
