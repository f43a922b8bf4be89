// Whom a job's backups are encrypted for, as it is when one is taken.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "artefact/age.h"
#include "backup/options.h"

namespace vigie::backup {

struct Recipients {
  std::vector<std::string> recipients;  // empty: nothing is encrypted
  platform::Path program;
};

// As age reads a file of them: one in a line, empty lines and those that begin with # left out.
// Errors: encryption_unavailable, with the number of a line that is none.
Result<std::vector<std::string>> parse_recipients(std::string_view text);

// Those of the configuration and those of its file. Errors: encryption_unavailable (no age, no
// recipient, a line that is none, too many), file_*.
Result<Recipients> recipients_of(const EncryptionOptions& options, platform::FileSystem& files);

}  // namespace vigie::backup
