// Links: vigie_config
//
// Any bytes give a configuration or a mistake, and a report that is safe to print.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "config/config.h"
#include "config/report.h"

namespace {

using namespace vigie;

void require(bool holds) {
  if (!holds) std::abort();
}

bool printable_lines(const std::string& text) {
  return is_utf8(text) && std::ranges::none_of(text, [](char c) {
           return c != '\n' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
         });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto loaded = config::parse({reinterpret_cast<const char*>(data), size}, "vigie.yaml");
  require(loaded.config.has_value() != loaded.problems.has_mistakes());
  require(printable_lines(config::as_text(loaded)));
  require(!canonical_json(config::as_json(loaded)).empty());
  if (loaded.config) {
    for (const auto& job : loaded.config->backups) {
      require(!job.options.databases.empty() || job.options.all_databases);
      require(loaded.config->store(job.options.store) != nullptr);
    }
  }
  return 0;
}
