// Do the large objects of a restored database hold the bytes that the backup holds?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "base/work.h"
#include "platform/file_system.h"
#include "platform/postgres.h"

namespace vigie::proof {

struct LargeObjectsRequest {
  const artefact::Manifest& manifest;
  platform::Path archive;  // unpacked, and checked against the manifest: blob_<oid>.dat
  platform::Dsn dsn;
  std::string application_name;
};

struct LargeObjectsCompared {
  size_t count = 0;
  std::vector<uint32_t> differ{};  // their oids: other bytes, more, fewer, or none
};

// Each object in pieces of this size; the server hashes its own.
inline constexpr size_t kLargeObjectPiece = size_t{4} << 20;

// Of every large object of the manifest. Errors: manifest_invalid, database_*, file_*, cancelled.
Result<LargeObjectsCompared> compare_large_objects(platform::PgConnector& connector,
                                                   platform::FileSystem& files,
                                                   const LargeObjectsRequest& request,
                                                   const Work& work);

}  // namespace vigie::proof
