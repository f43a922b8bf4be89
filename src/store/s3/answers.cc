#include "store/s3/answers.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "store/s3/xml.h"

namespace vigie::store::s3 {
namespace {

constexpr size_t kMostKey = 1024;    // bytes, as S3 has it
constexpr size_t kMostToken = 2048;  // of a page's continuation, of an upload's id
constexpr size_t kMostEtag = 128;

std::optional<uint64_t> number(std::string_view text) {
  uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool whole = !text.empty() && error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(out) : std::nullopt;
}

// As forms are encoded: AWS writes a space as a plus sign, and everybody a plus sign as %2B.
std::optional<std::string> decoded_key(std::string_view text) {
  std::string encoded(text);
  std::ranges::replace(encoded, '+', ' ');
  auto key = percent_decode(encoded);
  if (!key || key->empty() || key->size() > kMostKey) return std::nullopt;
  return key;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kMostToken &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::optional<XmlElement> root(std::string_view xml, std::string_view name) {
  auto parsed = parse_xml(xml);
  return parsed && parsed->name == name ? std::move(parsed) : std::nullopt;
}

std::optional<Object> object_of(const XmlElement& element) {
  const auto key = decoded_key(element.text_of("Key"));
  const auto size = number(element.text_of("Size"));
  const auto etag = parse_etag(element.text_of("ETag"));
  if (!key || !size || !etag) return std::nullopt;
  return Object{*key, {*size}, *etag};
}

bool add(const XmlElement& element, ObjectPage& page) {
  if (element.name == "Contents") {
    auto object = object_of(element);
    if (object) page.objects.push_back(std::move(*object));
    return object.has_value();
  }
  if (element.name == "CommonPrefixes") {
    auto folder = decoded_key(element.text_of("Prefix"));
    if (folder) page.folders.push_back(std::move(*folder));
    return folder.has_value();
  }
  return true;
}

}  // namespace

std::optional<ObjectPage> parse_objects(std::string_view xml) {
  const auto result = root(xml, "ListBucketResult");
  if (!result) return std::nullopt;
  ObjectPage page;
  for (const XmlElement& element : result->children)
    if (!add(element, page)) return std::nullopt;
  if (result->text_of("IsTruncated") != "true") return page;
  page.next = result->text_of("NextContinuationToken");
  return is_token(page.next) ? std::optional(std::move(page)) : std::nullopt;
}

std::optional<UploadPage> parse_uploads(std::string_view xml) {
  const auto result = root(xml, "ListMultipartUploadsResult");
  if (!result) return std::nullopt;
  UploadPage page;
  for (const XmlElement& element : result->children) {
    if (element.name != "Upload") continue;
    auto key = decoded_key(element.text_of("Key"));
    const std::string_view id = element.text_of("UploadId");
    if (!key || !is_token(id)) return std::nullopt;
    page.uploads.push_back({std::move(*key), std::string(id)});
  }
  if (result->text_of("IsTruncated") != "true") return page;
  const auto key = decoded_key(result->text_of("NextKeyMarker"));
  page.next_id = result->text_of("NextUploadIdMarker");
  if (!key || !is_token(page.next_id)) return std::nullopt;
  page.next_key = *key;
  return page;
}

std::optional<std::string> parse_upload_id(std::string_view xml) {
  const auto result = root(xml, "InitiateMultipartUploadResult");
  if (!result) return std::nullopt;
  const std::string_view id = result->text_of("UploadId");
  return is_token(id) ? std::optional(std::string(id)) : std::nullopt;
}

std::optional<std::string> parse_completed_etag(std::string_view xml) {
  const auto result = root(xml, "CompleteMultipartUploadResult");
  if (!result) return std::nullopt;
  const std::string_view etag = result->text_of("ETag");
  return etag.empty() ? std::optional<std::string>("") : parse_etag(etag);
}

std::optional<NotDeleted> parse_not_deleted(std::string_view xml) {
  const auto result = root(xml, "DeleteResult");
  if (!result) return std::nullopt;
  NotDeleted out;
  for (const XmlElement& element : result->children) {
    if (element.name != "Error") continue;
    if (out.count++ == 0) out.code = element.text_of("Code");
  }
  return out;
}

std::optional<std::string> parse_etag(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  const bool fits =
      !text.empty() && text.size() <= kMostEtag && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
      });
  return fits ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto total = number(text.substr(slash + 1));
  if (!total) return std::nullopt;
  const std::string_view range = text.substr(0, slash);
  if (range == "*") return ContentRange{*total, *total};
  const auto first = number(range.substr(0, range.find('-')));
  return first ? std::optional(ContentRange{*first, *total}) : std::nullopt;
}

}  // namespace vigie::store::s3
