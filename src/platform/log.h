// The log: one JSON object a line, one write() a line, so that lines of several threads and
// processes do not mix. A line is at most kMaxLogLine bytes with its newline: long values are cut.
// Bytes that are not UTF-8 are shown as \xNN. Secrets that were registered are replaced by
// [redacted], raw, percent-encoded, base64-encoded, and escaped as in JSON, SQL and libpq's files.
//
//   log.write(LogLevel::info, "backup.published", "artefact published",
//             {{"backup", id.str()}, {"duration_s", 12.5}});
//
// Keys that the Logger writes itself: ts, level, event, msg, service. Others by convention:
// correlation_id, request_id, endpoint, actor_role, error_code, duration_ms.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "platform/clock.h"

namespace vigie::platform {

inline constexpr size_t kMaxLogLine = 8192;

enum class LogLevel : unsigned char { debug, info, warn, error };
std::string_view to_string(LogLevel level);

// Replaces what must not be read. Thread-safe.
class Scrubber {
 public:
  // Secrets under four bytes are ignored: they would redact ordinary words. Of more than
  // kMostSecrets (they rotate) the oldest are forgotten.
  void add(const Secret& secret);
  // The secrets that were added, and whatever has the form of a token.
  std::string scrub(std::string_view text) const;
  bool clean(std::string_view text) const { return scrub(text) == text; }

 private:
  void arrange();

  mutable std::mutex mutex_;
  std::deque<std::vector<Secret>> secrets_;  // guarded by mutex_; the forms of each, raw first
  std::vector<std::string_view> forms_;      // guarded by mutex_; all of them, longest first
};
inline constexpr size_t kMostSecrets = 256;

// What this process knows: each secret is told to it where it is read (secret files, connection
// strings, tokens). One for the process, because a reader that had to be handed one could be
// forgotten, and a leak is for ever.
Scrubber& known_secrets();

using LogSink = std::function<void(std::string_view line)>;  // the line with its newline
// Writes to a descriptor that stays the caller's, a line (up to PIPE_BUF bytes) in one write. A
// reader that is slow, or hangs, stops nobody: it is waited for once, a quarter of a second; then
// what cannot be written at once is lost, and counted in a line of its own when it reads again.
LogSink descriptor_sink(int fd);

// For a command, whose standard error a person reads: of each line its words and its error code,
// and the same words only once in a row.
LogSink spoken_sink(LogSink below);

// A key that lives as long as the call, and anything that json::value is made of.
struct LogField {
  template <class T>
  LogField(std::string_view name, T&& content)  // NOLINT: written as {"key", value}
      : key(name), value(std::forward<T>(content)) {}
  std::string_view key;
  json::value value;
};

// Thread-safe; the sink is called by one thread at a time. Clock and Scrubber must outlive it.
class Logger {
 public:
  Logger(LogSink sink, LogLevel least, const Clock& clock, const Scrubber& scrubber,
         std::string service = "vigie");

  void write(LogLevel level, std::string_view event, std::string_view message,
             std::initializer_list<LogField> fields = {});
  // The error's code and detail, for operators.
  void write(LogLevel level, std::string_view event, const Error& error,
             std::initializer_list<LogField> fields = {});

 private:
  void emit(LogLevel level, std::string_view event, std::string_view message,
            std::span<const LogField> fields);

  LogSink sink_;  // guarded by mutex_
  LogLevel least_;
  const Clock& clock_;
  const Scrubber& scrubber_;
  std::string service_;
  std::mutex mutex_;
};

}  // namespace vigie::platform
