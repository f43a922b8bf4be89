#include "base/yaml_fields.h"

#include <algorithm>
#include <charconv>

#include "base/ids.h"
#include "base/nearest.h"

namespace vigie::yaml {
namespace {

constexpr size_t kMostWords = 100;  // of a command
constexpr std::string_view kNameWords =
    "a name: a to z, 0 to 9, - and _, at most 63, beginning with a letter or a digit";

std::string list_in_words(std::span<const std::string> names) {
  return fmt::format("one of {}", fmt::join(names, ", "));
}

std::string_view kind_in_words(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "is empty";
    case Kind::scalar:
      return "is a single value";
    case Kind::sequence:
      return "is a list";
    case Kind::mapping:
      break;
  }
  return "is a mapping";
}

// How to do it right: the key of this mapping that names a file, when it has one.
std::string secret_file_in_words(std::span<const std::string> known) {
  const auto file =
      std::ranges::find_if(known, [](const std::string& key) { return key.ends_with("_file"); });
  return file == known.end() ? "it in a file of mode 0600"
                             : "it in a file of mode 0600, named by " + *file;
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

bool is_secret_key(std::string_view key) {
  if (key.ends_with("file")) return false;
  constexpr std::array<std::string_view, 8> kWords{
      "password", "passwd", "secret", "token", "api_key", "passphrase", "ping_url", "credential"};
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return key.find(word) != std::string_view::npos; });
}

Fields::Fields(const Node& node, Problems& problems) : node_(node), problems_(problems) {
  if (node.kind == Kind::mapping || node.kind == Kind::null) return;
  problems.mistake(node.place, ErrorCode::config_value, std::string(kind_in_words(node.kind)),
                   "a mapping (key: value)");
}

const Node* Fields::node(std::string_view key, Need need) {
  known_.emplace_back(key);
  const Node* found = node_.find(key);
  if (found != nullptr && found->kind != Kind::null) return found;
  if (need == Need::required) {
    const Problems::Scope scope(problems_, key);
    problems_.mistake(found == nullptr ? node_.place : found->place, ErrorCode::config_missing_key,
                      found == nullptr ? "is missing" : "is empty", "a value");
  } else if (found != nullptr) {
    wrong(key, *found, "a value, or the key left out");
  }
  return nullptr;
}

void Fields::wrong(std::string_view key, const Node& node, std::string expected,
                   std::string nearest) {
  const Problems::Scope scope(problems_, key);
  const bool scalar = node.kind == Kind::scalar;
  problems_.mistake(
      node.place, ErrorCode::config_value,
      scalar ? "has a value that is not valid" : std::string(kind_in_words(node.kind)),
      std::move(expected), std::move(nearest));
}

const Node* Fields::scalar(std::string_view key, Need need, std::string_view expected) {
  const Node* found = node(key, need);
  if (found == nullptr || found->is_scalar()) return found;
  wrong(key, *found, std::string(expected));
  return nullptr;
}

void Fields::text(std::string_view key, std::string& target, Need need) {
  const Node* found = scalar(key, need, "text");
  if (found == nullptr) return;
  if (found->text.empty() || has_control_character(found->text))
    return wrong(key, *found, "one line of text");
  target = found->text;
}

void Fields::flag(std::string_view key, bool& target) {
  const Node* found = scalar(key, Need::optional, "true or false");
  if (found == nullptr) return;
  if (found->quoted || (found->text != "true" && found->text != "false"))
    return wrong(key, *found, "true or false");
  target = found->text == "true";
}

void Fields::number(std::string_view key, int& target, int min, int max) {
  const std::string expected = fmt::format("a whole number from {} to {}", min, max);
  const Node* found = scalar(key, Need::optional, expected);
  if (found == nullptr) return;
  int value = 0;
  const char* end = found->text.data() + found->text.size();
  const auto [stopped, error] = std::from_chars(found->text.data(), end, value);
  if (found->quoted || error != std::errc() || stopped != end || value < min || value > max)
    return wrong(key, *found, expected);
  target = value;
}

