// Completion for shells, and the manual page, from the table of verbs.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/verb.h"

namespace vigie::cli {

// For "bash", "zsh" or "fish"; usage for another word.
Result<std::string> completion_script(std::string_view shell, std::span<const VerbSpec> verbs);

// troff -man, section 1.
std::string manual_page(std::span<const VerbSpec> verbs, std::string_view version);

}  // namespace vigie::cli
