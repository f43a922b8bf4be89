#include "platform/log.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/encoding.h"

namespace vigie::platform {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
constexpr size_t kLeastSecret = 4;
constexpr int kMostDepth = 8;

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

std::string lower_case_escapes(std::string text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] != '%') continue;
    for (size_t j = i + 1; j < i + 3; ++j) {
      if (text[j] >= 'A' && text[j] <= 'F') text[j] = static_cast<char>(text[j] - 'A' + 'a');
    }
  }
  return text;
}

// What can be seen of `secret` in any base64 text, whatever stands before and after it: for each of
// the three alignments the characters that depend on the secret's bytes alone.
std::vector<std::string> base64_forms(const std::string& secret) {
  std::vector<std::string> forms;
  for (size_t before = 0; before < 3; ++before) {
    const std::string encoded = base64_encode(as_bytes(std::string(before, '\0') + secret));
    const size_t first = (before * 8 + 5) / 6;
    const size_t last = (before + secret.size()) * 8 / 6;
    forms.push_back(encoded.substr(first, last - first));
  }
  return forms;
}

std::string url_alphabet(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

// Each of `special` with `mark` before it: a backslash as in libpq's files, or itself as in SQL.
std::string escaped(std::string_view text, std::string_view special, char mark) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += mark == 0 ? c : mark;
    out += c;
  }
  return out;
}

std::string json_escaped(const std::string& text) {
  const std::string quoted = json_text(json::value(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::string form_encoded(const std::string& percent) {
  std::string out = percent;
  for (size_t at = out.find("%20"); at != std::string::npos; at = out.find("%20", at))
    out.replace(at, 3, "+");
  return out;
}

bool is_base64url(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

// All that looks like one: after a restart a daemon has only the hashes of those that it made.
void replace_tokens(std::string& text) {
  for (size_t at = text.find(kTokenPrefix); at != std::string::npos;
       at = text.find(kTokenPrefix, at)) {
    const size_t from = at + kTokenPrefix.size();
    const auto body = std::string_view(text).substr(from, kTokenRandomLength);
    if (body.size() == kTokenRandomLength && std::ranges::all_of(body, is_base64url)) {
      text.replace(at, kTokenPrefix.size() + kTokenRandomLength, kRedacted);
    } else {
      at = from;
    }
  }
}

std::vector<Secret> forms_of(const std::string& raw) {
  const std::string percent = percent_encode(raw);
  std::vector<std::string> forms{raw,
                                 percent,
                                 lower_case_escapes(percent),
                                 form_encoded(percent),
                                 json_escaped(raw),
                                 escaped(raw, ":\\", '\\'),
                                 escaped(raw, "'\\", '\\'),
                                 escaped(raw, "'\\", 0),
                                 escaped(raw, "'", 0)};
  for (std::string& form : base64_forms(raw)) {
    forms.push_back(url_alphabet(form));
    forms.push_back(std::move(form));
  }
  std::vector<Secret> out;
  for (std::string& form : forms) {
    const bool known =
        std::ranges::any_of(out, [&](const Secret& one) { return one.reveal() == form; });
    if (!known && form.size() >= kLeastSecret) out.emplace_back(std::move(form));
  }
  return out;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      break;
  }
  return "error";
}

void Scrubber::add(const Secret& secret) {
  const std::string& raw = secret.reveal();
  if (raw.size() < kLeastSecret) return;
  const std::lock_guard lock(mutex_);
  for (const auto& known : secrets_) {
    if (known.front().reveal() == raw) return;
  }
  if (secrets_.size() == kMostSecrets) secrets_.pop_front();
  secrets_.push_back(forms_of(raw));
  arrange();
}

void Scrubber::arrange() {
  forms_.clear();
  for (const auto& forms : secrets_) {
    for (const Secret& form : forms) forms_.push_back(form.reveal());
  }
  std::ranges::stable_sort(forms_, std::ranges::greater{}, &std::string_view::size);
}

std::string Scrubber::scrub(std::string_view text) const {
  std::string out(text);
  const std::lock_guard lock(mutex_);
  for (const std::string_view form : forms_) replace_all(out, form, kRedacted);
  replace_tokens(out);
  return out;
}

Scrubber& known_secrets() {
  static Scrubber secrets;
  return secrets;
}

namespace {

// Strings scrubbed, shown as UTF-8, and cut to `most` bytes; below a depth nothing is shown.
json::value clean(const json::value& value, const Scrubber& scrubber, size_t most, int depth) {
  if (depth > kMostDepth) return nullptr;
  if (const auto* text = value.if_string()) {
    return json::value(printable(scrubber.scrub({text->data(), text->size()}), most));
  }
  if (const auto* array = value.if_array()) {
    json::array out;
    for (const json::value& one : *array) out.push_back(clean(one, scrubber, most, depth + 1));
    return out;
  }
  if (const auto* object = value.if_object()) {
    json::object out;
    for (const auto& [key, one] : *object) {
      out[printable(scrubber.scrub({key.data(), key.size()}), most)] =
          clean(one, scrubber, most, depth + 1);
    }
    return out;
  }
  return value;
}

using Fields = std::span<const LogField>;

std::string serialize(const json::object& head, std::string_view message, Fields fields,
                      const Scrubber& scrubber, size_t most) {
  json::object line = head;
  line["msg"] = clean(json::value(message), scrubber, most, 0);
  for (const auto& [key, value] : fields) {
    if (!line.contains(key)) line[key] = clean(value, scrubber, most, 0);
  }
  return json_text(line) + "\n";
}

}  // namespace

Logger::Logger(LogSink sink, LogLevel least, const Clock& clock, const Scrubber& scrubber,
               std::string service)
    : sink_(std::move(sink)),
      least_(least),
      clock_(clock),
      scrubber_(scrubber),
      service_(std::move(service)) {}

void Logger::write(LogLevel level, std::string_view event, std::string_view message,
                   std::initializer_list<LogField> fields) {
  emit(level, event, message, fields);
}

void Logger::write(LogLevel level, std::string_view event, const Error& error,
                   std::initializer_list<LogField> fields) {
  if (level < least_) return;
  std::vector<LogField> all;
  all.emplace_back("error_code", error.info().name);
  all.insert(all.end(), fields.begin(), fields.end());
  emit(level, event, error.detail(Audience::operators), all);
}

void Logger::emit(LogLevel level, std::string_view event, std::string_view message,
                  std::span<const LogField> fields) {
  if (level < least_) return;
  const json::object head{{"ts", format_rfc3339(clock_.now())},
                          {"level", to_string(level)},
                          {"event", event},
                          {"service", service_}};
  // Every value is cut shorter until the line fits.
  std::string line;
  for (size_t most = kMaxLogLine / 2; most >= 64; most /= 2) {
    line = serialize(head, message, fields, scrubber_, most);
    if (line.size() <= kMaxLogLine) break;
  }
  if (line.size() > kMaxLogLine) {
    const LogField cut{"cut", true};  // too many fields
    line = serialize(head, message, {&cut, 1}, scrubber_, 512);
  }
  const std::lock_guard lock(mutex_);
  sink_(line);
}

}  // namespace vigie::platform
