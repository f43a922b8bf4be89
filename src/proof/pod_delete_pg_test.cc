// fault: pod_delete with a real kube-apiserver and a real PostgreSQL, and with the rights of
// docs/manual/kubernetes-rbac.yaml alone. There is no node: a Keeper does what a kubelet and the
// controller of a StatefulSet would. Skipped where there is no kube-apiserver (./run test-kube).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "platform/http_client.h"
#include "platform/system_info.h"
#include "proof/durability.h"
#include "proof/evidence.h"
#include "proof/observer.h"
#include "tests/support/contents.h"
#include "tests/support/kube_api.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::KubeApi;
using ::testing::Not;
using testing::PgCluster;
using namespace std::chrono_literals;

constexpr const char* kPods = "/api/v1/namespaces/db/pods";

json::object named(const std::string& name) {
  return {{"name", name}, {"namespace", "db"}, {"labels", {{"app", name}}}};
}

std::string uid_of(const json::object& object) {
  return std::string(object.at("metadata").at("uid").as_string());
}

// An address of loopback that no other server has.
std::string own_address() {
  static int count = 0;
  const auto pid = static_cast<unsigned>(::getpid());
  return fmt::format("127.{}.{}.{}", 1 + (pid >> 8) % 250, pid % 256, ++count);
}

// A StatefulSet of one pod, its claim and its volume, which stay; the pod comes and goes.
class PodOfServer {
 public:
  PodOfServer(KubeApi& api, std::string name, std::string address, const platform::Path& data)
      : api_(api), name_(std::move(name)), address_(std::move(address)), data_(data.string()) {
    api_.ask("POST", "/api/v1/persistentvolumes",
             {{"metadata", {{"name", name_}}},
              {"spec",
               {{"capacity", {{"storage", "1Gi"}}},
                {"accessModes", json::array{"ReadWriteOnce"}},
                {"persistentVolumeReclaimPolicy", "Retain"},
                {"hostPath", {{"path", "/nowhere"}}}}}});
    claim_uid_ = uid_of(api_.ask("POST", "/api/v1/namespaces/db/persistentvolumeclaims",
                                 {{"metadata", named(name_)},
                                  {"spec",
                                   {{"accessModes", json::array{"ReadWriteOnce"}},
                                    {"resources", {{"requests", {{"storage", "1Gi"}}}}},
                                    {"storageClassName", ""},
                                    {"volumeName", name_}}}}));
    owner_uid_ = uid_of(api_.ask(
        "POST", "/apis/apps/v1/namespaces/db/statefulsets",
        {{"metadata", named(name_)},
         {"spec",
          {{"serviceName", name_},
           {"selector", {{"matchLabels", {{"app", name_}}}}},
           {"template", {{"metadata", {{"labels", {{"app", name_}}}}}, {"spec", pod_spec()}}}}}}));
    make();
  }

  void make() {
    json::object metadata = named(name_);
    metadata["ownerReferences"] = json::array{json::object{{"apiVersion", "apps/v1"},
                                                           {"kind", "StatefulSet"},
                                                           {"name", name_},
                                                           {"uid", owner_uid_},
                                                           {"controller", true}}};
    api_.ask("POST", kPods, {{"metadata", std::move(metadata)}, {"spec", pod_spec()}});
    api_.ask("POST", path() + "/binding",
             {{"metadata", named(name_)}, {"target", {{"kind", "Node"}, {"name", "node-1"}}}});
  }
  // As a kubelet tells it.
  void becomes_ready() {
    json::object pod = seen();
    pod["status"] = json::object{
        {"phase", "Running"},
        {"podIP", address_},
        {"podIPs", json::array{json::object{{"ip", address_}}}},
        {"conditions", json::array{json::object{{"type", "Ready"}, {"status", "True"}}}}};
    api_.ask("PUT", path() + "/status", pod);
  }
  bool is_ending() const { return seen().at("metadata").as_object().contains("deletionTimestamp"); }
  // Its processes have ended.
  void is_gone() {
    api_.ask("DELETE", path(), {{"gracePeriodSeconds", 0}, {"preconditions", {{"uid", uid()}}}});
  }

