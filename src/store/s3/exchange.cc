#include "store/s3/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/hash.h"
#include "store/s3/xml.h"

namespace vigie::store::s3 {
namespace {

using namespace std::chrono_literals;

constexpr int kTries = 4;
constexpr int kPatientTries = 8;
constexpr Duration kFirstPause = 200ms;
constexpr Duration kLongestPause = 10s;
constexpr Duration kConnect = 10s;
constexpr Duration kStall = 60s;
// What a request may take in all: a minute, and time for its bytes over a slow line.
constexpr uint64_t kSlowest = uint64_t{16} << 10;  // bytes a second
constexpr size_t kMostCode = 64;

Duration time_for(const Request& request) {
  const uint64_t out = request.body ? request.body->size() : 0;
  return kStall + std::chrono::seconds((out + request.max_answer.count) / kSlowest);
}

// "AccessDenied": what a server writes there is shown only when it is such a word.
bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= kMostCode && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
  });
}

// Of <Error><Code>…; a POST may be answered with 200 and an error. What a GET brings with 200 is
// somebody's bytes.
std::string code_in(const Request& request, const platform::HttpAnswer& answer) {
  if (answer.status < 300 && request.method != "POST") return {};
  const auto xml = parse_xml(answer.body);
  if (!xml || xml->name != "Error") return {};
  const std::string_view code = xml->text_of("Code");
  return is_code(code) ? std::string(code) : "Error";
}

bool is_worth_repeating(const Answer& answer) {
  constexpr std::array<int, 6> kStatuses{408, 429, 500, 502, 503, 504};
  // The last three: what came is not what was sent.
  constexpr std::array<std::string_view, 6> kCodes{
      "InternalError", "SlowDown", "RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch",
      "IncompleteBody"};
  return std::ranges::find(kStatuses, answer.status) != kStatuses.end() ||
         std::ranges::find(kCodes, answer.code) != kCodes.end();
}

// A file of credentials is not there, or half of it, while it is being replaced.
bool may_pass(const Error& error) {
  return error.code() == ErrorCode::store_unreachable ||
         error.code() == ErrorCode::secret_file_missing ||
         error.code() == ErrorCode::secret_file_invalid;
}

struct Words {
  std::string_view code;
  std::string_view reason;
};
constexpr std::array<Words, 16> kWords{{
    {"AccessDenied", "its key may not do that"},
    {"InvalidAccessKeyId", "it does not know the access key"},
    {"SignatureDoesNotMatch", "the secret key is not the access key's"},
    {"ExpiredToken", "the session token has expired"},
    {"InvalidToken", "the session token is not valid"},
    {"NoSuchBucket", "there is no such bucket"},
    {"AllAccessDisabled", "the bucket is closed to everybody"},
    {"RequestTimeTooSkewed", "the clocks of this host and of the server differ too much"},
    {"PermanentRedirect", "the bucket lies in another region, or behind another endpoint"},
    {"AuthorizationHeaderMalformed", "the bucket lies in another region"},
    {"QuotaExceeded", "its quota is used up"},
    {"InvalidArgument", "it does not take an option of the configuration, or of the request"},
    {"NotImplemented", "it does not know this kind of request"},
    {"InvalidRequest", "it does not take a request of this form"},
    {"ObjectLocked", "an object lock keeps the object"},
    {"NoSuchKey", "there is no such object"},
}};

std::string_view reason_of(const Request& request, const Answer& answer) {
  if (answer.code == "AccessDenied" && request.method == "DELETE")
    return "its key may not delete, or an object lock keeps the object";
  const auto* const found = std::ranges::find(kWords, answer.code, &Words::code);
  if (found != kWords.end()) return found->reason;
  if (answer.status >= 300 && answer.status < 400)
    return "it sends elsewhere: the endpoint or the region is another one";
  if (answer.status == 403) return "its key may not do that";
  return "see its documentation";
}

std::string said(const Answer& answer) {
  return answer.code.empty() ? fmt::format("{}", answer.status)
                             : fmt::format("{} {}", answer.status, answer.code);
}

std::string authority(const S3Options& options) {
  const std::string host = options.endpoint.substr(options.endpoint.find("://") + 3);
  return options.path_style ? host : options.bucket + "." + host;
}

std::string path_of(const S3Options& options, const std::string& key) {
  const std::string bucket = options.path_style ? "/" + options.bucket : "";
  if (key.empty()) return bucket.empty() ? "/" : bucket;
  return bucket + "/" + encoded_path(key);
}

// What is left until the work's deadline, which is of the injected clock.
Duration left(const platform::Clock& clock, MonoTime deadline) {
  if (deadline == MonoTime::max()) return Duration::max();
  return std::chrono::duration_cast<Duration>(deadline - clock.monotonic());
}

}  // namespace

