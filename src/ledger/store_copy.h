// A copy of the ledger as whole files in a store, which knows no append and no rename. Format and
// order: docs/formats/checkpoint-1.md, "Copies in stores". Threads as evidence_copy.h says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ledger/evidence_copy.h"

namespace vigie::ledger {

struct CopiedFile {
  std::string name;  // "checkpoints.jsonl", "ledger/ledger-000001.jsonl"
  Bytes size;
  std::string tag;  // another one when it has been written again
};

// What the ledger is copied into, for one update.
class CopyPlace {
 public:
  virtual ~CopyPlace() = default;
  virtual Result<std::vector<CopiedFile>> list() = 0;
  virtual Result<std::unique_ptr<platform::ReadableFile>> open(const std::string& name) = 0;
  // The first `size` bytes of `from`, whole or not at all, and durable when it returns.
  virtual Result<CopiedFile> put(const std::string& name, const platform::ReadableFile& from,
                                 Bytes size) = 0;
};
// Null: there is none yet, and nothing to complain of. Its calls end with `stop`.
using OpenPlace = std::function<Result<std::unique_ptr<CopyPlace>>(const std::stop_token& stop)>;

class StoreCopy final : public EvidenceCopy {
 public:
  // `folder` is the ledger's; `where` is for people. What it is given must outlive it.
  StoreCopy(platform::FileSystem& files, const platform::Path& folder, const std::string& where,
            OpenPlace open, const platform::Clock& clock);

  Result<> update(Ledger& ledger, const Checkpoints& checkpoints,
                  const std::stop_token& stop) override;
  CopyStanding standing() const override { return progress_.standing(); }

 private:
  class Update;
  using Tags = std::map<std::string, std::string>;

  platform::FileSystem& files_;
  const platform::Path from_;  // the folder that holds the ledger's
  const platform::Path name_;  // of the ledger's folder
  const OpenPlace open_;
  CopyProgress progress_;
  Tags known_;   // by name, of what was sent or compared; of the thread that copies
  Mark newest_;  // of the copy's checkpoints that are known; likewise
};

}  // namespace vigie::ledger