  json::object seen() const { return api_.ask("GET", path()); }
  std::string uid() const { return uid_of(seen()); }
  const std::string& name() const { return name_; }
  const std::string& claim_uid() const { return claim_uid_; }

 private:
  std::string path() const { return std::string(kPods) + "/" + name_; }
  json::object pod_spec() const {
    return {
        {"containers",
         json::array{json::object{
             {"name", "postgres"},
             {"image", "postgres"},
             {"volumeMounts", json::array{json::object{{"name", "data"}, {"mountPath", data_}}}}}}},
        {"volumes", json::array{json::object{{"name", "data"},
                                             {"persistentVolumeClaim", {{"claimName", name_}}}}}}};
  }

  KubeApi& api_;
  const std::string name_;
  const std::string address_;
  const std::string data_;
  std::string claim_uid_;
  std::string owner_uid_;
};

// Waits for the deletion, then: the server's processes end, the pod is gone, another comes, and its
// server is ready.
class Keeper {
 public:
  Keeper(PodOfServer& pod, PgCluster& server)
      : thread_([&](const std::stop_token& stop) {
          while (!pod.is_ending())
            if (stop.stop_requested()) return;
          server.kill9();
          pod.is_gone();
          pod.make();
          server.start();
          pod.becomes_ready();
        }) {}

 private:
  std::jthread thread_;
};

class PodDelete : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!KubeApi::possible()) return;
    for (const char* name : {"db", "vigie"})
      KubeApi::shared().ask("POST", "/api/v1/namespaces", {{"metadata", {{"name", name}}}});
    KubeApi::shared().apply(VIGIE_SOURCE_DIR "/docs/manual/kubernetes-rbac.yaml");
    KubeApi::shared().ask("POST", "/api/v1/namespaces/vigie/serviceaccounts",
                          {{"metadata", {{"name", "stranger"}}}});
  }

  void SetUp() override {
    if (!KubeApi::possible())
      GTEST_SKIP() << "no kube-apiserver: VIGIE_TEST_KUBE_BINDIR names none (./run test-kube)";
    static int count = 0;
    const std::string address = own_address();
    server_ = std::make_unique<PgCluster>(
        testing::PgClusterOptions{.fsync = true, .settings = {{"listen_addresses", address}}});
    std::ofstream(server_->data_folder() / "pg_hba.conf", std::ios::app)
        << "host all postgres 127.0.0.0/8 trust\n";
    server_->execute("SELECT pg_reload_conf()");
    server_->create_database("vigie_witness");
    pod_ = std::make_unique<PodOfServer>(KubeApi::shared(), fmt::format("postgres-{}", ++count),
                                         address, server_->data_folder());
    pod_->becomes_ready();
    dsn_ = {"app", "host=" + address + " port=5432 dbname=postgres user=postgres", ""};
    options_.name = "proof";
    options_.database = "app";
    options_.fault = Fault::pod_delete;
    options_.duration = 1s;
    options_.recovery_timeout = 2min;
    options_.kubernetes.name_space = "db";
    options_.kubernetes.selector = "app=" + pod_->name();
    ask_as("vigie");
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + 5min;
  }

  void ask_as(const std::string& account) {
    options_.kubernetes.kubeconfig =
        KubeApi::shared().kubeconfig_of("vigie", account, "kubeconfig-" + account).string();
  }
  DurabilityReport prove() {
    return prove_durability(
        {options_, dsn_, folder_ / "witness", folder_ / "durability"},
        {platform::real_file_system(), *processes_, *postgres_, clock_, *http_, platform::boot_id},
        work_);
  }
  // It could not be brought about, and nobody was interrupted.
  std::string refusal() {
    const std::string uid = pod_->uid();
    const int postmaster = server_->postmaster_pid();
    const DurabilityReport report = prove();
    EXPECT_EQ(pod_->uid(), uid);
    EXPECT_FALSE(pod_->is_ending());
    EXPECT_EQ(server_->postmaster_pid(), postmaster);
    if (!report.error) return "it passed";
    EXPECT_EQ(report.error->code(), ErrorCode::durability_fault);
    return report.error->detail(Audience::everybody);
  }
  platform::KubernetesApi api() {
    return {*http_, kubernetes_access(options_.kubernetes, platform::real_file_system())};
  }

  testing::TempFolder folder_;
  std::unique_ptr<PgCluster> server_;
  std::unique_ptr<PodOfServer> pod_;
  platform::Dsn dsn_;
  DurabilityOptions options_;
  Work work_;
  platform::RealClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client(1);
};