namespace {

// In days, as the manual has it: 366d, and not 52w2d.
std::string format_limit(Duration limit) {
  using std::chrono::days;
  const auto whole = std::chrono::floor<days>(limit);
  return whole == limit ? fmt::format("{}d", whole.count()) : format_duration(limit);
}

}  // namespace

void Fields::duration(std::string_view key, Duration& target, Duration min, Duration max,
                      std::string_view or_else) {
  const std::string expected =
      fmt::format("{}a duration such as 90s, 15m, 26h or 7d, from {} to {}", or_else,
                  format_limit(min), format_limit(max));
  const Node* found = scalar(key, Need::optional, expected);
  if (found == nullptr) return;
  const auto value = parse_duration(found->text);
  if (!value || *value < min || *value > max) return wrong(key, *found, expected);
  target = *value;
}

void Fields::size(std::string_view key, Bytes& target, Bytes min, Bytes max) {
  const std::string expected = fmt::format("a size such as 64KiB or 20GiB, from {} to {}",
                                           format_bytes(min), format_bytes(max));
  const Node* found = scalar(key, Need::optional, expected);
  if (found == nullptr) return;
  const auto value = parse_bytes(found->text);
  if (!value || *value < min || *value > max) return wrong(key, *found, expected);
  target = *value;
}

void Fields::absolute_path(std::string_view key, std::string& target, Need need) {
  const Node* found = scalar(key, need, "an absolute path");
  if (found == nullptr) return;
  if (!found->text.starts_with('/') || has_control_character(found->text))
    return wrong(key, *found, "an absolute path");
  target = found->text;
}

void Fields::command(std::string_view key, std::vector<std::string>& target) {
  const Node* const found = node(key);
  if (found == nullptr) return;
  const bool fits = found->kind == Kind::sequence && !found->items.empty() &&
                    found->items.size() <= kMostWords &&
                    found->items.front().text.starts_with('/') &&
                    std::ranges::all_of(found->items, &Node::is_scalar);
  if (!fits)
    return wrong(key, *found,
                 "a list of words, the first an absolute path: [/usr/bin/cat, /a/file]");
  target.clear();
  for (const Node& word : found->items) target.push_back(word.text);
}

void Fields::name(std::string_view key, std::string& target, Need need) {
  const Node* found = scalar(key, need, kNameWords);
  if (found == nullptr) return;
  if (!is_name(found->text)) return wrong(key, *found, std::string(kNameWords));
  target = found->text;
}

size_t Fields::chosen(std::string_view key, const std::vector<std::string>& names) {
  const std::string expected = list_in_words(names);
  const Node* found = scalar(key, Need::optional, expected);
  if (found == nullptr) return names.size();
  const auto value = std::ranges::find(names, found->text);
  if (value == names.end()) wrong(key, *found, expected, nearest_name(found->text, names));
  return static_cast<size_t>(value - names.begin());
}

void Fields::section(std::string_view key, const std::function<void(Fields&)>& read) {
  const Node* found = node(key);
  if (found == nullptr) return;
  const Problems::Scope scope(problems_, key);
  Fields below(*found, problems_);
  read(below);
  below.finish();
}

void Fields::finish() {
  for (const Entry& entry : node_.entries) {
    if (std::ranges::find(known_, entry.key) != known_.end()) continue;
    const Problems::Scope scope(problems_, entry.key);
    if (is_secret_key(entry.key)) {
      problems_.mistake(entry.place, ErrorCode::config_secret_inline,
                        "would be a secret in the configuration itself",
                        secret_file_in_words(known_));
    } else {
      problems_.mistake(entry.place, ErrorCode::config_unknown_key, "is not a key here",
                        list_in_words(known_), nearest_name(entry.key, known_));
    }
  }
}

void each_named(const Node& node, Problems& problems,
                const std::function<void(const std::string&, const Entry&)>& read) {
  const Fields whole(node, problems);  // says so when it is not a mapping
  for (const Entry& entry : node.entries) {
    const Problems::Scope scope(problems, entry.key);
    if (!is_name(entry.key))
      problems.mistake(entry.place, ErrorCode::config_value, "is not a name",
                       std::string(kNameWords));
    read(entry.key, entry);
  }
}

}  // namespace vigie::yaml
