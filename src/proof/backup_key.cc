#include "proof/backup_key.h"

namespace vigie::proof {

using artefact::Identity;

Result<std::unique_ptr<BackupKey>> BackupKey::of(const artefact::Manifest& manifest,
                                                 const IdentitySource& source,
                                                 platform::FileSystem& files,
                                                 platform::ProcessRunner& processes,
                                                 const CallLimits& limits) {
  if (!manifest.encrypted()) return nullptr;
  if (!source.named()) return fail(ErrorCode::identity_missing, {{"backup", manifest.id.str()}});
  TRY_ASSIGN(auto age, artefact::find_age(files));
  TRY_ASSIGN(auto identity, source.file.empty()
                                ? Identity::from_command(processes, source.command, limits)
                                : Identity::from_file(source.file));
  return std::unique_ptr<BackupKey>(new BackupKey(std::move(identity), processes, std::move(age)));
}

}  // namespace vigie::proof
