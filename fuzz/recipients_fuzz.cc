// Links: vigie_backup
// A file of public keys: refused, or keys that age may be given as they stand.
#include <cstdint>
#include <cstdlib>

#include "artefact/age.h"
#include "backup/encryption.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto recipients = vigie::backup::parse_recipients(text);
  if (!recipients) return 0;
  for (const std::string& one : *recipients)
    if (!vigie::artefact::is_recipient(one) || one.starts_with('-')) std::abort();
  return 0;
}
