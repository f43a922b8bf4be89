// The fault before an API that answers what a test wants; pod_delete_pg_test.cc has a real
// one.
#include "proof/pod_fault.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "proof/pod_rights.h"
#include "tests/support/http_imposter.h"
#include "tests/support/instant_clock.h"

namespace vigie::proof {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::HttpImposter;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr const char* kAddress = "10.1.2.3";
constexpr const char* kToken = "canary-token-5f5f";
const ServerPlace kServer{kAddress, "/data/pg"};

struct Shape {
  std::string uid = "u1";
  std::string phase = "Running";
  bool ready = true;
  bool ending = false;
  std::string volume = R"("persistentVolumeClaim": {"claimName": "c"})";
  std::string address = kAddress;
  std::string owner = R"({"kind": "StatefulSet", "name": "postgres", "controller": true})";
};

std::string pod_json(const Shape& shape) {
  return fmt::format(
      R"({{"metadata": {{"name": "postgres-0", "uid": "{}"{}, "ownerReferences":
           [{}]}},
          "spec": {{"nodeName": "n", "volumes": [{{"name": "data", {}}}],
            "containers": [{{"volumeMounts": [{{"name": "data", "mountPath": "/data"}}]}}]}},
          "status": {{"phase": "{}", "podIP": "{}", "conditions":
            [{{"type": "Ready", "status": "{}"}}]}}}})",
      shape.uid, shape.ending ? R"(, "deletionTimestamp": "2026-11-20T00:00:00Z")" : "",
      shape.owner, shape.volume, shape.phase, shape.address, shape.ready ? "True" : "False");
}

std::string list_json(const std::vector<Shape>& shapes) {
  std::vector<std::string> pods;
  pods.reserve(shapes.size());
  for (const Shape& one : shapes) pods.push_back(pod_json(one));
  return fmt::format(R"({{"items": [{}]}})", fmt::join(pods, ","));
}

// What the API answers to each kind of question.
struct Cluster {
  std::vector<Shape> pods{Shape()};
  int list_status = 200;
  int delete_status = 200;
  bool delete_is_heard = true;  // the pods become these below
  std::vector<Shape> afterwards{Shape{.uid = "u2"}};
  int claim_status = 200;
  std::string claim_uid = "cu";
  std::string policy = "Retain";
  int volume_status = 200;
  int silent_looks = 0;             // so many lists fail
  std::vector<std::string> denied;  // "delete pods"
};

// One thread at a time, as long as what `->` gives is at hand.
class SharedCluster {
 public:
  struct Guard {
    std::unique_lock<std::mutex> lock;
    Cluster* cluster;
    Cluster* operator->() const { return cluster; }
  };
  Guard operator->() { return {std::unique_lock(mutex_), &cluster_}; }
  void operator=(Cluster other) { *operator->().cluster = std::move(other); }

 private:
  std::mutex mutex_;
  Cluster cluster_;  // guarded by mutex_
};

bool is_denied(const Cluster& cluster, const std::string& review) {
  return std::ranges::any_of(cluster.denied, [&](const std::string& right) {
    const size_t space = right.find(' ');
    const std::string verb = fmt::format(R"("verb":"{}")", right.substr(0, space));
    const std::string resource = fmt::format(R"("resource":"{}")", right.substr(space + 1));
    return review.find(verb) != std::string::npos && review.find(resource) != std::string::npos;
  });
}

std::string answered(Cluster& cluster, const std::string& request) {
  if (request.starts_with("DELETE ")) {
    if (cluster.delete_is_heard) cluster.pods = cluster.afterwards;
    return HttpImposter::response(cluster.delete_status, "{}");
  }
  if (request.starts_with("GET /api/v1/namespaces/db/pods?") && cluster.silent_looks-- > 0)
    return HttpImposter::response(503, "");
  if (request.starts_with("GET /api/v1/namespaces/db/pods?"))
    return HttpImposter::response(cluster.list_status, list_json(cluster.pods));
  if (request.starts_with("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews "))
    return HttpImposter::response(
        201, fmt::format(R"({{"status": {{"allowed": {}}}}})", !is_denied(cluster, request)));
  if (request.starts_with("GET /api/v1/namespaces/db/persistentvolumeclaims/c "))
    return HttpImposter::response(
        cluster.claim_status,
        fmt::format(R"({{"metadata": {{"uid": "{}"}}, "spec": {{"volumeName": "pv"}}}})",
                    cluster.claim_uid));
  if (request.starts_with("GET /api/v1/persistentvolumes/pv "))
    return HttpImposter::response(
        cluster.volume_status,
        fmt::format(R"({{"spec": {{"persistentVolumeReclaimPolicy": "{}"}}}})", cluster.policy));
  return HttpImposter::response(404, R"({"message": "canary-message"})");
}

