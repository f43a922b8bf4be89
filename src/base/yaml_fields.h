// Reads a mapping key by key into a struct. Each reader leaves its target as it was when the key is
// absent or wrong; a wrong one is put into Problems with what was expected. finish() reports the
// keys that nobody asked for.
//
//   Fields fields(node, problems);
//   fields.text("dsn", options.dsn, Need::required);
//   fields.duration("timeout", options.timeout, 1s, 7 * 24h);
//   fields.finish();
#pragma once

#include <fmt/format.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/yaml.h"

namespace vigie::yaml {

enum class Need : unsigned char { optional, required };

class Fields {
 public:
  // Both must outlive this object. A node that is not a mapping is a mistake; null is an empty one.
  Fields(const Node& node, Problems& problems);

  const Node* node(std::string_view key, Need need = Need::optional);
  void text(std::string_view key, std::string& target, Need need = Need::optional);
  void flag(std::string_view key, bool& target);  // true or false
  void number(std::string_view key, int& target, int min, int max);
  // `or_else`: what else the caller takes, before "a duration" in the words of a mistake.
  void duration(std::string_view key, Duration& target, Duration min, Duration max,
                std::string_view or_else = "");
  void size(std::string_view key, Bytes& target, Bytes min, Bytes max);
  void absolute_path(std::string_view key, std::string& target, Need need = Need::optional);
  // A program by its absolute path, and its arguments; no shell sees them.
  void command(std::string_view key, std::vector<std::string>& target);
  // A name of vigie.yaml (base/ids.h).
  void name(std::string_view key, std::string& target, Need need = Need::optional);

  template <class E, size_t N>
  void choice(std::string_view key, E& target,
              const std::array<std::pair<std::string_view, E>, N>& values) {
    std::vector<std::string> names;
    names.reserve(N);
    for (const auto& value : values) names.emplace_back(value.first);
    const size_t index = chosen(key, names);
    if (index < N) target = values[index].second;
  }

  // A mapping below this one; `read` gets its Fields, which are finished after it.
  void section(std::string_view key, const std::function<void(Fields&)>& read);

  void finish();

  Problems& problems() { return problems_; }
  const Node& self() const { return node_; }

 private:
  const Node* scalar(std::string_view key, Need need, std::string_view expected);
  size_t chosen(std::string_view key, const std::vector<std::string>& names);
  void wrong(std::string_view key, const Node& node, std::string expected,
             std::string nearest = {});

  const Node& node_;
  Problems& problems_;
  std::vector<std::string> known_;  // every key that was asked for
};

// Each entry of a mapping from names to mappings (databases, stores, backups), in order; a bad name
// is a mistake, and its entry is read all the same, to find what is wrong in it.
void each_named(const Node& node, Problems& problems,
                const std::function<void(const std::string& name, const Entry& entry)>& read);

// True for a key that would hold a secret itself ("password", "api_token"), not its file.
bool is_secret_key(std::string_view key);

}  // namespace vigie::yaml
