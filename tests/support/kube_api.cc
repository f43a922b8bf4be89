#include "tests/support/kube_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "base/yaml.h"
#include "platform/kubernetes.h"
#include "tests/support/contents.h"
#include "tests/support/free_port.h"
#include "tests/support/server_script.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBindirVariable = "VIGIE_TEST_KUBE_BINDIR";

std::string bindir() {
  const char* const named = std::getenv(kBindirVariable);
  return named == nullptr ? "" : named;
}

json::value to_json(const yaml::Node& node) {
  if (node.is_scalar()) return json::value(node.text);
  if (node.kind == yaml::Kind::sequence) {
    json::array items;
    for (const yaml::Node& item : node.items) items.push_back(to_json(item));
    return items;
  }
  json::object object;
  for (const yaml::Entry& entry : node.entries) object[entry.key] = to_json(entry.value);
  return object;
}

std::vector<json::object> documents_of(std::string text) {
  constexpr std::string_view kBetween = "\n---\n";
  std::vector<json::object> documents;
  while (!text.empty()) {
    const size_t end = std::min(text.find(kBetween), text.size());
    Problems problems("manifest");
    const auto node = yaml::parse(std::string_view(text).substr(0, end), problems);
    if (problems.has_mistakes()) throw std::runtime_error("a manifest that is no YAML");
    documents.push_back(to_json(*node).as_object());
    text.erase(0, end == text.size() ? end : end + kBetween.size());
  }
  return documents;
}

std::string text_at(const json::object& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}

// Where objects of that kind are made.
std::string collection_of(const json::object& object) {
  const std::string version = text_at(object, "apiVersion");
  std::string kind = text_at(object, "kind") + "s";
  std::ranges::transform(kind, kind.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  std::string path = (version == "v1" ? "/api/" : "/apis/") + version;
  const json::object& metadata = object.at("metadata").as_object();
  if (metadata.contains("namespace")) path += "/namespaces/" + text_at(metadata, "namespace");
  return path + "/" + kind;
}

}  // namespace

struct KubeApi::Running {
  ServerScript script;
  int port = free_port();
  std::unique_ptr<platform::HttpClient> http = platform::make_http_client(1);

  platform::Path file(std::string_view name) const { return script.folder() / name; }

  bool start() {
    return script.start("kube_apiserver.sh",
                        {bindir(), script.folder().string(), std::to_string(free_port()),
                         std::to_string(free_port()), std::to_string(port)},
                        5min);
  }

  platform::HttpAnswer send(const std::string& method, const std::string& path,
                            const json::object& body) {
    const auto access = platform::read_kubeconfig(platform::real_file_system(), file("kubeconfig"));
    if (!access) throw std::runtime_error(access.error().detail(Audience::operators));
    platform::HttpRequest request;
    request.name = "the test's kube-apiserver";
    request.url = Secret(access->server + path);
    request.method = method;
    request.headers = {{"Content-Type", "application/json"}};
    if (!body.empty()) request.body = json_text(body);
    request.authority = access->authority;
    request.client_certificate = access->certificate;
    request.client_key = access->key;
    const auto answer = http->send(request, MonoTime::clock::now() + 1min, {});
    if (!answer) throw std::runtime_error(answer.error().detail(Audience::operators));
    return *answer;
  }
};

bool KubeApi::possible() {
  return std::filesystem::exists(platform::Path(bindir()) / "kube-apiserver");
}

KubeApi::KubeApi() : running_(std::make_unique<Running>()) {
  if (!running_->start())
    throw std::runtime_error(
        "the Kubernetes API does not start: " + contents(running_->file("output")) +
        contents(running_->file("apiserver.log")));
}

KubeApi::~KubeApi() = default;

KubeApi& KubeApi::shared() {
  static KubeApi one;
  return one;
}

json::object KubeApi::ask(const std::string& method, const std::string& path,
                          const json::object& body) {
  const auto answer = running_->send(method, path, body);
  if (answer.status >= 300)
    throw std::runtime_error(fmt::format("{} {}: {} {}", method, path, answer.status, answer.body));
  return parse_json(answer.body, {.max_bytes = 4 << 20, .max_depth = 64})->as_object();
}

int KubeApi::status_of(const std::string& method, const std::string& path,
                       const json::object& body) {
  return running_->send(method, path, body).status;
}

void KubeApi::apply(const platform::Path& file) {
  for (const json::object& one : documents_of(contents(file))) ask("POST", collection_of(one), one);
}

platform::Path KubeApi::kubeconfig() const {
  return running_->file("kubeconfig");
}

platform::Path KubeApi::kubeconfig_of(const std::string& name_space, const std::string& account,
                                      const std::string& name) {
  const json::object answer = ask(
      "POST", fmt::format("/api/v1/namespaces/{}/serviceaccounts/{}/token", name_space, account),
      {{"apiVersion", "authentication.k8s.io/v1"},
       {"kind", "TokenRequest"},
       {"spec", {{"expirationSeconds", 3600}}}});
  const platform::Path file = running_->file(name);
  std::ofstream(file) << fmt::format(
      "clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: "
      "ca.crt}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\ncontexts: [{{name: x, context: "
      "{{cluster: c, user: u}}}}]\ncurrent-context: x\n",
      running_->port, text_at(answer.at("status").as_object(), "token"));
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  return file;
}

}  // namespace vigie::testing
