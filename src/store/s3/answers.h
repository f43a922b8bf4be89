// What S3 answers, out of its XML and its headers. All of it may come from a server that is broken
// or hostile: nothing is the answer to whatever is not as it must be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vigie::store::s3 {

struct Object {
  std::string key;
  Bytes size;
  std::string etag;  // without its quotes
};

// One page of ListObjectsV2, asked for with encoding-type=url.
struct ObjectPage {
  std::vector<Object> objects;
  std::vector<std::string> folders;  // up to the delimiter, with it
  std::string next;                  // for continuation-token; empty: the last page
};
std::optional<ObjectPage> parse_objects(std::string_view xml);

struct Upload {
  std::string key;
  std::string id;
};
// One page of ListMultipartUploads, asked for with encoding-type=url.
struct UploadPage {
  std::vector<Upload> uploads;
  std::string next_key;  // for key-marker, with next_id for upload-id-marker; empty: the last page
  std::string next_id;
};
std::optional<UploadPage> parse_uploads(std::string_view xml);

std::optional<std::string> parse_upload_id(std::string_view xml);  // InitiateMultipartUpload
// CompleteMultipartUpload; empty when it does not say it.
std::optional<std::string> parse_completed_etag(std::string_view xml);

// How many objects DeleteObjects could not delete, and the code of the first.
struct NotDeleted {
  size_t count = 0;
  std::string code;
};
std::optional<NotDeleted> parse_not_deleted(std::string_view xml);

// "\"9a0364b9e99bb480dd25e1f0284c8555-2\"" without its quotes; nothing when it is none, or is not
// of characters that XML and a header take as they are.
std::optional<std::string> parse_etag(std::string_view text);

// "bytes 0-99/1234", or "bytes */0" of a range that begins behind the end.
struct ContentRange {
  uint64_t first = 0;
  uint64_t total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace vigie::store::s3
