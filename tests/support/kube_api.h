// A real Kubernetes API: kube-apiserver and etcd (scripts/kube_apiserver.sh), with the programs in
// the folder that VIGIE_TEST_KUBE_BINDIR names (./run test-kube). One for each test process, made
// at its first use and gone with it, also when it is killed. It has no nodes and no controllers.
//
// Throws std::runtime_error when it does not start or does not do what it must.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "platform/file_system.h"

namespace vigie::testing {

class KubeApi {
 public:
  static bool possible();
  static KubeApi& shared();

  // As its administrator. Throws unless it succeeds.
  json::object ask(const std::string& method, const std::string& path,
                   const json::object& body = {});
  // The status alone.
  int status_of(const std::string& method, const std::string& path, const json::object& body = {});
  // Makes each object of a file of YAML documents, whose scalars are all text.
  void apply(const platform::Path& file);

  platform::Path kubeconfig() const;  // the administrator's
  // A kubeconfig of a service account, with a token of its own; `name` is the file's.
  platform::Path kubeconfig_of(const std::string& name_space, const std::string& account,
                               const std::string& name);

 private:
  KubeApi();
  ~KubeApi();
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace vigie::testing
