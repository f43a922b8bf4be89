#include "config/requirements_file.h"

#include <fmt/format.h>

#include "base/encoding.h"

namespace vigie::config {
namespace {

constexpr std::string_view kExpected = "a file of requirements (requirements-1.md)";

void take_over(const Problems& from, Place place, Problems& problems) {
  const Problems::Scope scope(problems, "file");
  for (const Problem& one : from.sorted()) {
    const std::string what = one.field.empty() ? one.found : one.field + " " + one.found;
    const std::string found =
        fmt::format("is wrong at line {}, column {}: {}", one.place.line, one.place.column, what);
    problems.mistake(place, one.code, found,
                     one.expected.empty() ? std::string(kExpected) : one.expected, one.nearest);
  }
}

}  // namespace

void read_requirements_file(platform::FileSystem& files, Config& config, Problems& problems) {
  ledger::RequirementsOptions& options = config.requirements;
  if (options.file.empty()) return;
  const Problems::Scope scope(problems, "requirements");
  const auto text = platform::read_file(files, options.file, limits::kYamlBytes);
  if (!text) {
    const Problems::Scope file(problems, "file");
    return problems.mistake(options.file_place, text.error().code(), "cannot be read",
                            std::string(kExpected));
  }
  Problems own(options.file);
  const auto document = yaml::parse(*text, own);
  if (document) options.all = ledger::parse_requirements(*document, own);
  take_over(own, options.file_place, problems);
}

}  // namespace vigie::config
