// Whom a job's backups are encrypted for, as it is when one is taken.
#pragma once

#include <string>
#include <vector>

#include "artefact/age.h"
#include "backup/options.h"

namespace vigie::backup {

struct Recipients {
  std::vector<std::string> recipients;  // empty: nothing is encrypted
  platform::Path program;
};

// Those of the configuration and those of its file. Errors: encryption_unavailable (no age, no
// recipient, a line that is none, too many), file_*.
Result<Recipients> recipients_of(const EncryptionOptions& options, platform::FileSystem& files);

}  // namespace vigie::backup
