#include "store/local/evidence_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/failpoint.h"

namespace vigie::store {
namespace {

using platform::EntryKind;
using platform::Path;

bool is_missing(const Error& error) {
  return error.code() == ErrorCode::file_not_found;
}

tl::unexpected<Error> not_a_name() {
  return fail(ErrorCode::internal_error, {{"reason", "not a name of evidence"}});
}

tl::unexpected<Error> too_many() {
  return fail(ErrorCode::limit_exceeded, {{"name", "files of evidence in a store"},
                                          {"observed", "more"},
                                          {"limit", fmt::format("{}", kMostEvidenceFiles)}});
}

}  // namespace

Result<EvidenceFile> EvidenceFolder::found(std::string name) const {
  TRY_ASSIGN(const auto info, files_.info(path_of(name)));
  const auto modified = info.modified.time_since_epoch().count();
  return EvidenceFile{std::move(name), info.size, fmt::format("{}", modified)};
}

Result<> EvidenceFolder::add_folder(const std::string& below,
                                    std::vector<EvidenceFile>& into) const {
  TRY_ASSIGN(const auto entries, files_.list(path_of(below)));
  for (const platform::Entry& entry : entries) {
    std::string name = below.empty() ? entry.name : below + "/" + entry.name;
    if (!is_evidence_name(name)) continue;
    if (entry.kind == EntryKind::folder) TRY(add_folder(name, into));
    if (entry.kind != EntryKind::file) continue;
    if (into.size() == kMostEvidenceFiles) return too_many();
    TRY_ASSIGN(auto file, found(std::move(name)));
    into.push_back(std::move(file));
  }
  return {};
}

Result<std::vector<EvidenceFile>> EvidenceFolder::list() const {
  std::vector<EvidenceFile> all;
  const auto there = files_.info(root_ / kEvidenceFolder);
  if (!there && is_missing(there.error())) return all;
  if (!there) return fail(there.error());
  TRY(add_folder("", all));
  std::ranges::sort(all, {}, &EvidenceFile::name);
  return all;
}

Result<std::unique_ptr<platform::ReadableFile>> EvidenceFolder::open(std::string_view name) const {
  if (!is_evidence_name(name)) return not_a_name();
  return files_.open_read(path_of(name));
}

// A store that has gone since must not be made anew where it was: beneath a mount point.
Result<> EvidenceFolder::make_parents(std::string_view name) const {
  TRY(files_.info(root_));
  TRY(files_.create_folder(path_of(name).parent_path(), 0700));
  for (Path below = Path(kEvidenceFolder) / name; below.has_parent_path();) {
    below = below.parent_path();
    TRY(files_.sync_folder(root_ / below));
  }
  return files_.sync_folder(root_);
}

Result<EvidenceFile> EvidenceFolder::put(std::string_view name, const platform::ReadableFile& from,
                                         Bytes size) const {
  if (!is_evidence_name(name)) return not_a_name();
  const Path path = path_of(name);
  TRY(make_parents(name));
  const Path temporary = path.parent_path() / ("." + path.filename().string() + ".tmp");
  const auto removed = files_.remove_file(temporary);  // of a process that died
  if (!removed && !is_missing(removed.error())) return fail(removed.error());
  TRY_ASSIGN(const auto file, files_.create(temporary, 0600));
  TRY(each_piece(from, size, [&](ByteSpan piece) { return file->append(piece); }));
  TRY(file->sync());
  TRY(file->close());
  platform::failpoint("store.evidence.written");
  TRY(files_.rename_replace(temporary, path));
  TRY(files_.sync_folder(path.parent_path()));
  return found(std::string(name));
}

}  // namespace vigie::store
