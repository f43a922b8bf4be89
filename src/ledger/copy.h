// A copy of the ledger, its checkpoints and its public key in a folder elsewhere: only added to,
// and at any moment what `vigie evidence verify FOLDER` takes. Format and order:
// docs/formats/checkpoint-1.md, "Copies".
//
// Threads as evidence_copy.h says.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "ledger/evidence_copy.h"

namespace vigie::ledger {

class LedgerCopy final : public EvidenceCopy {
 public:
  // `folder` is the ledger's, `to` must be there already: a disk that is not mounted is not filled
  // in its place. What it is given must outlive it.
  LedgerCopy(platform::FileSystem& files, const platform::Path& folder, platform::Path to,
             const platform::Clock& clock);

  Result<> update(Ledger& ledger, const Checkpoints& checkpoints,
                  const std::stop_token& stop) override;
  CopyStanding standing() const override { return progress_.standing(); }

 private:
  // What the copy's newest checkpoint says, when one of `keys` signs there; size 0: nothing.
  Result<Mark> newest(const std::vector<PublicKey>& keys, const std::stop_token& stop) const;
  Result<> compare_once(Ledger& ledger, const Checkpoints& checkpoints,
                        const std::stop_token& stop);
  Result<> copy_all(const Ledger& ledger, const Checkpoints& checkpoints,
                    const std::stop_token& stop);
  Result<> copy_key();
  Result<> copy_segments(const LedgerView& view, const std::stop_token& stop);
  Result<> copy_sealed(const std::string& name, bool known, const std::stop_token& stop);
  Result<> copy_growing(const platform::Path& from, const platform::Path& to, Bytes size,
                        const std::stop_token& stop);
  Result<> compare(const platform::Path& from, const platform::Path& to, Bytes size,
                   const std::stop_token& stop) const;
  Result<> write(const platform::Path& from, const platform::Path& to, Bytes size,
                 const std::stop_token& stop);
  Result<> check_names(const LedgerView& view, const std::vector<std::string>& there) const;

  platform::FileSystem& files_;
  const platform::Path from_;  // the folder that holds the ledger's
  const platform::Path name_;  // of the ledger's folder
  const platform::Path to_;
  CopyProgress progress_;
  bool compared_ = false;  // of the thread that copies
};

}  // namespace vigie::ledger
