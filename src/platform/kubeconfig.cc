#include "platform/kubeconfig.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/yaml.h"
#include "platform/kubernetes.h"
#include "platform/log.h"
#include "platform/secret_file.h"

namespace vigie::platform {
namespace {

constexpr yaml::Limits kLimits{kKubeconfigBytes, 16, 20'000, 16};
constexpr size_t kLongestName = 253;  // of a cluster's objects
constexpr size_t kLongestUrl = 2'000;
constexpr Bytes kPemBytes = 256_KiB;

struct Refused {
  std::string_view key;
  std::string_view expected;
};
constexpr std::array<Refused, 3> kRefusedOfCluster{
    {{"insecure-skip-tls-verify", "certificate-authority: the server is always verified"},
     {"tls-server-name", "a server whose certificate has the name that it is reached by"},
     {"proxy-url", "a server that is reached without a proxy"}}};
constexpr std::array<Refused, 8> kRefusedOfUser{
    {{"exec", "a token, tokenFile or client certificate: no program is run for one"},
     {"auth-provider", "a token, tokenFile or client certificate: no provider is asked for one"},
     {"username", "a token, tokenFile or client certificate"},
     {"password", "a token, tokenFile or client certificate"},
     {"as", "credentials of its own: it acts as nobody else"},
     {"as-uid", "credentials of its own: it acts as nobody else"},
     {"as-groups", "credentials of its own: it acts as nobody else"},
     {"as-user-extra", "credentials of its own: it acts as nobody else"}}};

std::optional<std::string> base64_decoded(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (size < 0 || static_cast<size_t>(size) < padding) return std::nullopt;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

bool is_plain(char c) {
  return c > ' ' && c < 0x7f;
}

// https, a host, and no more than a path: a user or a query in it would be a credential.
bool is_server(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  return url.starts_with(kScheme) && url.size() > kScheme.size() && url[kScheme.size()] != '/' &&
         url.size() <= kLongestUrl && std::ranges::all_of(url, is_plain) &&
         url.find_first_of("@?#\\") == std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  Result<Kubeconfig> read(const yaml::Node& document) {
    TRY_ASSIGN(const std::string current, text(document, "current-context", Need::yes));
    TRY_ASSIGN(const yaml::Node* const context, named(document, "contexts", "context", current));
    TRY_ASSIGN(const std::string cluster, text(*context, "cluster", Need::yes));
    TRY_ASSIGN(const std::string user, text(*context, "user", Need::yes));
    TRY_ASSIGN(const std::string name_space, text(*context, "namespace", Need::no));
    if (!name_space.empty()) out_.name_space = name_space;
    TRY_ASSIGN(const yaml::Node* const server, named(document, "clusters", "cluster", cluster));
    TRY(read_cluster(*server));
    TRY_ASSIGN(const yaml::Node* const who, named(document, "users", "user", user));
    TRY(read_user(*who));
    return std::move(out_);
  }

 private:
  enum class Need : unsigned char { no, yes };

  tl::unexpected<Error> wrong(const yaml::Node& at, std::string_view field,
                              std::string_view expected) const {
    return fail(ErrorCode::config_value, {{"file", std::string(file_)},
                                          {"line", std::to_string(at.place.line)},
                                          {"column", std::to_string(at.place.column)},
                                          {"field", std::string(field)},
                                          {"expected", std::string(expected)}});
  }

  Result<std::string> text(const yaml::Node& in, std::string_view key, Need need) const {
    const yaml::Node* const node = in.find(key);
    const bool absent = node == nullptr || node->kind == yaml::Kind::null || node->text.empty();
    if (node != nullptr && node->kind != yaml::Kind::null && !node->is_scalar())
      return wrong(*node, key, "text");
    if (absent && need == Need::yes) return wrong(in, key, "a value");
    return absent ? std::string() : node->text;
  }

  // The mapping below `kind` of the entry of that name.
  Result<const yaml::Node*> named(const yaml::Node& document, std::string_view list,
                                  std::string_view kind, const std::string& name) const {
    const yaml::Node* const entries = document.find(list);
    if (entries == nullptr) return wrong(document, list, "a list");
    for (const yaml::Node& entry : entries->items) {
      const yaml::Node* const own = entry.find("name");
      if (own == nullptr || !own->is_scalar() || own->text != name) continue;
      const yaml::Node* const found = entry.find(kind);
      if (found == nullptr || !found->is_mapping()) return wrong(entry, kind, "a mapping");
      return found;
    }
    return wrong(*entries, list, fmt::format("the {} that is named elsewhere in the file", kind));
  }

  template <size_t N>
  Result<> refuse(const yaml::Node& in, const std::array<Refused, N>& refused) const {
    for (const auto& [key, expected] : refused) {
      const yaml::Node* const found = in.find(key);
      const bool harmless = found == nullptr || found->kind == yaml::Kind::null ||
                            (found->is_scalar() && found->text == "false");
      if (!harmless) return wrong(*found, key, expected);
    }
    return {};
  }

  // Base64 in the file comes before a file that it names.
  Result<> read_item(const yaml::Node& in, const std::string& key, KubeconfigItem& item) const {
    const std::string data_key = key + "-data";
    TRY_ASSIGN(const std::string data, text(in, data_key, Need::no));
    if (data.empty()) {
      TRY_ASSIGN(item.file, text(in, key, Need::no));
      return {};
    }
    auto decoded = base64_decoded(data);
    if (!decoded) return wrong(*in.find(data_key), data_key, "base64");
    item.content = Secret(std::move(*decoded));
    return {};
  }

  Result<> read_cluster(const yaml::Node& cluster) {
    TRY(refuse(cluster, kRefusedOfCluster));
    TRY_ASSIGN(out_.server, text(cluster, "server", Need::yes));
    if (!is_server(out_.server))
      return wrong(*cluster.find("server"), "server", "https://HOST:PORT");
    while (out_.server.ends_with('/')) out_.server.pop_back();
    return read_item(cluster, "certificate-authority", out_.authority);
  }

  Result<> read_user(const yaml::Node& user) {
    TRY(refuse(user, kRefusedOfUser));
    TRY(read_item(user, "client-certificate", out_.certificate));
    TRY(read_item(user, "client-key", out_.key));
    TRY_ASSIGN(out_.token.file, text(user, "tokenFile", Need::no));
    TRY_ASSIGN(std::string token, text(user, "token", Need::no));
    // The file's is the one that is renewed.
    if (out_.token.file.empty()) out_.token.content = Secret(std::move(token));
    if (out_.certificate.given() != out_.key.given())
      return wrong(user, "user", "client-certificate and client-key, both");
    if (!out_.token.given() && !out_.key.given())
      return wrong(user, "user", "a token, tokenFile or client certificate");
    return {};
  }

  const std::string_view file_;
  Kubeconfig out_;
};

Path beside(const Path& kubeconfig, const std::string& file) {
  return (kubeconfig.parent_path() / file).lexically_normal();
}

// Kubernetes mounts files as links into a folder that it replaces: that may be gone between the two
// looks, and then there is another.
Result<std::string> read_mounted(FileSystem& files, const Path& path, Bytes max) {
  Result<std::string> text = fail(ErrorCode::file_not_found, {{"path", path.string()}});
  for (int tries = 0; tries < 2 && !text; ++tries) {
    std::error_code error;
    const Path target = std::filesystem::canonical(path, error);
    text = read_file(files, error ? path : target, max);
    if (!text && text.error().code() != ErrorCode::file_not_found) break;
  }
  return text;
}

// Not a secret: others may read it.
Result<std::string> read_pem(FileSystem& files, const Path& kubeconfig,
                             const KubeconfigItem& item) {
  if (item.file.empty()) return item.content.reveal();
  return read_mounted(files, beside(kubeconfig, item.file), kPemBytes);
}

Result<Secret> read_secret(const Path& kubeconfig, const KubeconfigItem& item) {
  known_secrets().add(item.content);
  if (item.file.empty()) return item.content;
  return read_secret_file(beside(kubeconfig, item.file), kPemBytes);
}

std::string without_end(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<Kubeconfig> parse_kubeconfig(std::string_view text, std::string_view file_name) {
  Problems problems{std::string(file_name)};
  const auto document = yaml::parse(text, problems, kLimits);
  if (problems.has_mistakes()) return fail(problems.as_error());
  return Reader(file_name).read(*document);
}

Result<KubernetesAccess> read_kubeconfig(FileSystem& files, const Path& file) {
  TRY_ASSIGN(const Secret text, read_secret_file(file, kKubeconfigBytes));
  TRY_ASSIGN(const Kubeconfig config, parse_kubeconfig(text.reveal(), file.string()));
  KubernetesAccess access{config.server, config.name_space, {}, {}, {}, {}};
  TRY_ASSIGN(access.authority, read_pem(files, file, config.authority));
  TRY_ASSIGN(access.certificate, read_pem(files, file, config.certificate));
  TRY_ASSIGN(access.key, read_secret(file, config.key));
  TRY_ASSIGN(access.token, read_secret(file, config.token));
  return access;
}

ServiceAccount ServiceAccount::of_this_pod() {
  return {environment("KUBERNETES_SERVICE_HOST"), environment("KUBERNETES_SERVICE_PORT")};
}

// The kubelet decides who may read the token: its mode follows the pod's users, and is not ours to
// judge.
Result<KubernetesAccess> read_service_account(FileSystem& files, const ServiceAccount& account) {
  const bool ipv6 = account.host.find(':') != std::string::npos;
  KubernetesAccess access;
  access.server = fmt::format("https://{}{}{}:{}", ipv6 ? "[" : "", account.host, ipv6 ? "]" : "",
                              account.port.empty() ? "443" : account.port);
  if (account.host.empty() || !is_server(access.server))
    return fail(ErrorCode::peer_unreachable,
                {{"name", std::string(kKubernetesPeer)},
                 {"reason", "this process is in no pod, and no kubeconfig is named"}});
  TRY_ASSIGN(access.authority, read_mounted(files, account.folder / "ca.crt", kPemBytes));
  TRY_ASSIGN(std::string token, read_mounted(files, account.folder / "token", 64_KiB));
  access.token = Secret(without_end(std::move(token)));
  known_secrets().add(access.token);
  TRY_ASSIGN(std::string own, read_mounted(files, account.folder / "namespace", 1_KiB));
  access.name_space = without_end(std::move(own)).substr(0, kLongestName);
  return access;
}

}  // namespace vigie::platform
