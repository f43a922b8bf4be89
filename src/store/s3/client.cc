#include "store/s3/client.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "store/s3/xml.h"

namespace vigie::store::s3 {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMostPages = 1'000;  // of a listing: a million keys
constexpr size_t kMostOfAPage = 1'000;
constexpr size_t kDeletedAtOnce = 1'000;
constexpr Duration kCleaning = 10min;

// Of a request, not of a secret: S3 asks for it.
std::string content_md5(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  (void)::EVP_Digest(text.data(), text.size(), out.data(), &size, ::EVP_md5(), nullptr);
  return base64_encode({out.data(), size});
}

std::string complete_text(const std::vector<std::string>& etags) {
  std::string out = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags.size(); ++i)
    out +=
        fmt::format("<Part><PartNumber>{}</PartNumber><ETag>\"{}\"</ETag></Part>", i + 1, etags[i]);
  return out + "</CompleteMultipartUpload>";
}

std::string delete_text(std::span<const std::string> keys) {
  std::string out = "<Delete><Quiet>true</Quiet>";
  for (const std::string& key : keys) out += "<Object><Key>" + xml_escape(key) + "</Key></Object>";
  return out + "</Delete>";
}

bool can_stand_in_xml(std::string_view key) {
  return is_utf8(key) &&
         std::ranges::none_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

Body shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

Client Client::for_cleaning() const {
  return {exchange_, {exchange_->clock().monotonic() + kCleaning, {}}};
}

Result<Answer> Client::send(const Request& request) const {
  return exchange_->send(request, limits_);
}

Result<Answer> Client::send_done(const Request& request) const {
  TRY_ASSIGN(Answer answer, send(request));
  if (!answer.done()) return fail(exchange_->refusal(request, answer));
  return answer;
}

Result<ObjectPage> Client::page(Query query) const {
  query["list-type"] = "2";
  query["encoding-type"] = "url";
  TRY_ASSIGN(const Answer answer, send_done({.method = "GET", .query = std::move(query)}));
  auto page = parse_objects(answer.http.body);
  if (!page) return fail(exchange_->nonsense("its list of objects cannot be understood"));
  return std::move(*page);
}

Result<> Client::each_page(Query query, const std::function<void(ObjectPage&)>& take) const {
  for (size_t pages = 0; pages < kMostPages; ++pages) {
    TRY_ASSIGN(ObjectPage one, page(query));
    // As S3 has it: what many pages of a list may take is bounded by it.
    if (one.objects.size() + one.folders.size() > kMostOfAPage)
      return fail(exchange_->nonsense("a page of its list is too long"));
    take(one);
    if (one.next.empty()) return {};
    if (one.next == query["continuation-token"])
      return fail(exchange_->nonsense("its list of objects does not end"));
    query["continuation-token"] = one.next;
  }
  return fail(ErrorCode::limit_exceeded, {{"name", "a list of store " + store()},
                                          {"observed", "its length"},
                                          {"limit", fmt::format("{} pages", kMostPages)}});
}

Result<> Client::each(const std::string& prefix, const std::function<void(Object)>& take) const {
  bool strange = false;
  TRY(each_page({{"prefix", prefix}}, [&](ObjectPage& page) {
    for (Object& object : page.objects) {
      strange = strange || !object.key.starts_with(prefix);
      if (!strange) take(std::move(object));
    }
  }));
  return strange ? fail(exchange_->nonsense("it lists objects that were not asked for"))
                 : Result<>();
}

Result<std::vector<std::string>> Client::folders(const std::string& prefix) const {
  std::vector<std::string> names;
  TRY(each_page({{"prefix", prefix}, {"delimiter", "/"}}, [&](ObjectPage& page) {
    for (const std::string& folder : page.folders)
      if (folder.starts_with(prefix) && folder.size() > prefix.size() + 1)
        names.push_back(folder.substr(prefix.size(), folder.size() - prefix.size() - 1));
  }));
  return names;
}

Result<std::optional<Object>> Client::first(const std::string& prefix) const {
  Query query{{"prefix", prefix}, {"max-keys", "1"}};
  for (size_t pages = 0; pages < kMostPages; ++pages) {
    TRY_ASSIGN(ObjectPage one, page(query));
    if (!one.objects.empty() && !one.objects.front().key.starts_with(prefix))
      return fail(exchange_->nonsense("it lists objects that were not asked for"));
    if (!one.objects.empty()) return std::optional(std::move(one.objects.front()));
    if (one.next.empty()) return std::optional<Object>();
    query["continuation-token"] = one.next;
  }
  return fail(exchange_->nonsense("its list of objects does not end"));
}

// A list, not HEAD: its errors have words, and a key that may list is told "no such object" where
// HEAD only says 403. The key itself is the first of all that begin with it.
Result<std::optional<Object>> Client::find(const std::string& key) const {
  TRY_ASSIGN(auto found, first(key));
  return found && found->key == key ? std::move(found) : std::optional<Object>();
}

Result<std::optional<Piece>> Client::get(const std::string& key, uint64_t offset, Bytes length,
                                         const std::string& etag) const {
  Request request{.method = "GET", .key = key, .patient = true};
  if (!etag.empty()) request.headers.emplace_back("if-match", "\"" + etag + "\"");
  return get(std::move(request), offset, length);
}

Result<std::optional<Piece>> Client::get_small(const std::string& key, Bytes length) const {
  return get({.method = "GET", .key = key}, 0, length);
}

Result<std::optional<Piece>> Client::get(Request request, uint64_t offset, Bytes length) const {
  request.max_answer = length + 4_KiB;  // or what an error says
  request.headers.emplace_back("range",
                               fmt::format("bytes={}-{}", offset, offset + length.count - 1));
  TRY_ASSIGN(Answer answer, send(request));
  if (answer.code == "NoSuchKey") return std::optional<Piece>();
  // Nothing lies behind its end; of an empty object every byte does.
  if (answer.status == 416) return std::optional(Piece{});
  if (answer.status == 412)
    return fail(exchange_->nonsense("an object was replaced while it was read"));
  if (!answer.done()) return fail(exchange_->refusal(request, answer));
  const auto range = parse_content_range(answer.http.header("content-range"));
  auto now = parse_etag(answer.http.header("etag"));
  if (answer.status != 206 || !range || range->first != offset || !now)
    return fail(exchange_->nonsense("it does not give out parts of an object"));
  const uint64_t due = std::min(length.count, range->total - std::min(range->total, offset));
  if (answer.http.body.size() != due)
    return fail(exchange_->nonsense("it gives out another part of an object than was asked for"));
  return std::optional(Piece{std::move(answer.http.body), {range->total}, std::move(*now)});
}

Headers Client::encryption_headers() const {
  const S3Options& options = exchange_->options();
  if (options.server_side_encryption == ServerSideEncryption::none) return {};
  Headers headers{
      {"x-amz-server-side-encryption", std::string(to_string(options.server_side_encryption))}};
  if (!options.kms_key.empty())
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key);
  return headers;
}

