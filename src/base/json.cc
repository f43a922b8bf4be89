#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <vector>

namespace vigie {
namespace {

tl::unexpected<Error> bad_json(std::string reason) {
  return fail(ErrorCode::http_bad_request, {{"reason", std::move(reason)}});
}

// Builds the value in one pass, for two things that Boost.JSON 1.81's own parser does not do: it
// keeps the last of two equal keys in silence, and rounds some doubles to a neighbour, which would
// change a hash over canonical text.
class Builder {
 public:
  static constexpr size_t max_object_size = size_t(-1);
  static constexpr size_t max_array_size = size_t(-1);
  static constexpr size_t max_key_size = size_t(-1);
  static constexpr size_t max_string_size = size_t(-1);

  bool duplicate() const { return duplicate_; }
  json::value release() { return stack_.release(); }

  bool on_document_begin(json::error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(size_t members, json::error_code&) {
    std::ranges::sort(keys_.back());
    duplicate_ = duplicate_ || std::ranges::adjacent_find(keys_.back()) != keys_.back().end();
    keys_.pop_back();
    stack_.push_object(members);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(size_t elements, json::error_code&) {
    stack_.push_array(elements);
    return true;
  }
  bool on_key_part(json::string_view part, size_t, json::error_code&) { return keep(part); }
  bool on_key(json::string_view part, size_t, json::error_code&) {
    keep(part);
    stack_.push_key(text_);
    keys_.back().push_back(std::exchange(text_, {}));
    return true;
  }
  bool on_string_part(json::string_view part, size_t, json::error_code&) { return keep(part); }
  bool on_string(json::string_view part, size_t, json::error_code&) {
    keep(part);
    stack_.push_string(text_);
    text_.clear();
    return true;
  }
  bool on_number_part(json::string_view part, json::error_code&) { return keep(part); }
  bool on_int64(int64_t number, json::string_view, json::error_code&) {
    return number_done([&] { stack_.push_int64(number); });
  }
  bool on_uint64(uint64_t number, json::string_view, json::error_code&) {
    return number_done([&] { stack_.push_uint64(number); });
  }
  bool on_double(double number, json::string_view part, json::error_code&) {
    keep(part);
    std::from_chars(text_.data(), text_.data() + text_.size(),
                    number);  // keeps `number` when out of range
    return number_done([&] { stack_.push_double(number); });
  }
  bool on_bool(bool value, json::error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  bool keep(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  template <class Push>
  bool number_done(Push push) {
    push();
    text_.clear();
    return true;
  }

  json::value_stack stack_;
  std::string text_;                            // of the key, string or number at work
  std::vector<std::vector<std::string>> keys_;  // of each open object
  bool duplicate_ = false;
};

std::u16string utf16(std::string_view utf8) {
  std::u16string out;
  for (size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char32_t point = length == 1 ? first : first & (0x7fU >> length);
    for (size_t j = 1; j < length && i + j < utf8.size(); ++j) {
      point = point << 6 | (static_cast<unsigned char>(utf8[i + j]) & 0x3fU);
    }
    i += length;
    if (point < 0x10000) {
      out += static_cast<char16_t>(point);
    } else {
      out += static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10));
      out += static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff));
    }
  }
  return out;
}

enum class KeyOrder : unsigned char { canonical, given };

void write(std::string& out, const json::value& value, KeyOrder order);

void write_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// ECMA-262, Number::toString: shortest digits; plain between 1e-6 and 1e21, else with an exponent.
void write_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";  // JSON has no such number
    return;
  }
  if (number == 0) {
    out += '0';
    return;
  }
  char buffer[64];
  const double size = std::fabs(number);
  const bool plain = size >= 1e-6 && size < 1e21;
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, number, format).ptr);
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos && text[exponent + 2] == '0')
    text.erase(exponent + 2, 1);  // e-07: e-7
  out += text;
}

std::vector<const json::key_value_pair*> members_of(const json::object& object, KeyOrder order) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  if (order == KeyOrder::canonical) {
    std::ranges::sort(members, {},
                      [](const json::key_value_pair* member) { return utf16(member->key()); });
  }
  return members;
}

void write_object(std::string& out, const json::object& object, KeyOrder order) {
  out += '{';
  bool first = true;
  for (const json::key_value_pair* member : members_of(object, order)) {
    if (!first) out += ',';
    first = false;
    write_string(out, member->key());
    out += ':';
    write(out, member->value(), order);
  }
  out += '}';
}

void write_array(std::string& out, const json::array& array, KeyOrder order) {
  out += '[';
  for (size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    write(out, array[i], order);
  }
  out += ']';
}

void write(std::string& out, const json::value& value, KeyOrder order) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      out += fmt::format("{}", value.get_int64());
      break;
    case json::kind::uint64:
      out += fmt::format("{}", value.get_uint64());
      break;
    case json::kind::double_:
      write_double(out, value.get_double());
      break;
    case json::kind::string:
      write_string(out, value.get_string());
      break;
    case json::kind::array:
      write_array(out, value.get_array(), order);
      break;
    case json::kind::object:
      write_object(out, value.get_object(), order);
      break;
  }
}

}  // namespace

Result<json::value> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.max_bytes)
    return bad_json(fmt::format("longer than {} bytes", limits.max_bytes));
  json::parse_options options;
  options.max_depth = limits.max_depth;
  json::basic_parser<Builder> parser(options);
  json::error_code error;
  const size_t at = parser.write_some(false, text.data(), text.size(), error);
  if (error) return bad_json(fmt::format("{} at byte {}", error.message(), at));
  if (at != text.size()) return bad_json(fmt::format("more than one value at byte {}", at));
  if (parser.handler().duplicate()) return bad_json("a key stands twice in an object");
  return parser.handler().release();
}

std::string canonical_json(const json::value& value) {
  std::string out;
  write(out, value, KeyOrder::canonical);
  return out;
}

void CanonicalObject::begin(std::string_view key) {
  if (!text_.empty() && key <= last_key_) std::abort();
  text_ += text_.empty() ? '{' : ',';
  write_string(text_, key);
  text_ += ':';
  last_key_ = key;
}

void CanonicalObject::append(const json::value& value) {
  write(text_, value, KeyOrder::canonical);
}

std::string CanonicalObject::finish() && {
  text_ += text_.empty() ? "{}" : "}";
  return std::move(text_);
}

std::string json_text(const json::value& value) {
  std::string out;
  write(out, value, KeyOrder::given);
  return out;
}

const json::value* find_value(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}
const json::string* find_string(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_string() : nullptr;
}
const json::object* find_object(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}
const json::array* find_array(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_array() : nullptr;
}

}  // namespace vigie
