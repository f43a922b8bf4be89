// An artefact checked in full and unpacked in the same pass: what stands in the folder afterwards
// was checked, byte for byte.
#pragma once

#include "artefact/verify.h"
#include "base/work.h"
#include "platform/file_system.h"
#include "platform/process.h"
#include "proof/options.h"

namespace vigie::proof {

struct Unpacked {
  artefact::Manifest manifest;
  std::string manifest_sha256;
  platform::Path archive;          // pg_dump's folder, as pg_restore takes it
  platform::Path globals;          // the SQL of the roles; empty: there is none
  std::vector<Error> strangers{};  // artefact_extra_file
  Duration took{};
};

struct UnpackRequest {
  artefact::ArtefactSource& source;
  BackupId id;
  std::string expected_manifest_sha256;  // from the ledger; empty: not known
  platform::Path folder;                 // is there, and empty
  unsigned workers = 1;
  bool first_finding_ends = false;  // one is enough to refuse it
  IdentitySource identity{};        // of an encrypted one
  bool strangers_are_fine = false;  // files that the manifest does not name: who is in need has no
                                    // use for a refusal, and none of them is unpacked
};

// Nothing of it is durable. Errors: the first finding of the verification, cancelled,
// deadline_exceeded, those of BackupKey::of(), disk_full and others of files.
Result<Unpacked> unpack(platform::FileSystem& files, platform::ProcessRunner& processes,
                        const platform::Clock& clock, const UnpackRequest& request,
                        const Work& work);

}  // namespace vigie::proof
