#include "store/s3/evidence_objects.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/s3/object_file.h"
#include "store/s3/object_writer.h"

namespace vigie::store::s3 {
namespace {

// Begun by a process that died, or by a request whose answer was lost.
Result<> abort_uploads(const Client& client, const std::string& key) {
  TRY_ASSIGN(const auto uploads, client.uploads(key));
  for (const Upload& upload : uploads)
    if (upload.key == key) TRY(client.abort(upload));
  return {};
}

}  // namespace

Result<std::string> EvidenceObjects::key_of(std::string_view name) const {
  if (is_evidence_name(name)) return prefix_ + std::string(name);
  return fail(ErrorCode::internal_error, {{"reason", "not a name of evidence"}});
}

Result<std::vector<EvidenceFile>> EvidenceObjects::list() const {
  std::vector<EvidenceFile> all;
  bool too_many = false;
  TRY(client_.each(prefix_, [&](Object object) {
    std::string name = object.key.substr(prefix_.size());
    if (!is_evidence_name(name)) return;
    too_many = all.size() == kMostEvidenceFiles;
    if (!too_many) all.push_back({std::move(name), object.size, std::move(object.etag)});
  }));
  if (too_many)
    return fail(ErrorCode::limit_exceeded, {{"name", "objects of evidence in a store"},
                                            {"observed", "more"},
                                            {"limit", fmt::format("{}", kMostEvidenceFiles)}});
  std::ranges::sort(all, {}, &EvidenceFile::name);
  return all;
}

Result<std::unique_ptr<platform::ReadableFile>> EvidenceObjects::open(std::string_view name) const {
  TRY_ASSIGN(std::string key, key_of(name));
  return open_object(client_, std::move(key));
}

Result<Object> EvidenceObjects::write(const std::string& key, const platform::ReadableFile& from,
                                      Bytes size) const {
  Object written;
  ObjectWriter writer(client_, key, [&](Object object) { written = std::move(object); });
  TRY(each_piece(from, size, [&](ByteSpan piece) { return writer.append(piece); }));
  TRY(writer.close());
  return written;
}

Result<EvidenceFile> EvidenceObjects::put(std::string_view name, const platform::ReadableFile& from,
                                          Bytes size) const {
  TRY_ASSIGN(const std::string key, key_of(name));
  const bool in_parts = size.count > kPartBytes;
  if (in_parts) TRY(abort_uploads(client_, key));
  auto written = write(key, from, size);
  // The next one would find it too: best effort.
  if (!written && in_parts) (void)abort_uploads(client_.for_cleaning(), key);
  if (!written) return fail(written.error());
  return EvidenceFile{std::string(name), written->size, std::move(written->etag)};
}

}  // namespace vigie::store::s3