class PodFaultTest : public ::testing::Test {
 protected:
  PodFaultTest() {
    options_.name = "proof";
    options_.fault = Fault::pod_delete;
    options_.kubernetes.selector = "app=postgres,role in (primary)";
    work_.deadline = MonoTime::clock::now() + 60s;
    open();
  }
  void open() {
    fault_.emplace(*Pods::open(api_, options_.name, options_.kubernetes), options_, clock_, work_);
  }
  // Why it could not be brought about; nobody was hurt.
  std::string refusal(const ServerPlace& server = kServer) {
    const auto struck = fault_->strike(server);
    if (struck) return "it was struck";
    EXPECT_EQ(struck.error().code(), ErrorCode::durability_fault);
    EXPECT_EQ(struck.error().info().verdict, Verdict::could_not_verify);
    const std::string words = struck.error().detail(Audience::operators);
    EXPECT_THAT(words, Not(HasSubstr(kToken)));
    EXPECT_THAT(words, Not(HasSubstr("canary-message")));
    return words;
  }
  bool deleted() const {
    for (const std::string& one : peer_.requests())
      if (one.starts_with("DELETE ")) return true;
    return false;
  }
  Result<> wait() { return fault_->wait_for_another(MonoTime::clock::now() + 5s); }
  const std::vector<std::string>& deviations() const { return fault_->change()->deviations; }

  SharedCluster cluster_;
  HttpImposter peer_{[this](const std::string& request) {
    const auto cluster = cluster_.operator->();
    return answered(*cluster.cluster, request);
  }};
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
  platform::KubernetesApi api_{*http_, [this]() -> Result<platform::KubernetesAccess> {
                                 platform::KubernetesAccess access;
                                 access.server = "http://127.0.0.1:" + std::to_string(peer_.port());
                                 access.name_space = "db";
                                 access.token = Secret(kToken);
                                 return access;
                               }};
  DurabilityOptions options_;
  testing::InstantClock clock_;
  Work work_;
  std::optional<PodFault> fault_;
};

TEST_F(PodFaultTest, DeletesThePodThatWasLookedAtAndNoOther) {
  ASSERT_TRUE(fault_->strike(kServer));
  const std::string request = peer_.requests().back();
  EXPECT_TRUE(request.starts_with("DELETE /api/v1/namespaces/db/pods/postgres-0 "));
  EXPECT_THAT(request, HasSubstr(R"("gracePeriodSeconds":1)"));
  EXPECT_THAT(request, HasSubstr(R"("preconditions":{"uid":"u1"})"));
}

TEST_F(PodFaultTest, TellsBothPodsTheirVolumeAndItsPolicy) {
  ASSERT_TRUE(fault_->strike(kServer));
  ASSERT_TRUE(wait());
  const std::string told = canonical_json(fault_->change()->to_json());
  for (const char* part :
       {R"("uid":"u1")", R"("uid":"u2")", R"("claim":"c")", R"("claim_uid":"cu")",
        R"("volume":"pv")", R"("reclaim_policy":"Retain")", R"("holds_data":true)",
        R"("owner":"StatefulSet/postgres")", R"("namespace":"db")"})
    EXPECT_THAT(told, HasSubstr(part));
  EXPECT_TRUE(deviations().empty()) << deviations().front();
}

TEST_F(PodFaultTest, AsksForTheSelectorAsItStands) {
  ASSERT_TRUE(fault_->strike(kServer));
  EXPECT_THAT(peer_.requests().front(),
              HasSubstr("?labelSelector=app%3Dpostgres%2Crole%20in%20%28primary%29&limit="));
}

TEST_F(PodFaultTest, WhatItMayNotDoIsToldAndAnObserverNeedDeleteNothing) {
  const auto words = [&](DurabilityMode mode) {
    options_.mode = mode;
    const auto missing = missing_rights(api_, options_, work_.limits());
    return missing ? fmt::format("{} | {}", fmt::join(missing->needed, ","),
                                 fmt::join(missing->helpful, ","))
                   : missing.error().detail(Audience::everybody);
  };
  EXPECT_EQ(words(DurabilityMode::fault), " | ");
  cluster_->denied = {"delete pods", "get persistentvolumes"};
  EXPECT_EQ(words(DurabilityMode::fault), "delete pods | get persistentvolumes");
  EXPECT_EQ(words(DurabilityMode::observe), " | get persistentvolumes");
  cluster_->denied = {"list pods"};
  EXPECT_EQ(words(DurabilityMode::observe), "list pods | ");
}

