#include "proof/pods.h"

#include <fmt/format.h>

#include "base/encoding.h"

namespace vigie::proof {
namespace {

constexpr size_t kMostPods = 100;  // that are looked at; more have never one running among them
constexpr int kUnauthorised = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

bool succeeded(int status) {
  return status >= 200 && status < 300;
}

std::string text_at(const json::object& object, std::string_view section, std::string_view key) {
  const json::object* const below = find_object(object, section);
  const json::string* const found = below == nullptr ? nullptr : find_string(*below, key);
  return found == nullptr ? std::string() : printable(*found, 253);
}

// Why a volume stays unknown; what ends the work is no reason.
Result<> noted(const Result<>& done, std::string_view what, std::vector<std::string>& sentences) {
  if (done) return {};
  if (done.error().code() == ErrorCode::cancelled) return done;
  const std::string_view reason = done.error().parameter("reason");
  sentences.push_back(
      fmt::format("{} is not known: {}", what,
                  reason.empty() ? done.error().detail(Audience::everybody) : reason));
  return {};
}

}  // namespace

platform::KubernetesAccessFn kubernetes_access(const KubernetesOptions& options,
                                               platform::FileSystem& files) {
  if (!options.kubeconfig.empty())
    return [&files, file = options.kubeconfig] { return platform::read_kubeconfig(files, file); };
  return [&files] {
    return platform::read_service_account(files, platform::ServiceAccount::of_this_pod());
  };
}

Result<std::string> read_server_address(platform::PgConnection& session, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query("select host(inet_server_addr())", limits));
  return std::string(rows->at(0, 0));
}

std::vector<Pod> running_ones(std::vector<Pod> pods) {
  std::erase_if(pods, [](const Pod& one) { return !one.running || one.ending; });
  return pods;
}

Result<Pods> Pods::open(platform::KubernetesApi& api, const std::string& proof,
                        const KubernetesOptions& options) {
  std::string name_space = options.name_space;
  if (name_space.empty()) {
    TRY_ASSIGN(name_space, api.own_namespace());
  }
  return Pods(api, proof, options, std::move(name_space));
}

std::string Pods::words() const {
  const bool by_name = !options_->pod.empty();
  return fmt::format("{} {} in namespace {}", by_name ? "pod" : "selector",
                     by_name ? options_->pod : options_->selector, name_space_);
}

std::string Pods::path_of(std::string_view resource, std::string_view name) const {
  std::string path = fmt::format("/api/v1/namespaces/{}/{}", percent_encode(name_space_), resource);
  return name.empty() ? path : path + "/" + percent_encode(name);
}

// A server that is in trouble may have heard or not: that is no refusal.
Error Pods::refused(int status, const std::string& what) const {
  if (status >= 500 || status == 429)
    return Error(ErrorCode::peer_unreachable,
                 {{"name", std::string(platform::kKubernetesPeer)},
                  {"reason", fmt::format("it answers with status {}", status)}});
  std::string reason = fmt::format("the Kubernetes API answers with status {} ({})", status, what);
  if (status == kUnauthorised) reason = "the Kubernetes API does not take the credentials (401)";
  if (status == kForbidden)
    reason = fmt::format("the Kubernetes API does not allow to {} (403)", what);
  if (status == kNotFound) reason = fmt::format("it is not there: {} (404)", what);
  if (status == kConflict) reason = "another pod has its name by now (409)";
  return could_not(std::move(reason));
}

Error Pods::could_not(std::string reason) const {
  return Error(ErrorCode::durability_fault, {{"name", *proof_}, {"reason", std::move(reason)}});
}

Result<Pod> Pods::of_server(const ServerPlace& server, const CallLimits& limits) const {
  if (server.address.empty()) return fail(could_not(std::string(kNoAddress)));
  TRY_ASSIGN(auto pods, named(limits));
  pods = running_ones(std::move(pods));
  const size_t running = pods.size();
  std::erase_if(pods, [&](const Pod& one) { return !one.has_address(server.address); });
  if (pods.size() == 1) return std::move(pods.front());
  return fail(could_not(fmt::format("{} of {} running pods have the server's address ({})",
                                    pods.size(), running, words())));
}

Result<std::vector<Pod>> Pods::named(const CallLimits& limits) const {
  return options_->pod.empty() ? selected(limits) : one(limits);
}

Result<std::vector<Pod>> Pods::one(const CallLimits& limits) const {
  TRY_ASSIGN(const auto answer, api_->get(path_of("pods", options_->pod), limits));
  if (answer.status == kNotFound) return std::vector<Pod>();
  if (!succeeded(answer.status))
    return fail(refused(answer.status, "get pods in namespace " + name_space_));
  std::vector<Pod> pods;
  if (auto pod = parse_pod(answer.object)) pods.push_back(std::move(*pod));
  return pods;
}