TEST_F(PodDelete, WhatWasAcknowledgedIsThereInTheNextPod) {
  const std::string before = pod_->uid();
  std::optional<DurabilityReport> report;
  {
    const Keeper keeper(*pod_, *server_);
    report = prove();
  }
  ASSERT_FALSE(report->error) << report->error->detail(Audience::operators);
  EXPECT_GT(report->verdict->acknowledged, 0U);
  ASSERT_TRUE(report->pods && report->pods->after);
  EXPECT_EQ(report->pods->before.uid, before);
  EXPECT_EQ(report->pods->after->uid, pod_->uid());
  EXPECT_NE(report->pods->after->uid, before);
  EXPECT_EQ(report->pods->before.owner, "StatefulSet/" + pod_->name());
  const PodVolume& volume = report->pods->after->volumes.at(0);
  EXPECT_EQ(volume.claim_uid, pod_->claim_uid());
  EXPECT_EQ(volume.volume, pod_->name());
  EXPECT_EQ(volume.reclaim_policy, "Retain");
  EXPECT_TRUE(volume.holds_data);
  EXPECT_THAT(report->deviations, Not(Contains(HasSubstr("claim"))));
}

TEST_F(PodDelete, TheEvidenceHasThePodsAndNoToken) {
  std::optional<DurabilityReport> report;
  {
    const Keeper keeper(*pod_, *server_);
    report = prove();
  }
  const SystemTime now = clock_.now();
  const auto entry = evidence::durability_proved(options_, *report, work_, now, now);
  EXPECT_EQ(entry.subject.at("fault").as_string(), "pod_delete");
  const std::string told = canonical_json(entry.environment);
  EXPECT_THAT(told, HasSubstr(R"("reclaim_policy":"Retain")"));
  EXPECT_THAT(told, HasSubstr(pod_->uid()));
  const auto access = kubernetes_access(options_.kubernetes, platform::real_file_system())();
  EXPECT_THAT(told, Not(HasSubstr(access->token.reveal())));
}

TEST_F(PodDelete, AnObserverKnowsThePodAndSeesThatItWasReplaced) {
  options_.mode = DurabilityMode::observe;
  std::vector<Observation> seen;
  ObserverTools tools{platform::real_file_system(),
                      *postgres_,
                      clock_,
                      platform::boot_id,
                      [&](const Observation& one, const Work&) -> Result<> {
                        seen.push_back(one);
                        return {};
                      },
                      [](const ObserverView&) {},
                      [](const std::optional<Error>&) {},
                      [](const std::string&, const Error&) {}};
  tools.find_pod = make_pod_finder(*http_, tools.files, options_);
  Observer observer({options_, dsn_, folder_ / "witness", folder_ / "durability"}, tools);
  ASSERT_TRUE(observer.step({}));
  const std::string before = pod_->uid();
  {
    const Keeper keeper(*pod_, *server_);
    auto api = this->api();
    const auto pods = Pods::open(api, options_.name, options_.kubernetes);
    ASSERT_TRUE(pods->remove(pods->named(work_.limits())->at(0), 1s, work_.limits()));
  }
  while (seen.empty() && MonoTime::clock::now() < work_.deadline)
    if (!observer.step({})) clock_.sleep_until(clock_.monotonic() + 100ms, {});
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_FALSE(seen[0].report.error);
  EXPECT_TRUE(seen[0].replaced);
  EXPECT_EQ(seen[0].before->pod_uid, before);
  EXPECT_EQ(seen[0].after.pod_uid, pod_->uid());
  ASSERT_TRUE(seen[0].pod);
  EXPECT_EQ(seen[0].pod->volumes.at(0).reclaim_policy, "Retain");
  EXPECT_TRUE(seen[0].pod->volumes.at(0).holds_data);
}

