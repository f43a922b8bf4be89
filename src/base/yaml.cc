#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/encoding.h"

namespace vigie::yaml {
namespace {

std::string_view as_text(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { clear(); }

  yaml_event_t* raw() { return &event_; }
  void clear() { yaml_event_delete(&event_); }
  yaml_event_type_t type() const { return event_.type; }
  Place place() const { return {event_.start_mark.line + 1, event_.start_mark.column + 1}; }
  const yaml_event_t* operator->() const { return &event_; }

  std::string anchor() const {
    switch (event_.type) {
      case YAML_SCALAR_EVENT:
        return std::string(as_text(event_.data.scalar.anchor));
      case YAML_SEQUENCE_START_EVENT:
        return std::string(as_text(event_.data.sequence_start.anchor));
      case YAML_MAPPING_START_EVENT:
        return std::string(as_text(event_.data.mapping_start.anchor));
      case YAML_ALIAS_EVENT:
        return std::string(as_text(event_.data.alias.anchor));
      default:
        return {};
    }
  }
  bool tagged() const {
    switch (event_.type) {
      case YAML_SCALAR_EVENT:
        return event_.data.scalar.tag != nullptr;
      case YAML_SEQUENCE_START_EVENT:
        return event_.data.sequence_start.tag != nullptr;
      case YAML_MAPPING_START_EVENT:
        return event_.data.mapping_start.tag != nullptr;
      default:
        return false;
    }
  }

 private:
  yaml_event_t event_{};
};

// What a copy of a node costs.
struct Weight {
  size_t nodes = 0;
  size_t bytes = 0;
  size_t depth = 0;