// Into a bucket with an object lock nothing goes without a checksum of its own: the one of the
// signature is not enough (S3 User Guide, "Object Lock considerations"). An MD5 costs a fifth of
// the speed: it is made for those that have asked for one, and they are asked for nothing more.
Result<std::string> Client::write(Request request) const {
  request.method = "PUT";
  request.patient = true;
  const auto with_md5 = [&] {
    request.headers.emplace_back("content-md5", content_md5(*request.body));
    return send(request);
  };
  const bool known = exchange_->wants_md5();
  TRY_ASSIGN(Answer answer, known ? with_md5() : send(request));
  if (!known && (answer.code == "InvalidRequest" || answer.code == "MissingContentMD5")) {
    TRY_ASSIGN(answer, with_md5());
    if (answer.done()) exchange_->remember_md5();
  }
  if (!answer.done()) return fail(exchange_->refusal(request, answer));
  auto etag = parse_etag(answer.http.header("etag"));
  if (!etag) return fail(exchange_->nonsense("it does not say what it has written"));
  return std::move(*etag);
}

Result<std::string> Client::put(const std::string& key, Body body, std::string sha256) const {
  return write({.key = key,
                .headers = encryption_headers(),
                .body = std::move(body),
                .body_sha256 = std::move(sha256)});
}

Result<std::string> Client::begin_upload(const std::string& key) const {
  const Request request{.method = "POST",
                        .key = key,
                        .query = {{"uploads", ""}},
                        .headers = encryption_headers(),
                        .patient = true};
  TRY_ASSIGN(const Answer answer, send_done(request));
  auto id = parse_upload_id(answer.http.body);
  if (!id) return fail(exchange_->nonsense("it does not name the upload that it has begun"));
  return std::move(*id);
}

