// "Did you mean": the valid name nearest to what somebody wrote.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vigie {

// Insertions, removals, replacements and swaps of neighbours that turn one into the other, by
// bytes. Both are cut at 64 bytes.
size_t edit_distance(std::string_view a, std::string_view b);

// Empty when none is near enough to be what was meant (more than a third of it wrong). Of equally
// near ones the first.
std::string nearest_name(std::string_view text, std::span<const std::string> candidates);

}  // namespace vigie
