#include "backup/encryption.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "artefact/manifest.h"

namespace vigie::backup {
namespace {

constexpr Bytes kMaxFile = 64_KiB;

tl::unexpected<Error> refuse(std::string reason) {
  return fail(ErrorCode::encryption_unavailable,
              {{"command", "age"}, {"reason", std::move(reason)}});
}

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

}  // namespace

Result<std::vector<std::string>> parse_recipients(std::string_view text) {
  std::vector<std::string> recipients;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (!artefact::is_recipient(line))
      return refuse(fmt::format("line {} of recipients_file is no public key", number));
    recipients.emplace_back(line);
  }
  return recipients;
}

Result<Recipients> recipients_of(const EncryptionOptions& options, platform::FileSystem& files) {
  Recipients out{options.recipients, {}};
  TRY_ASSIGN(out.program, artefact::find_age(files));
  if (!options.recipients_file.empty()) {
    // Kubernetes mounts what is in a ConfigMap as links.
    std::error_code none;
    const platform::Path file = std::filesystem::canonical(options.recipients_file, none);
    TRY_ASSIGN(const std::string text,
               platform::read_file(files, none ? platform::Path(options.recipients_file) : file,
                                   kMaxFile));
    TRY_ASSIGN(auto read, parse_recipients(text));
    std::ranges::move(read, std::back_inserter(out.recipients));
  }
  if (out.recipients.empty()) return refuse("recipients_file names no public key");
  if (out.recipients.size() > artefact::kMaxRecipients)
    return refuse(fmt::format("more than {} recipients", artefact::kMaxRecipients));
  return out;
}

}  // namespace vigie::backup