Result<std::string> Client::put_part(const Upload& upload, size_t number, Body body,
                                     std::string sha256) const {
  return write({.key = upload.key,
                .query = {{"partNumber", fmt::format("{}", number)}, {"uploadId", upload.id}},
                .body = std::move(body),
                .body_sha256 = std::move(sha256)});
}

Result<std::string> Client::finish_upload(const Upload& upload,
                                          const std::vector<std::string>& etags, Bytes size) const {
  const Request request{.method = "POST",
                        .key = upload.key,
                        .query = {{"uploadId", upload.id}},
                        .body = shared(complete_text(etags)),
                        .patient = true};
  TRY_ASSIGN(const Answer answer, send(request));
  // An earlier attempt was carried out, and its answer was lost.
  if (answer.code == "NoSuchUpload") return what_became_of(upload, size);
  if (!answer.done()) return fail(exchange_->refusal(request, answer));
  auto etag = parse_completed_etag(answer.http.body);
  if (!etag) return fail(exchange_->nonsense("it does not say what it has written"));
  // radosgw 16 leaves it empty.
  return etag->empty() ? what_became_of(upload, size) : Result<std::string>(std::move(*etag));
}

// Nothing was there before this upload: what is there now is what it became.
Result<std::string> Client::what_became_of(const Upload& upload, Bytes size) const {
  TRY_ASSIGN(const auto object, find(upload.key));
  if (!object || object->size != size)
    return fail(exchange_->nonsense("it has lost an upload that it had begun"));
  return object->etag;
}

Result<> Client::abort(const Upload& upload) const {
  const Request request{.method = "DELETE", .key = upload.key, .query = {{"uploadId", upload.id}}};
  TRY_ASSIGN(const Answer answer, send(request));
  if (answer.done() || answer.code == "NoSuchUpload") return {};
  return fail(exchange_->refusal(request, answer));
}

Result<std::vector<Upload>> Client::uploads(const std::string& prefix) const {
  std::vector<Upload> all;
  Query query{{"uploads", ""}, {"prefix", prefix}, {"encoding-type", "url"}};
  for (size_t pages = 0; pages < kMostPages; ++pages) {
    TRY_ASSIGN(const Answer answer, send_done({.method = "GET", .query = query}));
    auto page = parse_uploads(answer.http.body);
    if (!page) return fail(exchange_->nonsense("its list of uploads cannot be understood"));
    for (Upload& one : page->uploads) {
      if (!one.key.starts_with(prefix))
        return fail(exchange_->nonsense("it lists uploads that were not asked for"));
      all.push_back(std::move(one));
    }
    if (page->next_key == query["key-marker"] && !page->next_key.empty() &&
        page->next_id == query["upload-id-marker"])
      return fail(exchange_->nonsense("its list of uploads does not end"));
    if (page->next_key.empty()) return all;
    query["key-marker"] = page->next_key;
    query["upload-id-marker"] = page->next_id;
  }
  return fail(exchange_->nonsense("its list of uploads does not end"));
}

Result<> Client::remove(const std::string& key) const {
  const Request request{.method = "DELETE", .key = key};
  TRY_ASSIGN(const Answer answer, send(request));
  if (answer.done() || answer.code == "NoSuchKey") return {};
  return fail(exchange_->refusal(request, answer));
}

Result<> Client::remove_some(std::span<const std::string> keys) const {
  const Body body = shared(delete_text(keys));
  const Request request{.method = "POST",
                        .query = {{"delete", ""}},
                        .headers = {{"content-md5", content_md5(*body)}},
                        .body = body};
  TRY_ASSIGN(Answer answer, send_done(request));
  const auto left = parse_not_deleted(answer.http.body);
  if (!left) return fail(exchange_->nonsense("it does not say what it has deleted"));
  if (left->count == 0) return {};
  answer.code = left->code == "AccessDenied" ? left->code : "";
  return fail(exchange_->refusal({.method = "DELETE"}, answer));
}

Result<> Client::remove_all(const std::vector<std::string>& keys) const {
  std::vector<std::string> many;
  for (const std::string& key : keys) {
    if (can_stand_in_xml(key))
      many.push_back(key);
    else
      TRY(remove(key));
  }
  const std::span<const std::string> all(many);
  for (size_t at = 0; at < all.size(); at += kDeletedAtOnce)
    TRY(remove_some(all.subspan(at, std::min(kDeletedAtOnce, all.size() - at))));
  return {};
}

}  // namespace vigie::store::s3
