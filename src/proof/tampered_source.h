// An artefact's bytes with damage in them, as they are read: nothing is written. For canaries.
#pragma once

#include <map>
#include <set>
#include <string>

#include "artefact/source.h"

namespace vigie::proof {

// The original must outlive it. Set up before it is read; then thread-safe.
class TamperedSource final : public artefact::ArtefactSource {
 public:
  explicit TamperedSource(artefact::ArtefactSource& original) : original_(original) {}

  // One bit of the byte at `offset` is the other way round.
  void flip(std::string name, uint64_t offset) { flipped_[std::move(name)] = offset; }
  // Only so many bytes of it are there.
  void cut(std::string name, Bytes size) { cut_[std::move(name)] = size; }
  void hide(std::string name) { hidden_.insert(std::move(name)); }
  void replace(std::string name, std::string bytes) {
    replaced_[std::move(name)] = std::move(bytes);
  }

  Result<std::vector<artefact::StoredFile>> list() override;
  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) override;

 private:
  artefact::ArtefactSource& original_;
  std::map<std::string, uint64_t, std::less<>> flipped_;
  std::map<std::string, Bytes, std::less<>> cut_;
  std::set<std::string, std::less<>> hidden_;
  std::map<std::string, std::string, std::less<>> replaced_;
};

}  // namespace vigie::proof
