#include "store/evidence_files.h"

#include <cerrno>
#include <map>
#include <set>

namespace vigie::store {
namespace {

using platform::Entry;
using platform::EntryKind;
using platform::FileInfo;
using platform::Path;

tl::unexpected<Error> missing(const Path& path) {
  return fail(platform::file_error(ENOENT, path));
}

tl::unexpected<Error> read_only(const Path& path) {
  return fail(platform::file_error(EROFS, path));
}

std::string name_of(const Path& path) {
  return path.relative_path().lexically_normal().generic_string();
}

class EvidenceFiles final : public platform::FileSystem {
 public:
  EvidenceFiles(std::shared_ptr<Store> store, const std::vector<EvidenceFile>& all)
      : store_(std::move(store)) {
    for (const EvidenceFile& one : all) add(one);
  }

  Result<std::unique_ptr<platform::ReadableFile>> open_read(const Path& path) override {
    if (!files_.contains(name_of(path))) return missing(path);
    return store_->open_evidence(name_of(path));
  }
  Result<std::vector<Entry>> list(const Path& path) override {
    const auto found = folders_.find(name_of(path));
    if (found == folders_.end()) return missing(path);
    std::vector<Entry> entries;
    for (const std::string& name : found->second)
      entries.push_back({name, is_folder(path / name) ? EntryKind::folder : EntryKind::file});
    return entries;
  }
  Result<FileInfo> info(const Path& path) override {
    const auto file = files_.find(name_of(path));
    if (file != files_.end()) return FileInfo{.kind = EntryKind::file, .size = file->second};
    if (is_folder(path)) return FileInfo{.kind = EntryKind::folder};
    return missing(path);
  }

  Result<std::unique_ptr<platform::WritableFile>> create(const Path& path, unsigned) override {
    return read_only(path);
  }
  Result<std::unique_ptr<platform::WritableFile>> open_append(const Path& path, unsigned) override {
    return read_only(path);
  }
  Result<> rename_new(const Path& from, const Path&) override { return read_only(from); }
  Result<> rename_replace(const Path& from, const Path&) override { return read_only(from); }
  Result<> sync_folder(const Path& path) override { return read_only(path); }
  Result<> truncate(const Path& path, Bytes) override { return read_only(path); }
  Result<> remove_file(const Path& path) override { return read_only(path); }
  Result<> remove_folder(const Path& path) override { return read_only(path); }
  Result<> create_folder(const Path& path, unsigned) override { return read_only(path); }
  Result<platform::Space> space(const Path& path) override { return read_only(path); }

 private:
  bool is_folder(const Path& path) const { return folders_.contains(name_of(path)); }

  void add(const EvidenceFile& file) {
    files_[file.name] = file.size;
    for (Path path = file.name; !path.empty(); path = path.parent_path())
      folders_[path.parent_path().generic_string()].insert(path.filename().string());
  }

  const std::shared_ptr<Store> store_;
  std::map<std::string, Bytes> files_;
  std::map<std::string, std::set<std::string>> folders_{{"", {}}};  // with what is in each
};

}  // namespace

Result<std::unique_ptr<platform::FileSystem>> evidence_files(std::shared_ptr<Store> store) {
  TRY_ASSIGN(const auto all, store->evidence());
  return std::make_unique<EvidenceFiles>(std::move(store), all);
}

std::vector<std::string> evidence_owners(platform::FileSystem& files) {
  std::vector<std::string> owners;
  const auto entries = files.list("/");
  if (!entries) return owners;
  for (const Entry& one : *entries)
    if (one.kind == EntryKind::folder) owners.push_back(one.name);
  return owners;
}

}  // namespace vigie::store
