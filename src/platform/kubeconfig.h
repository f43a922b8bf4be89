// Where a Kubernetes API is and as whom it is asked: by a kubeconfig file, or by what a pod finds
// in itself. The server's certificate is always verified. What would run a program (exec) or act as
// somebody else is refused, and not passed over.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "platform/file_system.h"

namespace vigie::platform {

inline constexpr Bytes kKubeconfigBytes = 256_KiB;

// Stands in the kubeconfig itself, or in a file that it names; neither: there is none.
struct KubeconfigItem {
  Secret content;
  std::string file;  // absolute, or relative to the kubeconfig's folder

  bool given() const { return !content.empty() || !file.empty(); }
};

// What its current context says.
struct Kubeconfig {
  std::string server;                  // "https://10.0.0.1:6443", no slash at its end
  std::string name_space = "default";  // "namespace" is a word of the language
  KubeconfigItem authority;            // PEM; not given: the system's certificates
  KubeconfigItem certificate;          // PEM, of the client
  KubeconfigItem key;                  // PEM
  KubeconfigItem token;
};

// Looks only at the text. `file_name` is for errors: config_value (with its place, and never with a
// value), config_invalid (no YAML).
Result<Kubeconfig> parse_kubeconfig(std::string_view text, std::string_view file_name);

// All that a request needs.
struct KubernetesAccess {
  std::string server;
  std::string name_space;
  std::string authority;    // PEM; empty: the system's certificates
  std::string certificate;  // PEM; empty: none
  Secret key;
  Secret token;  // empty: none
};

// A kubeconfig and what it names; it, the key and the token's file are secret files
// (secret_file.h). Errors: those of parse_kubeconfig, secret_file_*, file_*, limit_exceeded.
Result<KubernetesAccess> read_kubeconfig(FileSystem& files, const Path& file);

// What a pod finds in itself.
struct ServiceAccount {
  std::string host;  // of the API; empty: this is no pod
  std::string port;
  Path folder = "/var/run/secrets/kubernetes.io/serviceaccount";

  static ServiceAccount of_this_pod();  // from the environment
};
// Errors: peer_unreachable (this is no pod), file_*, limit_exceeded.
Result<KubernetesAccess> read_service_account(FileSystem& files, const ServiceAccount& account);

}  // namespace vigie::platform
