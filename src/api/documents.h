// The documents that the daemon serves about itself, compiled in: openapi.yaml and the JSON Schemas
// of docs/formats/.
#pragma once

#include <span>
#include <string_view>

namespace vigie::api {

struct EmbeddedFile {
  std::string_view name;  // "openapi.yaml", "status-1.schema.json"
  std::string_view bytes;
};

std::span<const EmbeddedFile> embedded_documents();

}  // namespace vigie::api