Result<std::vector<Pod>> Pods::selected(const CallLimits& limits) const {
  const std::string path = fmt::format("{}?labelSelector={}&limit={}", path_of("pods", ""),
                                       percent_encode(options_->selector), kMostPods);
  TRY_ASSIGN(const auto answer, api_->get(path, limits));
  if (!succeeded(answer.status))
    return fail(refused(answer.status, "list pods in namespace " + name_space_));
  std::vector<Pod> pods;
  if (const json::array* const items = find_array(answer.object, "items"))
    for (const json::value& item : *items)
      if (auto pod = parse_pod(item)) pods.push_back(std::move(*pod));
  return pods;
}

Result<std::vector<std::string>> Pods::read_claims(Pod& pod, const CallLimits& limits) const {
  std::vector<std::string> unknown;
  for (PodVolume& volume : pod.volumes) {
    if (volume.claim.empty()) continue;
    TRY(noted(read_claim(volume, limits), "the volume of claim " + volume.claim, unknown));
    if (volume.volume.empty()) continue;
    TRY(noted(read_volume(volume, limits), "the reclaim policy of volume " + volume.volume,
              unknown));
  }
  return unknown;
}

Result<> Pods::read_claim(PodVolume& volume, const CallLimits& limits) const {
  TRY_ASSIGN(const auto answer, api_->get(path_of("persistentvolumeclaims", volume.claim), limits));
  if (!succeeded(answer.status))
    return fail(refused(answer.status, "get persistentvolumeclaims in namespace " + name_space_));
  volume.claim_uid = text_at(answer.object, "metadata", "uid");
  volume.volume = text_at(answer.object, "spec", "volumeName");
  return {};
}

Result<> Pods::read_volume(PodVolume& volume, const CallLimits& limits) const {
  TRY_ASSIGN(const auto answer,
             api_->get("/api/v1/persistentvolumes/" + percent_encode(volume.volume), limits));
  if (!succeeded(answer.status)) return fail(refused(answer.status, "get persistentvolumes"));
  volume.reclaim_policy = text_at(answer.object, "spec", "persistentVolumeReclaimPolicy");
  return {};
}

Result<> Pods::remove(const Pod& pod, Duration grace, const CallLimits& limits) const {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(grace).count();
  const json::object options{{"apiVersion", "v1"},
                             {"kind", "DeleteOptions"},
                             {"gracePeriodSeconds", seconds},
                             {"preconditions", {{"uid", pod.uid}}}};
  TRY_ASSIGN(const auto answer, api_->remove(path_of("pods", pod.name), options, limits));
  if (succeeded(answer.status)) return {};
  return fail(refused(answer.status, "delete pods in namespace " + name_space_));
}

Result<bool> Pods::may(std::string_view verb, std::string_view resource,
                       const CallLimits& limits) const {
  json::object attributes{{"verb", verb}, {"resource", resource}};
  if (resource != "persistentvolumes") attributes["namespace"] = name_space_;
  if (resource == "pods" && !options_->pod.empty()) attributes["name"] = options_->pod;
  const json::object review{{"apiVersion", "authorization.k8s.io/v1"},
                            {"kind", "SelfSubjectAccessReview"},
                            {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  TRY_ASSIGN(const auto answer,
             api_->post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, limits));
  if (!succeeded(answer.status)) return fail(refused(answer.status, "ask for its own rights"));
  const json::object* const status = find_object(answer.object, "status");
  const json::value* const allowed = status == nullptr ? nullptr : find_value(*status, "allowed");
  return allowed != nullptr && allowed->is_bool() && allowed->get_bool();
}

PodFinder make_pod_finder(platform::HttpClient& http, platform::FileSystem& files,
                          const DurabilityOptions& options) {
  if (!options.kubernetes.names_one()) return {};
  return [&http, &files, options](const ServerPlace& server,
                                  const CallLimits& limits) -> Result<FoundPod> {
    platform::KubernetesApi api(http, kubernetes_access(options.kubernetes, files));
    TRY_ASSIGN(const auto pods, Pods::open(api, options.name, options.kubernetes));
    FoundPod found;
    TRY_ASSIGN(found.pod, pods.of_server(server, limits));
    if (!server.data_directory.empty()) found.pod.find_data(server.data_directory);
    TRY_ASSIGN(found.unknown, pods.read_claims(found.pod, limits));
    return found;
  };
}

}  // namespace vigie::proof
