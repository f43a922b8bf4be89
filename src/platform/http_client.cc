#include "platform/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <mutex>

#include "platform/detached.h"
#include "platform/wait.h"

namespace vigie::platform {
namespace {

constexpr size_t kMostHeader = 64 << 10;
constexpr int kMostTransfers = 256;  // more than all writers of a store, and the rest beside them
constexpr int kLook = 1000;          // ms; curl has timers of its own
// Pieces in which large bodies move; curl's own are of 16 and 64 KiB.
constexpr long kLargeBuffer = 512 << 10;
constexpr size_t kLarge = 1 << 20;

struct FreeEasy {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

// What has come so far. curl's callbacks write to it; a short count ends the transfer.
struct Incoming {
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  size_t announced = 0;  // Content-Length, when there is one
  size_t header_bytes = 0;
  size_t limit = 0;
  bool too_much = false;
};

size_t take_body(char* data, size_t size, size_t count, void* user) {
  auto& in = *static_cast<Incoming*>(user);
  in.too_much = in.too_much || in.body.size() + size * count > in.limit;
  if (in.too_much) return 0;
  if (in.body.empty()) in.body.reserve(std::min(in.limit, in.announced));
  in.body.append(data, size * count);
  return size * count;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

void keep_header(Incoming& in, std::string_view line) {
  // Each answer of a chain of redirects begins anew.
  if (line.starts_with("HTTP/")) {
    in.headers.clear();
    in.announced = 0;
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const auto& [name, value] =
      in.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  if (name == "content-length")
    (void)std::from_chars(value.data(), value.data() + value.size(), in.announced);
}

size_t take_header(char* data, size_t size, size_t count, void* user) {
  auto& in = *static_cast<Incoming*>(user);
  in.header_bytes += size * count;
  in.too_much = in.too_much || in.header_bytes > kMostHeader;
  if (in.too_much) return 0;
  keep_header(in, {data, size * count});
  return size * count;
}

Error unreachable(const HttpRequest& request, std::string reason) {
  return Error(ErrorCode::peer_unreachable,
               {{"name", request.name}, {"reason", std::move(reason)}});
}

Error late(const HttpRequest& request, MonoTime::duration after) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(after);
  return Error(ErrorCode::deadline_exceeded,
               {{"name", request.name}, {"seconds", std::to_string(seconds.count())}});
}

// curl keeps its connections in the first of the two.
struct Handles {
  std::unique_ptr<CURLM, FreeMulti> multi{::curl_multi_init()};
  std::unique_ptr<CURL, FreeEasy> easy{::curl_easy_init()};
};

// Handles whose connection waits for the next request. Thread-safe.
class IdleHandles {
 public:
  explicit IdleHandles(size_t most) : most_(most) {}

  Handles take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return {};
    Handles out = std::move(idle_.back());
    idle_.pop_back();
    return out;
  }
  void keep(Handles handles) {
    ::curl_easy_reset(handles.easy.get());
    const std::lock_guard lock(mutex_);
    if (idle_.size() < most_) idle_.push_back(std::move(handles));
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::vector<Handles> idle_;  // guarded by mutex_
};

// One request. curl's own error text may hold the URL; its fixed descriptions do not.
class Transfer {
 public:
  Transfer(const HttpRequest& request, MonoTime deadline, Handles handles)
      : request_(request),
        deadline_(deadline),
        multi_(std::move(handles.multi)),
        easy_(std::move(handles.easy)) {
    incoming_.limit = request.max_answer.count;
  }
  ~Transfer() { leave(); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // After run().
  Handles give_back() {
    leave();
    return {std::move(multi_), std::move(easy_)};
  }

  Result<HttpAnswer> run(const StopSignal& stop) {
    if (!multi_ || !easy_) return fail(unreachable(request_, "no memory"));
    set_options();
    (void)::curl_multi_add_handle(multi_.get(), easy_.get());
    while (true) {
      int running = 0;
      (void)::curl_multi_perform(multi_.get(), &running);
      if (running == 0) return finished();
      if (stop.stopped()) {
        return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
      }
      if (MonoTime::clock::now() >= deadline_) return fail(late(request_, deadline_ - began_));
      curl_waitfd wake{stop.fd(), CURL_WAIT_POLLIN, 0};
      (void)::curl_multi_poll(multi_.get(), &wake, 1, std::min(poll_timeout(deadline_), kLook),
                              nullptr);
    }
  }

 private:
  void leave() {
    if (multi_ && easy_) (void)::curl_multi_remove_handle(multi_.get(), easy_.get());
  }

  template <class Value>
  void set(CURLoption option, Value value) {
    (void)::curl_easy_setopt(easy_.get(), option, value);
  }

  void set_options() {
    set(CURLOPT_URL, request_.url.reveal().c_str());
    if (!request_.unix_socket.empty()) {
      set(CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket.c_str());
    }
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, request_.max_redirects > 0 ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, static_cast<long>(request_.max_redirects));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_USERAGENT, "vigie");
    set_pace();
    if (!request_.ca_file.empty()) set(CURLOPT_CAINFO, request_.ca_file.c_str());
    set_certificates();
    set(CURLOPT_WRITEFUNCTION, &take_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&incoming_));
    set(CURLOPT_HEADERFUNCTION, &take_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&incoming_));
    set_body();
  }

