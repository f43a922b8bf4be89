// Which requirements (docs/formats/requirements.yaml) an entry of a kind speaks to.
#pragma once

#include <span>
#include <string_view>

namespace vigie::ledger {

// Sorted; empty for a kind that validates none. Lives for ever.
std::span<const std::string_view> requirements_of(std::string_view kind);

}  // namespace vigie::ledger
