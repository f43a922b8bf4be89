// A Kubernetes API: one request at a time, JSON both ways. Who asks is read anew at each request
// (tokens rotate); redirects are not followed, the answer's size and depth are bounded, and what
// the API says in words stays out of errors.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/work.h"
#include "platform/http_client.h"
#include "platform/kubeconfig.h"

namespace vigie::platform {

inline constexpr std::string_view kKubernetesPeer = "the Kubernetes API";  // in errors
inline constexpr Bytes kKubernetesAnswer = 4_MiB;
inline constexpr Duration kKubernetesCall = std::chrono::seconds(10);  // one request, at most

using KubernetesAccessFn = std::function<Result<KubernetesAccess>()>;

struct KubernetesAnswer {
  int status = 0;
  json::object object;  // empty where the API refuses in another form
};

// Thread-safe when the function is. `http` must outlive it.
class KubernetesApi {
 public:
  KubernetesApi(HttpClient& http, KubernetesAccessFn access)
      : http_(http), access_(std::move(access)) {}

  // `path`: "/api/v1/namespaces/…", its parts percent-encoded. Any status is an answer. Errors:
  // peer_unreachable (also: a success that is no JSON object), deadline_exceeded, cancelled,
  // limit_exceeded, and those of reading who asks.
  Result<KubernetesAnswer> get(const std::string& path, const CallLimits& limits);
  Result<KubernetesAnswer> post(const std::string& path, const json::object& body,
                                const CallLimits& limits);
  Result<KubernetesAnswer> remove(const std::string& path, const json::object& options,
                                  const CallLimits& limits);

  // That of the context, or of this pod.
  Result<std::string> own_namespace() const;

 private:
  Result<KubernetesAnswer> send(std::string method, const std::string& path, std::string body,
                                const CallLimits& limits);

  HttpClient& http_;
  const KubernetesAccessFn access_;
};

}  // namespace vigie::platform
