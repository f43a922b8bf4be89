#include "proof/tampered_source.h"

#include <algorithm>
#include <optional>

namespace vigie::proof {
namespace {

// A file whose bytes are another's, but for one bit or for their end.
class Damaged final : public platform::ReadableFile {
 public:
  Damaged(std::unique_ptr<platform::ReadableFile> file, std::optional<uint64_t> flipped,
          std::optional<Bytes> size)
      : file_(std::move(file)), flipped_(flipped), size_(size) {}

  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    if (size_) {
      const uint64_t left = size_->count - std::min(offset, size_->count);
      into = into.first(std::min<uint64_t>(into.size(), left));
    }
    TRY_ASSIGN(const size_t got, file_->read_at(offset, into));
    if (flipped_ && *flipped_ >= offset && *flipped_ < offset + got)
      into[*flipped_ - offset] ^= 0x10;
    return got;
  }
  Result<Bytes> size() const override { return size_ ? *size_ : file_->size(); }

 private:
  std::unique_ptr<platform::ReadableFile> file_;
  std::optional<uint64_t> flipped_;
  std::optional<Bytes> size_;
};

class InMemory final : public platform::ReadableFile {
 public:
  explicit InMemory(const std::string& bytes) : bytes_(bytes) {}

  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    const size_t begin = std::min<uint64_t>(offset, bytes_.size());
    const size_t count = std::min(into.size(), bytes_.size() - begin);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), count, into.begin());
    return count;
  }
  Result<Bytes> size() const override { return Bytes{bytes_.size()}; }

 private:
  const std::string& bytes_;  // of the source
};

}  // namespace

Result<std::vector<artefact::StoredFile>> TamperedSource::list() {
  TRY_ASSIGN(auto files, original_.list());
  std::erase_if(files, [&](const auto& file) { return hidden_.contains(file.name); });
  for (artefact::StoredFile& file : files) {
    if (const auto cut = cut_.find(file.name); cut != cut_.end()) file.size = cut->second;
    if (const auto other = replaced_.find(file.name); other != replaced_.end())
      file.size = {other->second.size()};
  }
  return files;
}

Result<std::unique_ptr<platform::ReadableFile>> TamperedSource::open(std::string_view name) {
  if (hidden_.contains(name)) return fail(ErrorCode::file_not_found, {{"path", std::string(name)}});
  if (const auto other = replaced_.find(name); other != replaced_.end())
    return std::make_unique<InMemory>(other->second);
  TRY_ASSIGN(auto file, original_.open(name));
  const auto flipped = flipped_.find(name);
  const auto cut = cut_.find(name);
  return std::make_unique<Damaged>(
      std::move(file), flipped == flipped_.end() ? std::nullopt : std::optional(flipped->second),
      cut == cut_.end() ? std::nullopt : std::optional(cut->second));
}

}  // namespace vigie::proof