// For whoever looks only, the address says which it is.
TEST_F(PodFaultTest, TheServersPodIsKnownAmongOthersByItsAddress) {
  const Pods pods = *Pods::open(api_, options_.name, options_.kubernetes);
  const auto of_server = [&](const std::string& address) {
    const auto pod = pods.of_server({address, ""}, work_.limits());
    return pod ? pod->uid : pod.error().detail(Audience::everybody);
  };
  cluster_->pods = {Shape{.uid = "u8", .address = "10.9.9.9"}, Shape()};
  EXPECT_EQ(of_server(kAddress), "u1");
  EXPECT_THAT(of_server("10.1.2.4"), HasSubstr("0 of 2 running pods have the server's address"));
  EXPECT_THAT(of_server(""), HasSubstr("unix socket"));
  cluster_->pods = {Shape{.ending = true}, Shape{.uid = "u2"}};
  EXPECT_EQ(of_server(kAddress), "u2");
  cluster_->pods = {Shape(), Shape{.uid = "u2"}};
  EXPECT_THAT(of_server(kAddress), HasSubstr("2 of 2 running pods"));
}

TEST_F(PodFaultTest, NoneOrSeveralAreNotHurt) {
  cluster_->pods = {};
  EXPECT_THAT(refusal(), HasSubstr("0 of 0 pods are running"));
  cluster_->pods = {Shape{.phase = "Pending"}, Shape{.ending = true}};
  EXPECT_THAT(refusal(), HasSubstr("0 of 2 pods are running"));
  cluster_->pods = {Shape(), Shape{.uid = "u9"}};
  EXPECT_THAT(refusal(), HasSubstr("2 of 2 pods are running"));
  EXPECT_THAT(refusal(), HasSubstr("selector app=postgres,role in (primary) in namespace db"));
  EXPECT_FALSE(deleted());
}

TEST_F(PodFaultTest, APodThatIsNotTheServerIsNotHurt) {
  cluster_->pods = {Shape{.address = "10.9.9.9"}};
  EXPECT_THAT(refusal(), HasSubstr("another address"));
  EXPECT_EQ(fault_->strike({"", "/data/pg"}).error().code(), ErrorCode::durability_fault)
      << "by a unix socket";
  EXPECT_FALSE(deleted());
}

TEST_F(PodFaultTest, RefusalsOfTheApiAreTold) {
  cluster_->list_status = 401;
  EXPECT_THAT(refusal(), HasSubstr("does not take the credentials (401)"));
  cluster_->list_status = 403;
  EXPECT_THAT(refusal(), HasSubstr("does not allow to list pods in namespace db (403)"));
  cluster_->list_status = 400;
  EXPECT_THAT(refusal(), HasSubstr("status 400"));
  cluster_->list_status = 503;
  EXPECT_THAT(refusal(), HasSubstr("status 503"));
  EXPECT_FALSE(deleted());
}

TEST_F(PodFaultTest, ADeletionThatIsRefusedIsNoFault) {
  cluster_->delete_is_heard = false;
  cluster_->delete_status = 403;
  EXPECT_THAT(refusal(), HasSubstr("does not allow to delete pods in namespace db (403)"));
  cluster_->delete_status = 409;
  EXPECT_THAT(refusal(), HasSubstr("another pod has its name by now (409)"));
  cluster_->delete_status = 404;
  EXPECT_THAT(refusal(), HasSubstr("404"));
}

TEST_F(PodFaultTest, ALostAnswerToADeletionIsLookedUp) {
  cluster_->delete_status = 500;
  cluster_->afterwards = {Shape{.ending = true}};
  EXPECT_TRUE(fault_->strike(kServer)) << "it was heard";
  cluster_ = Cluster{.delete_status = 500, .delete_is_heard = false};
  EXPECT_THAT(refusal(), HasSubstr("status 500")) << "it was not";
}

// To interrupt a server is not to destroy it.
TEST_F(PodFaultTest, DataThatWouldEndWithThePodIsNotDestroyed) {
  cluster_->pods = {Shape{.volume = R"("emptyDir": {})"}};
  EXPECT_THAT(refusal(), HasSubstr("no claim but emptyDir"));
  EXPECT_THAT(refusal({kAddress, ""}), HasSubstr("the data would end with the pod"));
  cluster_ = Cluster();
  EXPECT_THAT(refusal({kAddress, "/srv/pg"}), HasSubstr("the data lies on no volume"));
  EXPECT_FALSE(deleted());
}

