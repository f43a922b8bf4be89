// One artefact copied from where it can be read into another store, byte for byte: what does not
// have the size and the hash of its manifest does not become a copy.
#pragma once

#include <functional>
#include <string>

#include "artefact/manifest.h"
#include "base/work.h"
#include "platform/clock.h"
#include "store/store.h"

namespace vigie::store {

struct CopyRequest {
  artefact::ArtefactSource& source;
  Store& target;
  BackupId id;
  std::string manifest_sha256;  // as recorded; empty: not known
  unsigned workers = 1;         // files at once
  CallLimits limits;
  std::function<void(Bytes done, Bytes total)> progress{};  // one at a time; may be empty
};

struct Copied {
  artefact::Manifest manifest;
  std::string manifest_sha256;
};

// Afterwards the target has a whole copy, or none that a list shows; what was there of an earlier
// attempt is removed first. Memory: a MiB a worker, and what the target's writers hold. Errors:
// artefact_hash, artefact_size, artefact_missing_file, manifest_changed, manifest_invalid (the
// source is not what it should be), file_exists (the target has it), those of the target,
// cancelled, deadline_exceeded.
Result<Copied> copy_artefact(const CopyRequest& request, const platform::Clock& clock);

}  // namespace vigie::store