  void set_pace() {
    const auto connect = std::chrono::ceil<std::chrono::milliseconds>(request_.connect_within);
    const long left = std::max(poll_timeout(deadline_), 1);
    set(CURLOPT_CONNECTTIMEOUT_MS,
        connect.count() > 0 ? std::min(left, static_cast<long>(connect.count())) : left);
    const auto stall = std::chrono::ceil<std::chrono::seconds>(request_.stalled_after);
    if (stall.count() > 0) {
      set(CURLOPT_LOW_SPEED_LIMIT, 1L);
      set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall.count()));
    }
    if (request_.max_send_rate.count > 0)
      set(CURLOPT_MAX_SEND_SPEED_LARGE, static_cast<curl_off_t>(request_.max_send_rate.count));
    if (body().size() > kLarge) set(CURLOPT_UPLOAD_BUFFERSIZE, kLargeBuffer);
    if (request_.max_answer.count > kLarge) set(CURLOPT_BUFFERSIZE, kLargeBuffer);
  }

  // What curl gets lies in the request, which outlives the transfer.
  void set_certificates() {
    const auto set_pem = [this](CURLoption option, const std::string& pem) {
      curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
      set(option, &blob);
    };
    if (!request_.authority.empty()) {
      set_pem(CURLOPT_CAINFO_BLOB, request_.authority);
      set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // curl would trust that as well
    }
    if (request_.client_certificate.empty()) return;
    set_pem(CURLOPT_SSLCERT_BLOB, request_.client_certificate);
    set_pem(CURLOPT_SSLKEY_BLOB, request_.client_key.reveal());
  }

  const std::string& body() const {
    return request_.shared_body ? *request_.shared_body : request_.body;
  }

  void set_body() {
    add_header("Expect:");  // or curl waits for a 100 that many peers do not send
    for (const auto& [name, value] : request_.headers) add_header(name + ": " + value);
    set(CURLOPT_HTTPHEADER, headers_.get());
    const bool explained = request_.method == "DELETE" && !body().empty();
    if (request_.method == "POST" || request_.method == "PUT" || explained) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body().size()));
      set(CURLOPT_POSTFIELDS, body().c_str());
    }
    if (request_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request_.method != "GET" && request_.method != "POST") {
      set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
  }

  void add_header(const std::string& line) {
    curl_slist* longer = ::curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return;
    (void)headers_.release();
    headers_.reset(longer);
  }

  Result<HttpAnswer> finished() {
    int left = 0;
    const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left);
    if (message == nullptr) return fail(unreachable(request_, "the transfer did not start"));
    const CURLcode code = message->data.result;
    if (incoming_.too_much) {
      return fail(ErrorCode::limit_exceeded, {{"name", "the answer of " + request_.name},
                                              {"observed", "its size"},
                                              {"limit", format_bytes(request_.max_answer)}});
    }
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) {
      return fail(ErrorCode::http_invalid_parameter,
                  {{"argument", request_.name}, {"expected", "an http or https URL"}});
    }
    // Also the time to connect, and that in which a byte must move.
    if (code == CURLE_OPERATION_TIMEDOUT && MonoTime::clock::now() >= deadline_)
      return fail(late(request_, deadline_ - began_));
    if (code != CURLE_OK) return fail(unreachable(request_, ::curl_easy_strerror(code)));
    long status = 0;
    (void)::curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    return HttpAnswer{static_cast<int>(status), std::move(incoming_.body),
                      std::move(incoming_.headers)};
  }

  const HttpRequest& request_;
  MonoTime deadline_;
  MonoTime began_ = MonoTime::clock::now();
  Incoming incoming_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, FreeEasy> easy_;
};

bool has_line_break(const std::string& text) {
  return text.find_first_of(std::string("\r\n\0", 3)) != std::string::npos;
}

// A transfer and what it works on: it may outlive the call, because curl cannot leave a look-up of
// a name before the system gives it up.
struct Work {
  HttpRequest request;
  MonoTime deadline;
  std::shared_ptr<IdleHandles> idle;
  std::stop_source stop;
  Result<HttpAnswer> answer = fail(ErrorCode::internal_error);
};

void transfer(Work& work) {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // of this thread, which ends with the transfer
  const StopSignal stop(work.stop.get_token());
  Transfer one(work.request, work.deadline, work.idle->take());
  work.answer = one.run(stop);
  if (work.answer) work.idle->keep(one.give_back());
}

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(size_t kept_connections)
      : idle_(std::make_shared<IdleHandles>(kept_connections)) {
    static std::once_flag once;
    std::call_once(once, [] { (void)::curl_global_init(CURL_GLOBAL_DEFAULT); });
  }

  Result<HttpAnswer> send(const HttpRequest& request, MonoTime deadline,
                          std::stop_token stop) override {
    TRY(check(request));
    static DetachedSlots slots(kMostTransfers);
    const MonoTime began = MonoTime::clock::now();
    const auto work = std::make_shared<Work>();
    work->request = request;
    work->deadline = deadline;
    work->idle = idle_;
    const WaitEnd end = run_detached(work, transfer, slots, deadline, StopSignal(stop));
    if (end == WaitEnd::ready) return std::move(work->answer);
    work->stop.request_stop();
    if (end == WaitEnd::deadline) return fail(late(request, deadline - began));
    return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
  }

 private:
  static Result<> check(const HttpRequest& request) {
    bool bad = has_line_break(request.url.reveal()) || has_line_break(request.method);
    for (const auto& [name, value] : request.headers) {
      bad = bad || has_line_break(name) || has_line_break(value);
    }
    if (!bad) return {};
    return fail(ErrorCode::http_invalid_parameter,
                {{"argument", request.name}, {"expected", "a URL and headers of one line each"}});
  }

  const std::shared_ptr<IdleHandles> idle_;
};

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  const auto found =
      std::ranges::find(headers, name, [](const auto& one) { return std::string_view(one.first); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::unique_ptr<HttpClient> make_http_client(size_t kept_connections) {
  return std::make_unique<CurlClient>(kept_connections);
}

}  // namespace vigie::platform
