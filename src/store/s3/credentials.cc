#include "store/s3/credentials.h"

#include <algorithm>
#include <vector>

#include "platform/log.h"
#include "platform/secret_file.h"

namespace vigie::store::s3 {
namespace {

constexpr Bytes kMostFile = 8_KiB;
constexpr size_t kMostLines = 32;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Without the empty ones and the comments; nothing when there are too many.
std::optional<std::vector<std::string_view>> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    const bool profile = line.starts_with('[') && line.ends_with(']');
    if (!line.empty() && !line.starts_with('#') && !profile) lines.push_back(line);
    if (lines.size() > kMostLines) return std::nullopt;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_printable(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

// What an "=" belongs to: base64 pads with it, and such a line is no setting.
std::optional<Credentials> from_settings(const std::vector<std::string_view>& lines) {
  Credentials out;
  for (const std::string_view line : lines) {
    const size_t sign = line.find('=');
    if (sign == std::string_view::npos) return std::nullopt;
    std::string_view name = trimmed(line.substr(0, sign));
    if (name.starts_with("aws_")) name.remove_prefix(4);
    std::string value(trimmed(line.substr(sign + 1)));
    if (!is_printable(value)) return std::nullopt;
    if (name == "access_key_id")
      out.access_key = std::move(value);
    else if (name == "secret_access_key")
      out.secret_key = Secret(std::move(value));
    else if (name == "session_token")
      out.session_token = Secret(std::move(value));
  }
  if (out.access_key.empty() || out.secret_key.empty()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<Credentials> Credentials::parse(std::string_view text) {
  const auto lines = lines_of(text);
  if (!lines) return std::nullopt;
  if (auto settings = from_settings(*lines)) return settings;
  const bool two = lines->size() == 2 && is_printable(lines->at(0)) && is_printable(lines->at(1));
  // No access key has that sign: it is a setting without its other half.
  if (!two || lines->at(0).find('=') != std::string_view::npos) return std::nullopt;
  return Credentials{std::string(lines->at(0)), Secret(std::string(lines->at(1)))};
}

Result<Credentials> read_credentials(const platform::Path& path) {
  TRY_ASSIGN(const Secret text, platform::read_secret_file(path, kMostFile));
  auto credentials = Credentials::parse(text.reveal());
  if (!credentials) {
    return fail(ErrorCode::secret_file_invalid,
                {{"path", path.string()},
                 {"reason", "it is not an access key and its secret, on a line each"}});
  }
  // Of the file's text only the whole is known as a secret.
  platform::known_secrets().add(credentials->secret_key);
  if (!credentials->session_token.empty())
    platform::known_secrets().add(credentials->session_token);
  return std::move(*credentials);
}

}  // namespace vigie::store::s3
