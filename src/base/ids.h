// The names that run through everything: correlation ids, runs, backups.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace vigie {

// A string with a kind. Two kinds do not mix.
template <class Tag>
class NamedId {
 public:
  NamedId() = default;
  explicit NamedId(std::string text) : text_(std::move(text)) {}
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const NamedId&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14

 private:
  std::string text_;
};

// One chain of cause and effect: [A-Za-z0-9._-]{1,48}.
using CorrelationId = NamedId<struct CorrelationIdTag>;
// One run of a job; ours alone, never a client's. 32 hexadecimal digits.
using RunId = NamedId<struct RunIdTag>;

bool is_correlation_id(std::string_view text);
CorrelationId new_correlation_id();  // UUIDv4 in hexadecimal, from the system's random source
RunId new_run_id();

// <job>.<database>-20261120T020000Z. Jobs and databases are names: [a-z0-9][a-z0-9_-]{0,62}.
struct BackupId {
  std::string job;
  std::string database;
  SystemTime started_at;  // whole seconds

  static Result<BackupId> parse(std::string_view text);
  std::string str() const;
  auto operator<=>(const BackupId&) const = default;  // NOLINT: clang-tidy 14 errs, no pointer
};

// The names in vigie.yaml (jobs, databases, stores): safe in a path, a URL and a metric label.
bool is_name(std::string_view text);

}  // namespace vigie
