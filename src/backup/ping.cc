#include "backup/ping.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/log.h"
#include "platform/secret_file.h"

namespace vigie::backup {
namespace {

std::string_view suffix(PingKind kind) {
  switch (kind) {
    case PingKind::start:
      return "/start";
    case PingKind::failure:
      return "/fail";
    case PingKind::success:
      break;
  }
  return "";
}

// What a peer or a library may show of an address without its host.
Secret path_of(const Secret& url) {
  const std::string& text = url.reveal();
  const size_t scheme = text.find("://");
  const size_t path = scheme == std::string::npos ? scheme : text.find('/', scheme + 3);
  return Secret(path == std::string::npos ? "" : text.substr(path));
}

}  // namespace

std::string ping_address(std::string url, PingKind kind) {
  const size_t query = std::min(url.find('?'), url.size());
  const size_t path_end = query > 0 && url[query - 1] == '/' ? query - 1 : query;
  return url.substr(0, path_end) + std::string(suffix(kind)) + url.substr(query);
}

Result<> ping(platform::HttpClient& client, const platform::Clock& clock,
              const std::string& url_file, PingKind kind, const Work& work) {
  TRY_ASSIGN(const Secret url, platform::read_secret_file(url_file, 4_KiB));
  platform::HttpRequest request;
  request.name = "ping";
  request.url = Secret(ping_address(url.reveal(), kind));
  platform::known_secrets().add(path_of(url));
  request.max_answer = 64_KiB;
  // The end of a run that was cancelled must be told too: its own stop token does not count here.
  const auto deadline = clock.monotonic() + std::chrono::seconds(10);
  TRY_ASSIGN(
      const auto answer,
      client.send(request, deadline, kind == PingKind::start ? work.stop : std::stop_token()));
  if (answer.status < 200 || answer.status > 299) {
    return fail(ErrorCode::ping_failed, {{"code", fmt::format("{}", answer.status)}});
  }
  return {};
}

}  // namespace vigie::backup
