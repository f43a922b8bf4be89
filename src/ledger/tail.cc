#include "ledger/tail.h"

#include "ledger/segments.h"
#include "platform/failpoint.h"

namespace vigie::ledger {

using platform::failpoint;

Tail::Tail(platform::FileSystem& files, platform::Path folder, Bytes size, uint64_t last_number)
    : files_(files),
      folder_(std::move(folder)),
      path_(folder_ / kCurrentSegment),
      size_(size),
      last_number_(last_number) {}

bool Tail::as_written() const {
  const auto info = files_.info(path_);
  if (!info) return info.error().code() != ErrorCode::file_not_found || size_.count == 0;
  return info->size == size_ || (dirty_ && info->size > size_);
}

Result<> Tail::cut_back() {
  TRY_ASSIGN(const auto info, files_.info(path_));
  if (info.size < size_) {
    return fail(ErrorCode::file_corrupt,
                {{"path", path_.string()}, {"reason", "it is shorter than what was written"}});
  }
  if (info.size == size_) return {};
  failpoint("ledger.append.cut");
  return files_.truncate(path_, size_);
}

Result<> Tail::repair() {
  if (file_ && !dirty_ && name_durable_) return {};
  if (!file_ || dirty_) {
    dirty_ = true;
    file_.reset();
    TRY_ASSIGN(file_, files_.open_append(path_));
    TRY(cut_back());
    TRY(file_->sync());
    dirty_ = false;
  }
  failpoint("ledger.append.name");
  TRY(files_.sync_folder(folder_));
  if (!folder_durable_) TRY(files_.sync_folder(folder_.parent_path()));
  name_durable_ = folder_durable_ = true;
  return {};
}

Result<> Tail::append(std::string_view line) {
  TRY(repair());
  dirty_ = true;
  failpoint("ledger.append.write");
  TRY(file_->append(as_bytes(line)));
  failpoint("ledger.append.sync");
  TRY(file_->sync());
  failpoint("ledger.append.durable");
  dirty_ = false;
  size_ += Bytes{line.size()};
  return {};
}

Result<std::string> Tail::seal() {
  if (size_.count == 0) return std::string();
  if (last_number_ >= kMaxSegment) {
    return fail(
        ErrorCode::ledger_unwritable,
        {{"path", folder_.string()}, {"reason", "a file has the last number of a segment"}});
  }
  TRY(repair());
  std::string name = sealed_name(last_number_ + 1);
  file_.reset();
  failpoint("ledger.seal.rename");
  TRY(files_.rename_new(path_, folder_ / name));
  failpoint("ledger.seal.renamed");
  ++last_number_;
  size_ = {};
  dirty_ = true;
  name_durable_ = false;
  return name;
}

}  // namespace vigie::ledger
