#include "config/secrets.h"

#include <string_view>

#include "base/secret.h"

namespace vigie::config {
namespace {

// scheme://user:password@host
bool has_url_with_password(std::string_view text) {
  constexpr std::string_view kScheme = "://";
  for (size_t at = text.find(kScheme); at != std::string_view::npos; at = text.find(kScheme)) {
    text.remove_prefix(at + kScheme.size());
    const std::string_view authority = text.substr(0, text.find_first_of("/?# \t\n"));
    const size_t sign = authority.rfind('@');
    const size_t colon = authority.find(':');
    if (sign != std::string_view::npos && colon < sign) return true;
  }
  return false;
}

// "password = …" anywhere: also behind a "password" that is none.
bool has_password_word(std::string_view text) {
  constexpr std::string_view kWord = "password";
  for (size_t at = text.find(kWord); at != std::string_view::npos; at = text.find(kWord, at + 1)) {
    const size_t next = text.find_first_not_of(" \t", at + kWord.size());
    if (next != std::string_view::npos && text[next] == '=') return true;
  }
  return false;
}

bool looks_secret(std::string_view text) {
  return has_url_with_password(text) || has_password_word(text) || text.starts_with(kTokenPrefix) ||
         text.find("PRIVATE KEY-----") != std::string_view::npos ||
         text.find("AGE-SECRET-KEY-") != std::string_view::npos;
}

void refuse_text(const yaml::Node& node, Problems& problems) {
  if (!looks_secret(node.text)) return;
  problems.mistake(node.place, ErrorCode::config_secret_inline,
                   "holds a secret in the configuration itself",
                   "it in a file of mode 0600, named by the key that ends in _file");
}

}  // namespace

void refuse_secrets(const yaml::Node& document, Problems& problems) {
  refuse_text(document, problems);
  for (const yaml::Node& item : document.items) refuse_secrets(item, problems);
  for (const yaml::Entry& entry : document.entries) {
    const Problems::Scope scope(problems, entry.key);
    refuse_secrets(entry.value, problems);
  }
}

}  // namespace vigie::config
