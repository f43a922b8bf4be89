// The documents that this room carries in itself: docs/formats/requirements.yaml.
#pragma once

#include <span>
#include <string_view>

namespace vigie::ledger {

struct EmbeddedFile {
  std::string_view name;  // "requirements.yaml"
  std::string_view bytes;
};

std::span<const EmbeddedFile> embedded_requirements();

}  // namespace vigie::ledger
