// Keeps retention away from an artefact, or a copy of one, that is being read.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "artefact/source.h"
#include "backup/catalogue.h"
#include "backup/copy_book.h"

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

// The same of a copy. The book must outlive it.
class CopyHold {
 public:
  // Errors: backup_not_found, also of one that is expiring; queue_full.
  static Result<CopyHold> take(CopyBook& book, std::string store, const BackupId& id) {
    TRY(book.hold(store, id));
    return CopyHold(book, std::move(store), id);
  }
  CopyHold(CopyHold&& other) noexcept
      : book_(std::exchange(other.book_, nullptr)),
        store_(std::move(other.store_)),
        id_(std::move(other.id_)) {}
  CopyHold& operator=(CopyHold&&) = delete;
  ~CopyHold() {
    if (book_ != nullptr) book_->release(store_, id_);
  }

 private:
  CopyHold(CopyBook& book, std::string store, BackupId id)
      : book_(&book), store_(std::move(store)), id_(std::move(id)) {}
  CopyBook* book_;
  std::string store_;
  BackupId id_;
};

// An artefact for whoever restores it: it stays as long as this lives.
struct Reading {
  std::variant<ReadHold, CopyHold> hold;
  ArtefactView artefact;
  std::string manifest_sha256;  // as recorded; empty: not known
  std::unique_ptr<artefact::ArtefactSource> source;
};

}  // namespace vigie::backup