TEST_F(PodDelete, WithoutTheRightsNobodyIsHurt) {
  ask_as("stranger");
  EXPECT_THAT(refusal(), HasSubstr("does not allow to list pods in namespace db (403)"));
}

TEST_F(PodDelete, APodThatIsAnotherServersIsNotDeleted) {
  PodOfServer other(KubeApi::shared(), pod_->name() + "-other", own_address(), "/data");
  other.becomes_ready();
  options_.kubernetes = {
      .name_space = "db", .pod = other.name(), .kubeconfig = options_.kubernetes.kubeconfig};
  EXPECT_THAT(refusal(), HasSubstr("another address"));
  EXPECT_FALSE(other.is_ending());
}

TEST_F(PodDelete, APodThatHasTakenTheNameMeanwhileIsNotDeleted) {
  auto api = this->api();
  const auto pods = Pods::open(api, options_.name, options_.kubernetes);
  ASSERT_TRUE(pods);
  Pod stale = pods->named(work_.limits())->at(0);
  stale.uid = "00000000-0000-0000-0000-000000000000";
  const auto removed = pods->remove(stale, 1s, work_.limits());
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().detail(Audience::everybody), HasSubstr("409"));
  EXPECT_FALSE(pod_->is_ending());
}

TEST_F(PodDelete, TheRightsOfTheManualAreEnoughAndNoMore) {
  auto api = this->api();
  const auto pods = Pods::open(api, options_.name, options_.kubernetes);
  ASSERT_TRUE(pods);
  const auto may = [&](std::string_view verb, std::string_view resource) {
    return pods->may(verb, resource, work_.limits()).value_or(false);
  };
  for (const char* verb : {"get", "list", "delete"}) EXPECT_TRUE(may(verb, "pods")) << verb;
  EXPECT_TRUE(may("get", "persistentvolumeclaims"));
  EXPECT_TRUE(may("get", "persistentvolumes"));
  EXPECT_FALSE(may("create", "pods"));
  EXPECT_FALSE(may("get", "secrets"));
  EXPECT_FALSE(may("delete", "persistentvolumes"));
}

TEST_F(PodDelete, ATokenThatIsNoneIsNotTaken) {
  const platform::Path file = folder_ / "kubeconfig";
  std::string text = testing::contents(options_.kubernetes.kubeconfig);
  text.replace(text.find("token: ") + 7, 10, "xxxxxxxxxx");
  text.replace(text.find("ca.crt"), 6,
               (KubeApi::shared().kubeconfig().parent_path() / "ca.crt").string());
  std::ofstream(file) << text;
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  options_.kubernetes.kubeconfig = file.string();
  EXPECT_THAT(refusal(), HasSubstr("does not take the credentials (401)"));
}

TEST_F(PodDelete, AServerOfAnotherAuthorityIsNotAsked) {
  const platform::Path file = folder_ / "kubeconfig";
  std::string text = testing::contents(options_.kubernetes.kubeconfig);
  text.replace(text.find(", certificate-authority: ca.crt"), 31, "");  // the system's remain
  std::ofstream(file) << text;
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  options_.kubernetes.kubeconfig = file.string();
  EXPECT_THAT(refusal(), HasSubstr("the Kubernetes API"));
}

}  // namespace
}  // namespace vigie::proof
