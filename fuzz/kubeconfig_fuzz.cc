// Links: vigie_platform
//
// Any bytes give what is needed to ask a verified server, or an error that quotes nothing.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "platform/kubeconfig.h"

namespace {

using namespace vigie;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = platform::parse_kubeconfig(text, "kubeconfig");
  if (!found) {
    require(found.error().info().verdict == Verdict::could_not_verify);
    require(is_utf8(found.error().detail(Audience::operators)));
    return 0;
  }
  require(found->server.starts_with("https://") && !found->server.ends_with('/'));
  require(found->token.given() || found->key.given());
  require(found->key.given() == found->certificate.given());
  return 0;
}
