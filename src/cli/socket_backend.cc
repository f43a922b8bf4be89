#include "cli/backend.h"
#include "platform/http_client.h"

namespace vigie::cli {
namespace {

using namespace std::chrono_literals;

// For the first word: a daemon that is at work answers at once, and a hung one never will.
constexpr auto kPatience = 2s;

class SocketBackend final : public Backend {
 public:
  explicit SocketBackend(platform::Path socket)
      : socket_(std::move(socket)), client_(platform::make_http_client()) {}

  Result<Answer> ask(const Ask& ask) override {
    auto answer = ask_within(ask, 60s);
    if (answer) return answer;
    const bool late = answer.error().code() == ErrorCode::deadline_exceeded;
    if (!late && answer.error().code() != ErrorCode::peer_unreachable) return answer;
    return fail(ErrorCode::daemon_unreachable,
                {{"path", socket_.string()},
                 {"reason", late ? "no answer within 60 s"
                                 : std::string(answer.error().parameter("reason"))}});
  }

  std::string configuration_sha256() override {
    const auto answer = ask_within({.target = "/readiness"}, kPatience);
    const json::object* document = answer ? answer->body.if_object() : nullptr;
    const json::object* data = document == nullptr ? nullptr : find_object(*document, "data");
    const json::string* sha256 =
        data == nullptr ? nullptr : find_string(*data, "configuration_sha256");
    return sha256 == nullptr ? "" : std::string(*sha256);
  }

 private:
  Result<Answer> ask_within(const Ask& ask, std::chrono::seconds patience) {
    platform::HttpRequest request;
    request.name = "the daemon";
    request.url = Secret("http://localhost" + ask.target);
    request.unix_socket = socket_.string();
    request.method = ask.method;
    request.max_answer = 64_MiB;
    if (!ask.body.is_null()) {
      request.body = canonical_json(ask.body);
      request.headers.emplace_back("Content-Type", "application/json");
    }
    TRY_ASSIGN(const auto answer,
               client_->send(request, std::chrono::steady_clock::now() + patience, {}));
    auto body = parse_json(answer.body, {.max_bytes = size_t{64} << 20});
    return Answer{answer.status, body ? std::move(*body) : json::value(nullptr)};
  }

  platform::Path socket_;
  std::unique_ptr<platform::HttpClient> client_;
};

}  // namespace

std::unique_ptr<Backend> make_socket_backend(const platform::Path& socket) {
  return std::make_unique<SocketBackend>(socket);
}

std::optional<Refusal> refusal_of(const Answer& answer) {
  const json::object* problem = answer.body.if_object();
  const json::string* code = problem == nullptr ? nullptr : find_string(*problem, "code");
  const ErrorInfo* info = code == nullptr ? nullptr : find_error_info(*code);
  if (info == nullptr) return std::nullopt;
  const json::string* detail = find_string(*problem, "detail");
  const json::string* next = find_string(*problem, "next");
  return Refusal{info, detail == nullptr ? "" : std::string(*detail),
                 next == nullptr ? "" : std::string(*next)};
}

}  // namespace vigie::cli
