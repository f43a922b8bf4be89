// The copies of ledgers in a store's folder: <root>/.vigie-evidence/. What each function does says
// store.h. Thread-safe, but for two that put the same file.
#pragma once

#include <memory>
#include <vector>

#include "store/store.h"

namespace vigie::store {

class EvidenceFolder {
 public:
  EvidenceFolder(platform::FileSystem& files, platform::Path root)
      : files_(files), root_(std::move(root)) {}

  Result<std::vector<EvidenceFile>> list() const;
  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) const;
  Result<EvidenceFile> put(std::string_view name, const platform::ReadableFile& from,
                           Bytes size) const;

 private:
  platform::Path path_of(std::string_view name) const { return root_ / kEvidenceFolder / name; }
  Result<> add_folder(const std::string& below, std::vector<EvidenceFile>& into) const;
  Result<EvidenceFile> found(std::string name) const;
  Result<> make_parents(std::string_view name) const;

  platform::FileSystem& files_;
  const platform::Path root_;
};

}  // namespace vigie::store
