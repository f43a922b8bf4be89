// Links: vigie_store
// What a server that speaks S3 answers, and a file of credentials.
#include <cstdint>
#include <cstdlib>

#include "store/s3/answers.h"
#include "store/s3/credentials.h"
#include "store/s3/signature.h"
#include "store/s3/xml.h"

namespace {

using namespace vigie::store;

void check(bool holds) {
  if (!holds) std::abort();
}

size_t depth(const s3::XmlElement& element) {
  size_t deepest = 0;
  for (const s3::XmlElement& child : element.children) deepest = std::max(deepest, depth(child));
  return deepest + 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto xml = s3::parse_xml(text)) check(depth(*xml) <= s3::kXmlDepth);
  if (const auto page = s3::parse_objects(text))
    for (const s3::Object& object : page->objects) check(s3::parse_etag(object.etag).has_value());
  (void)s3::parse_uploads(text);
  (void)s3::parse_upload_id(text);
  (void)s3::parse_completed_etag(text);
  (void)s3::parse_not_deleted(text);
  (void)s3::parse_content_range(text);
  if (const auto key = s3::Credentials::parse(text)) check(!key->secret_key.empty());
  check(s3::encoded_path(text).find(' ') == std::string::npos);
  return 0;
}
