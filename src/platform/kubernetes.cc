#include "platform/kubernetes.h"

#include <algorithm>

namespace vigie::platform {
namespace {

constexpr JsonLimits kLimits{kKubernetesAnswer.count, 64};

HttpRequest request_by(const KubernetesAccess& access, const std::string& path) {
  HttpRequest request;
  request.name = kKubernetesPeer;
  request.url = Secret(access.server + path);
  request.headers = {{"Accept", "application/json"}};
  if (!access.token.empty())
    request.headers.emplace_back("Authorization", "Bearer " + access.token.reveal());
  request.authority = access.authority;
  request.client_certificate = access.certificate;
  request.client_key = access.key;
  request.max_answer = kKubernetesAnswer;
  request.max_redirects = 0;
  return request;
}

Result<KubernetesAnswer> understood(const HttpAnswer& answer) {
  auto value = parse_json(answer.body, kLimits);
  if (value && value->is_object())
    return KubernetesAnswer{answer.status, std::move(value->get_object())};
  if (answer.status >= 300) return KubernetesAnswer{answer.status, {}};
  return fail(ErrorCode::peer_unreachable, {{"name", std::string(kKubernetesPeer)},
                                            {"reason", "what it answers is no JSON object"}});
}

}  // namespace

Result<KubernetesAnswer> KubernetesApi::get(const std::string& path, const CallLimits& limits) {
  return send("GET", path, "", limits);
}

Result<KubernetesAnswer> KubernetesApi::post(const std::string& path, const json::object& body,
                                             const CallLimits& limits) {
  return send("POST", path, json_text(body), limits);
}

Result<KubernetesAnswer> KubernetesApi::remove(const std::string& path, const json::object& options,
                                               const CallLimits& limits) {
  return send("DELETE", path, json_text(options), limits);
}

Result<KubernetesAnswer> KubernetesApi::send(std::string method, const std::string& path,
                                             std::string body, const CallLimits& limits) {
  TRY_ASSIGN(const KubernetesAccess access, access_());
  HttpRequest request = request_by(access, path);
  request.method = std::move(method);
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  const MonoTime latest = MonoTime::clock::now() + kKubernetesCall;
  TRY_ASSIGN(const HttpAnswer answer,
             http_.send(request, std::min(limits.deadline, latest), limits.stop));
  return understood(answer);
}

Result<std::string> KubernetesApi::own_namespace() const {
  TRY_ASSIGN(KubernetesAccess access, access_());
  return std::move(access.name_space);
}

}  // namespace vigie::platform
