// fault: pod_delete by the real binary, which is killed in the midst of it. The API is a peer that
// answers what the test wants, and a real PostgreSQL is the pod's; src/proof/pod_delete_pg_test.cc
// has a real kube-apiserver.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "tests/support/http_imposter.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/tls_front.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kPatience = std::chrono::minutes(1);

// Of loopback, and no other server's: the port is PostgreSQL's usual one.
std::string own_address() {
  const auto pid = static_cast<unsigned>(::getpid());
  return fmt::format("127.{}.{}.7", 1 + (pid >> 8) % 250, pid % 256);
}

class PodDeleteE2e : public ::testing::Test {
 protected:
  PodDeleteE2e() {
    std::ofstream(server_.data_folder() / "pg_hba.conf", std::ios::app)
        << "host all postgres 127.0.0.0/8 trust\n";
    server_.execute("SELECT pg_reload_conf()");
    server_.create_database("vigie_witness");
    host_.write("ca.crt", contents(tls_.certificate()));
    host_.write("kubeconfig", fmt::format(R"(
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u, namespace: db}}}}]
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{}", certificate-authority: ca.crt}}}}]
users: [{{name: u, user: {{token: canary-token-5f5f}}}}]
)",
                                          tls_.port()));
    host_.configure("host=" + address_ + " port=5432 dbname=postgres user=postgres", {});
    host_.write("vigie.yaml",
                host_.read("vigie.yaml") + fmt::format(R"(durability:
  proof:
    database: app
    duration: 1s
    writers: 2
    fault: pod_delete
    recovery_timeout: 2m
    kubernetes: {{selector: "app=postgres", kubeconfig: "{}"}}
)",
                                                       (host_.folder() / "kubeconfig").string()));
  }

  std::string answered(const std::string& request) {
    if (request.starts_with("DELETE ")) {
      ++deletions_;
      return delete_answers_ ? HttpImposter::response(200, "{}") : "";
    }
    if (request.starts_with("GET /api/v1/namespaces/db/pods?"))
      return HttpImposter::response(200, pods());
    return HttpImposter::response(403, "{}");
  }
  std::string pods() const {
    return fmt::format(
        R"({{"items": [{{"metadata": {{"name": "postgres-0", "uid": "u{}",
               "ownerReferences": [{{"kind": "StatefulSet", "name": "postgres", "controller": true}}]}},
             "spec": {{"volumes": [{{"name": "data", "persistentVolumeClaim": {{"claimName": "c"}}}}],
               "containers": [{{"volumeMounts": [{{"name": "data", "mountPath": "/"}}]}}]}},
             "status": {{"phase": "Running", "podIP": "{}",
               "conditions": [{{"type": "Ready", "status": "True"}}]}}}}]}})",
        pod_.load(), address_);
  }
  // As its owner does.
  void bring_another_pod() {
    server_.kill9();
    server_.start();
    ++pod_;
  }

  std::string tables() {
    return server_.value(
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'run%' AND relkind = 'r'",
        "vigie_witness");
  }
  bool no_log_is_left() { return std::filesystem::is_empty(host_.state() / "witness"); }
  std::string evidence(const std::string& kind) {
    return host_.run({"evidence", "list", "--kind", kind, "-o", "json"}).out;
  }

  const std::string address_ = own_address();
  PgCluster server_{{.fsync = true, .settings = {{"listen_addresses", address_}}}};
  std::atomic<int> pod_ = 1;  // the uid's number
  std::atomic<int> deletions_ = 0;
  std::atomic<bool> delete_answers_ = false;
  HttpImposter api_{[this](const std::string& request) { return answered(request); }};
  TlsFront tls_{api_.port()};
  VigieHost host_;
};

TEST_F(PodDeleteE2e, AKillBehindTheDeletionDeletesNoSecondPodAndTheNextProofClearsUp) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_EQ(host_.run({"durability", "run", "proof", "--yes-interrupt", "app", "--no-wait"}).status,
            0);
  ASSERT_TRUE(eventually([&] { return deletions_ == 1; }, kPatience)) << host_.log();
  host_.signal(SIGKILL);
  EXPECT_EQ(host_.wait(), 137);
  bring_another_pod();
  EXPECT_EQ(tables(), "1");
  EXPECT_FALSE(no_log_is_left());

  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_THAT(evidence("interrupted"), HasSubstr("\"proof\""));
  EXPECT_EQ(evidence("durability_proof"), "[]\n");
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(), 0) << host_.log();
  EXPECT_EQ(deletions_, 1) << "what was interrupted is not done again";

  delete_answers_ = true;
  const std::jthread owner([&](const std::stop_token& stop) {
    while (deletions_ < 2) {
      if (stop.stop_requested()) return;
      std::this_thread::yield();
    }
    bring_another_pod();
  });
  const Ran ran = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(deletions_, 2);
  EXPECT_EQ(tables(), "0") << "neither its own nor what the killed one left";
  EXPECT_TRUE(no_log_is_left());
  EXPECT_THAT(evidence("durability_proof"),
              AllOf(HasSubstr("\"passed\""), Not(HasSubstr("canary-token"))));
}

}  // namespace
}  // namespace vigie::testing
