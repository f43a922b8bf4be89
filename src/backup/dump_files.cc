#include "backup/dump_files.h"

#include <algorithm>
#include <charconv>

namespace vigie::backup {
namespace {

using artefact::FileKind;

bool is_number_between(std::string_view name, std::string_view before, std::string_view after) {
  if (!name.starts_with(before) || !name.ends_with(after)) return false;
  if (name.size() <= before.size() + after.size()) return false;
  name = name.substr(before.size(), name.size() - before.size() - after.size());
  return name.size() <= 10 &&
         std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

// Takes a number and what follows it off the front.
std::optional<uint32_t> take_number(std::string_view& text, std::string_view after) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return {};
  const std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  if (!rest.starts_with(after)) return {};
  text = rest.substr(after.size());
  return number;
}

}  // namespace

std::optional<FileKind> kind_of_dump_file(std::string_view name) {
  if (name == "toc.dat") return FileKind::toc;
  if (is_number_between(name, "", ".dat")) return FileKind::data;
  if (is_number_between(name, "blob_", ".dat")) return FileKind::blob;
  if (name == "blobs.toc" || is_number_between(name, "blobs_", ".toc")) return FileKind::blobs_toc;
  return {};
}

void TocReader::line(std::string_view text) {
  // "3376; 0 16412 TABLE DATA public docs postgres"
  const auto number = take_number(text, "; ");
  if (!number || !take_number(text, " ")) return;
  const auto oid = take_number(text, " TABLE DATA ");
  if (oid) tables_.emplace(*number, TocTable{*oid, std::string(text)});
}

std::vector<std::string> blob_files(std::string_view blobs_toc) {
  std::vector<std::string> names;
  while (!blobs_toc.empty()) {
    const size_t end = std::min(blobs_toc.find('\n'), blobs_toc.size());
    const std::string_view line = blobs_toc.substr(0, end);
    const size_t space = line.find(' ');
    if (space != std::string_view::npos) names.emplace_back(line.substr(space + 1));
    blobs_toc.remove_prefix(std::min(end + 1, blobs_toc.size()));
  }
  return names;
}

}  // namespace vigie::backup