Exchange::Exchange(std::string store, S3Options options, std::shared_ptr<platform::HttpClient> http,
                   const platform::Clock& clock)
    : store_(std::move(store)),
      options_(std::move(options)),
      host_(authority(options_)),
      http_(std::move(http)),
      clock_(clock) {}

Error Exchange::unreachable(std::string reason) const {
  return Error(ErrorCode::store_unreachable, {{"store", store_}, {"reason", std::move(reason)}});
}

Error Exchange::nonsense(std::string reason) const {
  return unreachable(std::move(reason));
}

Error Exchange::refusal(const Request& request, const Answer& answer) const {
  return Error(ErrorCode::store_refused, {{"store", store_},
                                          {"code", said(answer)},
                                          {"reason", std::string(reason_of(request, answer))}});
}

Result<platform::HttpRequest> Exchange::signed_request(const Request& request) const {
  TRY_ASSIGN(const Credentials credentials, read_credentials(options_.credentials_file));
  Unsigned plain{request.method, host_,           path_of(options_, request.key),
                 request.query,  request.headers, {},
                 options_.region};
  plain.payload_sha256 = !request.body_sha256.empty()
                             ? request.body_sha256
                             : sha256_hex(request.body ? std::string_view(*request.body) : "");
  platform::HttpRequest out;
  out.name = "store " + store_;
  const std::string scheme = options_.endpoint.substr(0, options_.endpoint.find("://") + 3);
  const std::string query = encoded_query(request.query);
  out.url = Secret(scheme + host_ + plain.path + (query.empty() ? "" : "?" + query));
  out.method = request.method;
  out.headers = signed_headers(plain, credentials, clock_.now());
  if (request.body) out.headers.emplace_back("content-type", "application/octet-stream");
  out.shared_body = request.body;
  out.max_answer = request.max_answer;
  out.max_redirects = 0;  // what is signed is for this host
  out.ca_file = options_.ca_file;
  out.connect_within = kConnect;
  out.stalled_after = kStall;
  out.max_send_rate = options_.max_upload_rate;
  return out;
}

Result<platform::HttpAnswer> Exchange::transfer(const Request& request, const CallLimits& limits) {
  TRY_ASSIGN(const platform::HttpRequest http, signed_request(request));
  const Duration time = std::min(time_for(request), left(clock_, limits.deadline));
  return http_->send(http, MonoTime::clock::now() + time, limits.stop);
}

// Its errors: may_pass() says which are worth another attempt.
Result<Answer> Exchange::send_once(const Request& request, const CallLimits& limits) {
  platform::Turns::Turn turn;
  if (options_.max_upload_rate.count > 0 && request.body) {
    TRY_ASSIGN(turn, uploads_.take(limits, "an upload"));
  }
  auto http = transfer(request, limits);
  turn.reset();
  if (http) {
    std::string code = code_in(request, *http);
    return Answer{http->status, std::move(code), std::move(*http)};
  }
  switch (http.error().code()) {
    case ErrorCode::peer_unreachable:
      return fail(unreachable(std::string(http.error().parameter("reason"))));
    case ErrorCode::limit_exceeded:  // it says nothing of what is stored there
      return fail(unreachable("its answer is longer than what was asked for"));
    case ErrorCode::deadline_exceeded:
      if (left(clock_, limits.deadline) <= Duration::zero()) break;
      return fail(unreachable(
          fmt::format("it did not answer within {}", format_duration(time_for(request)))));
    default:
      break;
  }
  return fail(http.error());
}

Result<> Exchange::pause(int attempt, const CallLimits& limits) const {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const Duration whole = std::min(kLongestPause, kFirstPause * (1 << std::min(attempt, 10)));
  // Not all at once: whoever was refused at the same time.
  const Duration wait = whole / 2 + whole * (random() % 1000) / 2000;
  if (left(clock_, limits.deadline) <= wait)
    return fail(unreachable("no time is left for another attempt"));
  clock_.sleep_until(clock_.monotonic() + wait, limits.stop);
  if (limits.stop.stop_requested())
    return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
  return {};
}

Result<Answer> Exchange::send(const Request& request, const CallLimits& limits) {
  const int tries = request.patient ? kPatientTries : kTries;
  for (int attempt = 0;; ++attempt) {
    auto answer = send_once(request, limits);
    const bool broken = !answer && may_pass(answer.error());
    const bool at_wits_end = answer && is_worth_repeating(*answer);
    if (!broken && !at_wits_end) return answer;
    if (attempt + 1 >= tries)
      return broken ? answer : fail(unreachable("it answers " + said(*answer)));
    if (const auto paused = pause(attempt, limits); !paused) {
      const bool no_time = paused.error().code() == ErrorCode::store_unreachable;
      return no_time && broken ? answer : fail(paused.error());
    }
  }
}

}  // namespace vigie::store::s3
