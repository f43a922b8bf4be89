#include "ledger/line.h"

#include <algorithm>
#include <charconv>

namespace vigie::ledger {
namespace {

// Walks over JSON text without building anything. Every step fails at the end of the text.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  size_t at() const { return at_; }
  bool at_end() const { return at_ >= text_.size(); }
  std::string_view slice(size_t from) const { return text_.substr(from, at_ - from); }

  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // With its quotes.
  bool skip_string() {
    if (!take('"')) return false;
    while (true) {
      at_ = text_.find('"', at_);
      if (at_ == std::string_view::npos) return give_up();
      if (!escaped(at_++)) return true;
    }
  }
  // A value of any kind: up to the comma or bracket of the object that it stands in.
  bool skip_value() {
    const size_t start = at_;
    for (size_t depth = 0; at_ < text_.size();) {
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return false;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
    return at_ > start && at_ < text_.size();
  }

 private:
  bool give_up() {
    at_ = text_.size();
    return false;
  }
  // After an odd number of backslashes.
  bool escaped(size_t at) const {
    size_t slashes = 0;
    while (slashes < at && text_[at - 1 - slashes] == '\\') ++slashes;
    return slashes % 2 == 1;
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string_view unquoted(std::string_view value) {
  const bool is_string = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_string ? value.substr(1, value.size() - 2) : std::string_view();
}

template <class Number>
Number number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : Number{};
}

unsigned version_of(std::string_view schema) {
  constexpr std::string_view kPrefix = "vigie.evidence/";
  return schema.starts_with(kPrefix) ? number_of<unsigned>(schema.substr(kPrefix.size())) : 0;
}

void set_member(LineView& view, std::string_view key, std::string_view value) {
  if (key == "seq") view.seq = number_of<uint64_t>(value);
  if (key == "schema") view.version = version_of(unquoted(value));
  if (key == "kind") view.kind = unquoted(value);
  if (key == "ended_at") view.ended_at = unquoted(value);
  if (key == "prev_hash") view.prev_hash = unquoted(value);
  if (key == "entry_hash") view.entry_hash = unquoted(value);
  if (key == "trigger") view.trigger = value;
  if (key == "id") view.id = unquoted(value);
  if (key == "result") view.result = unquoted(value);
  if (key == "requirement_ids") view.requirement_ids = value;
  if (key == "subject") view.subject = value;
}

bool complete(const LineView& view) {
  return view.seq > 0 && view.seq <= kMaxSeq && view.version > 0 && !view.kind.empty() &&
         !view.ended_at.empty() && view.prev_hash.size() == 64 && view.entry_hash.size() == 64 &&
         !view.trigger.empty() && !view.before.empty();
}

// One member and the comma or bracket behind it. `last` is the key before, and becomes this one.
bool read_member(Walker& walker, std::string_view line, std::string_view& last, LineView& view) {
  const size_t start = walker.at();
  if (!walker.skip_string()) return false;
  const std::string_view key = unquoted(walker.slice(start));
  if (key <= last || !walker.take(':')) return false;
  const size_t value_at = walker.at();
  if (!walker.skip_value()) return false;
  set_member(view, key, walker.slice(value_at));
  if (key == "entry_hash") {
    if (start < 2) return false;  // the first member: there is no comma to cut
    view.before = line.substr(0, start - 1);
    view.behind = line.substr(walker.at());
  }
  last = key;
  return true;
}

// The members of one object and nothing behind it. False when something is wrong, or missing: then
// the walker is at the end.
bool read_members(Walker& walker, std::string_view line, LineView& view) {
  std::string_view last;
  if (!walker.take('{')) return false;
  do {
    if (!read_member(walker, line, last, view)) return false;
  } while (walker.take(','));
  return walker.take('}') && walker.at_end();
}

}  // namespace

std::optional<LineView> read_line(std::string_view line) {
  Walker walker(line);
  LineView view;
  if (!read_members(walker, line, view) || !complete(view)) return std::nullopt;
  return view;
}

bool is_beginning_of_line(std::string_view bytes) {
  constexpr std::string_view kFirst = "{\"artefacts\":[";  // the first key of the canonical form
  const std::string_view start = bytes.substr(0, kFirst.size());
  if (bytes.size() > kMaxLine.count || !kFirst.starts_with(start)) return false;
  // Such bytes are escaped in JSON: they were not written. A zero least of all.
  if (std::ranges::any_of(bytes, [](unsigned char c) { return c < 0x20; })) return false;
  Walker walker(bytes);
  LineView view;
  return read_members(walker, bytes, view) || walker.at_end();
}

unsigned schema_version(std::string_view line) {
  constexpr std::string_view kKey = "\"schema\":\"";
  const size_t at = line.find(kKey);
  if (at == std::string_view::npos) return 0;
  const std::string_view value = line.substr(at + kKey.size());
  return version_of(value.substr(0, value.find('"')));
}

std::string line_hash(const LineView& view, Sha256& hash) {
  hash.update(as_bytes(view.before));
  hash.update(as_bytes(view.behind));
  return hex_encode(hash.finish());
}

std::string first_prev_hash() {
  return std::string(64, '0');
}

SealedLine seal_line(json::object entry, uint64_t seq, std::string_view prev_hash) {
  entry["schema"] = kSchema;
  entry["seq"] = seq;
  entry["prev_hash"] = prev_hash;
  entry.erase("entry_hash");
  json::value value(std::move(entry));
  SealedLine sealed;
  sealed.entry_hash = sha256_hex(canonical_json(value));
  value.as_object()["entry_hash"] = sealed.entry_hash;
  sealed.text = canonical_json(value) + "\n";
  return sealed;
}

}  // namespace vigie::ledger