  void add_below(const Weight& other) {
    nodes += other.nodes;
    bytes += other.bytes;
    depth = std::max(depth, other.depth + 1);
  }
};

Weight weigh(const Node& node) {
  Weight sum{1, node.text.size(), 1};
  for (const Node& item : node.items) sum.add_below(weigh(item));
  for (const Entry& entry : node.entries) {
    sum.add_below(weigh(entry.value));
    sum.add_below({1, entry.key.size(), 1});
  }
  return sum;
}

struct Anchored {
  Node node;
  Weight weight;
};

// Builds the document from libyaml's events. `stopped_` is set by what makes going on useless: bad
// syntax, or a limit.
class Builder {
 public:
  Builder(std::string_view text, Problems& problems, Limits limits)
      : problems_(problems), limits_(limits) {
    usable_ = yaml_parser_initialize(&parser_) == 1;
    if (!usable_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    if (text.empty()) text = "";  // libyaml asserts that the pointer is not null
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() {
    if (usable_) yaml_parser_delete(&parser_);
  }

  std::optional<Node> document();

 private:
  bool next(Event& event);
  Node build(const Event& event, size_t depth);
  Node scalar(const Event& event);
  Node copy_of_anchor(const Event& event, size_t depth);
  void build_items(Node& into, size_t depth);
  void build_entries(Node& into, size_t depth);
  void add_entry(Node& into, std::set<std::string>& keys, Entry entry);
  void remember(const std::string& anchor, const Node& node, Place place);
  void count(Place place, Weight weight);
  void stop(Place place, std::string found, std::string expected);
  void too_deep(Place place);

  yaml_parser_t parser_{};
  bool usable_ = false;
  bool stopped_ = false;
  Problems& problems_;
  Limits limits_;
  Weight used_;
  size_t aliases_ = 0;
  std::map<std::string, Anchored> anchors_;
};

void Builder::stop(Place place, std::string found, std::string expected) {
  stopped_ = true;
  problems_.mistake(place, ErrorCode::config_syntax, std::move(found), std::move(expected));
}

void Builder::too_deep(Place place) {
  stop(place, "is nested too deeply", fmt::format("at most {} levels", limits_.depth));
}

bool Builder::next(Event& event) {
  if (stopped_) return false;
  if (usable_ && yaml_parser_parse(&parser_, event.raw()) == 1) return true;
  // libyaml's own words are constants; the text's bytes are not among them.
  const Place place{parser_.problem_mark.line + 1, parser_.problem_mark.column + 1};
  stop(place,
       fmt::format("is not YAML: {}", parser_.problem == nullptr ? "no memory" : parser_.problem),
       "");
  return false;
}

void Builder::count(Place place, Weight weight) {
  used_.nodes += weight.nodes;
  used_.bytes += weight.bytes;
  if (used_.nodes > limits_.nodes)
    stop(place, "has too many values", fmt::format("at most {}", limits_.nodes));
  if (used_.bytes > limits_.bytes.count)
    stop(place, "grows too large through aliases", "at most " + format_bytes(limits_.bytes));
}

void Builder::remember(const std::string& anchor, const Node& node, Place place) {
  if (anchor.empty() || stopped_) return;
  if (anchors_.size() >= limits_.aliases)
    return stop(place, "has too many anchors", fmt::format("at most {}", limits_.aliases));
  anchors_[anchor] = {node, weigh(node)};
}

Node Builder::copy_of_anchor(const Event& event, size_t depth) {
  const auto found = anchors_.find(event.anchor());
  if (found == anchors_.end()) {
    stop(event.place(), "is an alias of nothing that stands before it", "an anchor's name");
  } else if (++aliases_ > limits_.aliases) {
    stop(event.place(), "has too many aliases", fmt::format("at most {}", limits_.aliases));
  } else if (depth + found->second.weight.depth > limits_.depth + 1) {
    too_deep(event.place());
  } else {
    count(event.place(), found->second.weight);
  }
  if (stopped_) return {};
  Node copy = found->second.node;
  copy.place = event.place();
  return copy;
}

Node Builder::scalar(const Event& event) {
  Node node;
  const auto& data = event->data.scalar;
  node.text.assign(reinterpret_cast<const char*>(data.value), data.length);
  node.quoted = data.style != YAML_PLAIN_SCALAR_STYLE;
  const bool null = !node.quoted && (node.text.empty() || node.text == "~" || node.text == "null");
  node.kind = null ? Kind::null : Kind::scalar;
  if (null) node.text.clear();
  if (node.text.find('\0') != std::string::npos) {
    problems_.mistake(event.place(), ErrorCode::config_syntax, "holds a NUL character", "text");
    node.text.clear();
  }
  return node;
}

void Builder::build_items(Node& into, size_t depth) {
  Event event;
  while (next(event) && event.type() != YAML_SEQUENCE_END_EVENT) {
    into.items.push_back(build(event, depth + 1));
    event.clear();
  }
}

void Builder::add_entry(Node& into, std::set<std::string>& keys, Entry entry) {
  if (keys.insert(entry.key).second) {
    into.entries.push_back(std::move(entry));
  } else {
    problems_.mistake(entry.place, ErrorCode::config_duplicate_key, "stands here a second time",
                      "each key once");
  }
}

void Builder::build_entries(Node& into, size_t depth) {
  std::set<std::string> keys;
  Event event;
  while (next(event) && event.type() != YAML_MAPPING_END_EVENT) {
    const Node key = build(event, depth + 1);
    event.clear();
    if (!next(event)) return;
    const Problems::Scope scope(problems_, key.text);
    Entry entry{key.text, key.place, build(event, depth + 1)};
    event.clear();
    if (key.kind == Kind::scalar) {
      add_entry(into, keys, std::move(entry));
    } else if (!stopped_) {
      problems_.mistake(key.place, ErrorCode::config_syntax, "has a key that is not text",
                        "a name");
    }
  }
}

Node Builder::build(const Event& event, size_t depth) {
  const Place place = event.place();
  if (event.type() == YAML_ALIAS_EVENT) return copy_of_anchor(event, depth);
  if (depth > limits_.depth) {
    too_deep(place);
    return {};
  }
  if (event.tagged())
    problems_.mistake(place, ErrorCode::config_syntax, "has a tag", "a value without one");
  Node node;
  if (event.type() == YAML_SCALAR_EVENT) node = scalar(event);
  node.place = place;
  count(place, {1, node.text.size(), 1});
  const std::string anchor = event.anchor();
  if (event.type() == YAML_SEQUENCE_START_EVENT) {
    node.kind = Kind::sequence;
    build_items(node, depth);
  } else if (event.type() == YAML_MAPPING_START_EVENT) {
    node.kind = Kind::mapping;
    build_entries(node, depth);
  }
  remember(anchor, node, place);
  return node;
}

std::optional<Node> Builder::document() {
  Node root;
  root.place = {1, 1};
  bool seen = false;
  while (!stopped_) {
    Event event;
    if (!next(event) || event.type() == YAML_STREAM_END_EVENT) break;
    if (event.type() == YAML_DOCUMENT_START_EVENT) {
      if (seen) stop(event.place(), "starts a second document", "one document");
      seen = true;
    } else if (event.type() != YAML_STREAM_START_EVENT && event.type() != YAML_DOCUMENT_END_EVENT) {
      root = build(event, 1);
    }
  }
  if (stopped_) return std::nullopt;
  return root;
}

// The line in which the text stops being UTF-8.
Place first_bad_line(std::string_view text) {
  size_t line = 1;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view one = text.substr(0, end);
    if (!is_utf8(one)) return {line, 1};
    text.remove_prefix(end);
    ++line;
  }
  return {line, 1};
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &found->value;
}

std::optional<Node> parse(std::string_view text, Problems& problems, Limits limits) {
  if (text.size() > limits.bytes.count) {
    problems.mistake({1, 1}, ErrorCode::limit_exceeded, "is too large",
                     "at most " + format_bytes(limits.bytes));
    return std::nullopt;
  }
  if (!is_utf8(text)) {
    problems.mistake(first_bad_line(text), ErrorCode::config_syntax, "is not UTF-8",
                     "text in UTF-8");
    return std::nullopt;
  }
  return Builder(text, problems, limits).document();
}

}  // namespace vigie::yaml
