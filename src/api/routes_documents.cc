#include "api/documents.h"
#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

Result<Response> show_document(const EmbeddedFile& document) {
  Response response;
  response.content_type =
      document.name.ends_with(".yaml") ? "application/yaml" : "application/schema+json";
  response.body = document.bytes;
  return response;
}

}  // namespace

// Side by side, as in docs/formats/: what one says of another by a relative reference holds here
// too.
void add_document_routes(Router& router) {
  for (const auto& document : embedded_documents())
    router.add({.method = "GET",
                .pattern = "/" + std::string(document.name),
                .scope = std::nullopt,
                .kind = RequestClass::view,
                .endpoint = [document](const Call&) { return show_document(document); }});
}

}  // namespace vigie::api
