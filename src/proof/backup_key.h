// The private key that opens encrypted backups, read when it is needed and kept in memory only.
#pragma once

#include <memory>

#include "artefact/age.h"
#include "artefact/manifest.h"
#include "proof/options.h"

namespace vigie::proof {

class BackupKey {
 public:
  // nullptr: the backup is not encrypted, and needs none. Errors: identity_missing,
  // encryption_unavailable, those of artefact::Identity.
  static Result<std::unique_ptr<BackupKey>> of(const artefact::Manifest& manifest,
                                               const IdentitySource& source,
                                               platform::FileSystem& files,
                                               platform::ProcessRunner& processes,
                                               const CallLimits& limits);

  const artefact::Decryption& decryption() const { return decryption_; }

 private:
  BackupKey(artefact::Identity identity, platform::ProcessRunner& processes, platform::Path age)
      : identity_(std::move(identity)), decryption_{processes, std::move(age), identity_} {}

  const artefact::Identity identity_;
  const artefact::Decryption decryption_;
};

// For whoever takes a pointer.
inline const artefact::Decryption* decryption_of(const std::unique_ptr<BackupKey>& key) {
  return key ? &key->decryption() : nullptr;
}

}  // namespace vigie::proof
