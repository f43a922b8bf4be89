#include "tests/support/kube_api.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "base/yaml.h"
#include "platform/descriptor.h"
#include "platform/kubernetes.h"
#include "platform/process.h"
#include "tests/support/contents.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_folder.h"

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
  TempFolder folder;
  int port = free_port();
  std::unique_ptr<platform::ProcessRunner> runner = platform::make_process_runner();
  std::unique_ptr<platform::Process> process;
  std::unique_ptr<platform::HttpClient> http = platform::make_http_client(1);

  bool start() {
    const platform::Descriptor log(
        ::open((folder / "output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    platform::Command command;
    command.program = "/bin/sh";
    command.arguments = {"-c",
                         "exec bash \"$0\" \"$@\" 2>&1",
                         std::string(VIGIE_SOURCE_DIR) + "/scripts/kube_apiserver.sh",
                         bindir(),
                         folder.path().string(),
                         std::to_string(free_port()),
                         std::to_string(free_port()),
                         std::to_string(port)};
    command.output = log.get();
    auto started = runner->start(command, {});
    if (!started) return false;
    process = std::move(*started);
    const auto until = MonoTime::clock::now() + 5min;
    while (!std::filesystem::exists(folder / "ready")) {
      if (!process->running() || MonoTime::clock::now() > until) return false;
      ::usleep(20'000);  // a script offers no event for "ready"
    }
    return true;
  }

  platform::HttpAnswer send(const std::string& method, const std::string& path,
                            const json::object& body) {
    const auto access =
        platform::read_kubeconfig(platform::real_file_system(), folder / "kubeconfig");
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
        "the Kubernetes API does not start: " + contents(running_->folder / "output") +
        contents(running_->folder / "apiserver.log"));
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
  return running_->folder / "kubeconfig";
}

platform::Path KubeApi::kubeconfig_of(const std::string& name_space, const std::string& account,
                                      const std::string& name) {
  const json::object answer = ask(
      "POST", fmt::format("/api/v1/namespaces/{}/serviceaccounts/{}/token", name_space, account),
      {{"apiVersion", "authentication.k8s.io/v1"},
       {"kind", "TokenRequest"},
       {"spec", {{"expirationSeconds", 3600}}}});
  const platform::Path file = running_->folder / name;
  std::ofstream(file) << fmt::format(
      "clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: "
      "ca.crt}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\ncontexts: [{{name: x, context: "
      "{{cluster: c, user: u}}}}]\ncurrent-context: x\n",
      running_->port, text_at(answer.at("status").as_object(), "token"));
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  return file;
}

}  // namespace vigie::testing
