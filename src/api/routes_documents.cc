#include <algorithm>

#include "api/documents.h"
#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

Result<Response> show_document(std::string_view name, std::string_view content_type) {
  const auto documents = embedded_documents();
  const auto found = std::ranges::find(documents, name, &EmbeddedFile::name);
  if (found == documents.end()) return fail(ErrorCode::http_not_found);
  Response response;
  response.content_type = content_type;
  response.body = found->bytes;
  return response;
}

Result<Response> show_schema(const Call& call) {
  const auto& name = call.arguments.at(0);
  if (!name.ends_with(".schema.json")) return fail(ErrorCode::http_not_found);
  return show_document(name, "application/schema+json");
}

}  // namespace

void add_document_routes(Router& router) {
  router.add(
      {.method = "GET",
       .pattern = "/openapi.yaml",
       .scope = std::nullopt,
       .kind = RequestClass::view,
       .endpoint = [](const Call&) { return show_document("openapi.yaml", "application/yaml"); }});
  router.add({.method = "GET",
              .pattern = "/schemas/{name}",
              .scope = std::nullopt,
              .kind = RequestClass::view,
              .endpoint = show_schema});
}

}  // namespace vigie::api
