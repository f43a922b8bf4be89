// How values of an answer look in a table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/console.h"

namespace vigie::cli {

// What is absent or null is "-".
Cell text_cell(const json::object& object, std::string_view key);
Cell bytes_cell(const json::object& object, std::string_view key);
Cell count_cell(const json::object& object, std::string_view key);
Cell seconds_cell(const json::object& object, std::string_view key);
// "2026-11-20 02:00:00Z"
Cell time_cell(const json::object& object, std::string_view key);
// By the ending of the key (_bytes, _s, _at) and by its kind, one line for each item of a list;
// none for what is absent, null or empty.
std::vector<std::string> value_lines(const json::object& object, std::string_view key);
// passed, failed, pass, warn, …: in its colour.
Cell verdict_cell(const json::object& object, std::string_view key);
Tone tone_of(std::string_view word);

// Numbers as JSON has them: integer or not.
double number(const json::value* value);
std::string text_of(const json::object& object, std::string_view key);  // empty when absent

}  // namespace vigie::cli
