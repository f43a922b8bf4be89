// Keeps retention away from an artefact that is being read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "artefact/source.h"
#include "backup/catalogue.h"

namespace vigie::backup {

// Released with the object. The catalogue must outlive it.
class ReadHold {
 public:
  // Errors: backup_not_found, also of one that is expiring.
  static Result<ReadHold> take(Catalogue& catalogue, const BackupId& id, std::string reason,
                               SystemTime now) {
    TRY(catalogue.hold(id, {"read", std::move(reason), now}));
    return ReadHold(catalogue, id);
  }
  ReadHold(ReadHold&& other) noexcept
      : catalogue_(std::exchange(other.catalogue_, nullptr)), id_(std::move(other.id_)) {}
  ReadHold& operator=(ReadHold&&) = delete;
  ~ReadHold() {
    // A hold that cannot be released now is gone at the next start.
    if (catalogue_ != nullptr) (void)catalogue_->release(id_, "read");
  }

 private:
  ReadHold(Catalogue& catalogue, BackupId id) : catalogue_(&catalogue), id_(std::move(id)) {}
  Catalogue* catalogue_;
  BackupId id_;
};

// An artefact for whoever restores it: it stays as long as this lives.
struct Reading {
  std::optional<ReadHold> hold;  // nothing: there is a copy of it alone
  ArtefactView artefact;
  std::string manifest_sha256;  // as recorded; empty: not known
  std::unique_ptr<artefact::ArtefactSource> source;
};

}  // namespace vigie::backup
