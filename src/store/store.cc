#include "store/store.h"

#include <algorithm>

#include "artefact/manifest.h"

namespace vigie::store {
namespace {

constexpr size_t kMostParts = 4;
constexpr size_t kMostPartBytes = 100;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_evidence_part(std::string_view part) {
  return !part.empty() && part.size() <= kMostPartBytes && is_lower_or_digit(part.front()) &&
         std::ranges::all_of(part,
                             [](char c) { return is_lower_or_digit(c) || c == '.' || c == '-'; });
}

}  // namespace

bool is_evidence_name(std::string_view name) {
  size_t parts = 1;
  while (true) {
    const size_t end = name.find('/');
    if (!is_evidence_part(name.substr(0, end)) || parts > kMostParts) return false;
    if (end == std::string_view::npos) return true;
    name.remove_prefix(end + 1);
    ++parts;
  }
}

Result<> each_piece(const platform::ReadableFile& from, Bytes size,
                    const std::function<Result<>(ByteSpan)>& take) {
  std::vector<unsigned char> piece(std::min<uint64_t>(size.count, size_t{1} << 20));
  for (uint64_t at = 0; at < size.count; at += piece.size()) {
    const std::span now = std::span(piece).first(std::min<uint64_t>(piece.size(), size.count - at));
    TRY_ASSIGN(const size_t got, from.read_at(at, now));
    if (got < now.size())
      return fail(ErrorCode::file_corrupt,
                  {{"path", "what is copied"}, {"reason", "it is shorter than what was written"}});
    TRY(take(now));
  }
  return {};
}

Result<> answers(Store& store) {
  if (!store.features().knows_space) return store.look("");
  TRY(store.space());
  return {};
}

Result<> write_file(ArtefactWriter& writer, std::string_view name, std::string_view text) {
  TRY_ASSIGN(const auto file, writer.create(name));
  TRY(file->append(as_bytes(text)));
  return file->close();
}

Result<std::string> read_manifest(Store& store, const BackupId& id) {
  TRY_ASSIGN(const auto source, store.open(id));
  return artefact::read_stored(*source, artefact::kManifestName, artefact::kMaxManifestBytes);
}

}  // namespace vigie::store
