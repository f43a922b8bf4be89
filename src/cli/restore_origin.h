// Where `restore … --from` and `evidence verify --from` read from: a folder that was a store, or a
// bucket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "cli/context.h"
#include "store/store.h"

namespace vigie::cli {

struct Origin {
  std::shared_ptr<store::Store> store;
  std::string where;           // for people
  std::optional<BackupId> id;  // what was named is this one's folder
  std::string job{};           // what was named is this one's; empty: the whole store
};

// Of --from and of the options that a bucket takes. Error: usage.
Result<Origin> origin_of(Context& context);

// Those that a bucket takes beside --from.
std::vector<OptionSpec> bucket_options();

}  // namespace vigie::cli