TEST_F(PodFaultTest, APodThatNothingBringsBackIsNotDeleted) {
  cluster_->pods = {Shape{.owner = ""}};
  EXPECT_THAT(refusal(), HasSubstr("nothing owns the pod"));
  EXPECT_FALSE(deleted());
}

TEST_F(PodFaultTest, DataOnAFolderOfTheNodeIsADeviation) {
  cluster_->pods = {Shape{.volume = R"("hostPath": {"path": "/srv"})"}};
  ASSERT_TRUE(fault_->strike(kServer));
  EXPECT_THAT(deviations(), Contains(HasSubstr("no claim but hostPath")));
  cluster_ = Cluster();
  ASSERT_TRUE(fault_->strike({kAddress, ""}));
  EXPECT_THAT(deviations(), Contains(HasSubstr("which volume holds the data is not known")));
}

TEST_F(PodFaultTest, AReclaimPolicyThatDeletesIsADeviation) {
  cluster_->policy = "Delete";
  ASSERT_TRUE(fault_->strike(kServer));
  EXPECT_THAT(deviations(), Contains(HasSubstr("volume pv is Delete")));
}

TEST_F(PodFaultTest, WhatMayNotBeReadIsNotKnown) {
  cluster_->volume_status = 403;
  ASSERT_TRUE(fault_->strike(kServer));
  EXPECT_THAT(deviations(), Contains(HasSubstr("the reclaim policy of volume pv is not known")));
  EXPECT_EQ(fault_->change()->before.volumes.at(0).volume, "pv");
  cluster_ = Cluster{.claim_status = 403};
  ASSERT_TRUE(fault_->strike(kServer));
  EXPECT_THAT(deviations(), Contains(HasSubstr("the volume of claim c is not known")));
}

TEST_F(PodFaultTest, AnotherClaimAfterwardsIsADeviation) {
  ASSERT_TRUE(fault_->strike(kServer));
  cluster_->claim_uid = "another";
  ASSERT_TRUE(wait());
  EXPECT_THAT(deviations(), Contains("the claim c is another one afterwards"));
  cluster_ = Cluster{.afterwards = {Shape{
                         .uid = "u2", .volume = R"("persistentVolumeClaim": {"claimName": "d"})"}}};
  ASSERT_TRUE(fault_->strike(kServer));
  ASSERT_TRUE(wait());
  EXPECT_THAT(deviations(), Contains("the pod afterwards does not have the claim c"));
}

TEST_F(PodFaultTest, OnlyAnotherPodThatIsReadyEndsTheWait) {
  const std::vector<std::vector<Shape>> not_yet{{},
                                                {Shape()},
                                                {Shape{.uid = "u2", .ready = false}},
                                                {Shape{.uid = "u2", .phase = "Pending"}},
                                                {Shape{.uid = "u2"}, Shape{.uid = "u3"}}};
  options_.recovery_timeout = 300ms;
  for (const auto& pods : not_yet) {
    cluster_ = Cluster{.afterwards = pods};
    ASSERT_TRUE(fault_->strike(kServer));
    const auto waited = fault_->wait_for_another(MonoTime::clock::now() + 50ms);
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code(), ErrorCode::durability_no_recovery);
    EXPECT_FALSE(fault_->change()->after);
    EXPECT_THAT(deviations(), Contains("no other pod was ready in time"));
  }
}

TEST_F(PodFaultTest, AnApiThatIsAwayForAMomentDoesNotEndTheWait) {
  ASSERT_TRUE(fault_->strike(kServer));
  cluster_->silent_looks = 3;
  EXPECT_TRUE(wait());
}

TEST_F(PodFaultTest, AStopEndsTheWait) {
  cluster_->afterwards = {};
  ASSERT_TRUE(fault_->strike(kServer));
  std::stop_source source;
  source.request_stop();
  work_.stop = source.get_token();
  EXPECT_EQ(wait().error().code(), ErrorCode::cancelled);
}

TEST_F(PodFaultTest, APodMayBeNamed) {
  options_.kubernetes = {.pod = "postgres-0"};
  open();
  EXPECT_THAT(refusal(), HasSubstr("0 of 0 pods are running"));
  EXPECT_THAT(refusal(), HasSubstr("pod postgres-0 in namespace db"));
  EXPECT_TRUE(peer_.requests().back().starts_with("GET /api/v1/namespaces/db/pods/postgres-0 "));
}

}  // namespace
}  // namespace vigie::proof
