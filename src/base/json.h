// JSON with limits, and its canonical form. The library is Boost.JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace vigie {

namespace json = boost::json;

struct JsonLimits {
  size_t max_bytes = 1 << 20;
  size_t max_depth = 32;
};

// One JSON text (RFC 8259). Duplicate keys are refused: two readers could see two documents. The
// error is manifest_invalid-like: the caller maps `reason` into a code of its own. On failure the
// Error's code is `http_bad_request` and its `reason` says what and where (byte offset).
Result<json::value> parse_json(std::string_view text, JsonLimits limits = {});

// RFC 8785 (JSON Canonicalization Scheme): keys sorted by UTF-16 code units, shortest numbers as
// ECMAScript prints them, no white space. Integers beyond 2^53 are written as integers, exactly.
std::string canonical_json(const json::value& value);

// The same form of an object that is too large to be a json::value at once: its members are written
// as they come. Keys are printable ASCII and come in ascending order, each once; else the program
// ends.
class CanonicalObject {
 public:
  explicit CanonicalObject(size_t expected_bytes) { text_.reserve(expected_bytes); }

  void put(std::string_view key, const json::value& value) {
    begin(key);
    append(value);
  }
  void put_text(std::string_view key, std::string_view text) { put(key, json::value(text)); }
  // An array of what `to_json` makes of each item.
  template <class Items, class ToJson>
  void put_each(std::string_view key, const Items& items, ToJson to_json) {
    begin(key);
    char before = '[';
    for (const auto& item : items) {
      text_ += std::exchange(before, ',');
      append(to_json(item));
    }
    text_ += before == '[' ? "[]" : "]";
  }
  std::string finish() &&;

 private:
  void begin(std::string_view key);
  void append(const json::value& value);
  std::string text_;
  std::string last_key_;
};

// The same numbers and escapes, with the keys in the order in which they were put in: for whoever
// reads it.
std::string json_text(const json::value& value);

// Reading an object: nullptr when the key is absent or of another kind.
const json::string* find_string(const json::object& object, std::string_view key);
const json::object* find_object(const json::object& object, std::string_view key);
const json::array* find_array(const json::object& object, std::string_view key);
const json::value* find_value(const json::object& object, std::string_view key);

}  // namespace vigie
