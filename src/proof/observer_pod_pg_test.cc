// The witness that observes a server in a pod of Kubernetes: a real server, and an API that says
// what a test wants of its pods. pod_delete_pg_test.cc has a real API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proof/evidence.h"
#include "tests/support/observed_server.h"

namespace vigie::proof {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ObserverPodTest : public testing::ObservedServer {
 protected:
  ObserverPodTest() {
    find_pod_ = [this](const ServerPlace& place, const CallLimits&) -> Result<FoundPod> {
      asked_.push_back(place);
      if (uid_.empty()) return fail(trouble_);
      FoundPod found;
      found.pod.name = "postgres-0";
      found.pod.uid = uid_;
      return found;
    };
    begin();
  }
  void restart() {
    server_.stop();
    server_.start();
    notice();
  }
  json::object environment() const {
    Work work;
    return evidence::durability_observed(options_, seen_.back(), work).front().environment;
  }
  std::string restarted() const { return json_text(environment().at("restart")); }

  std::string uid_ = "u1";
  Error trouble_{ErrorCode::peer_unreachable, {{"name", "kubernetes"}, {"reason", "canary"}}};
  std::vector<ServerPlace> asked_;
};

TEST_F(ObserverPodTest, AReplacedPodIsSeenAndNamed) {
  write(2);
  uid_ = "u2";
  restart();
  ASSERT_EQ(code(), "passed");
  EXPECT_EQ(restarted(), "\"pod\"");
  const json::object environment = this->environment();
  EXPECT_EQ(environment.at("before").at("pod_uid").as_string(), "u1");
  EXPECT_EQ(environment.at("after").at("pod_uid").as_string(), "u2");
  EXPECT_EQ(environment.at("pod").at("name").as_string(), "postgres-0");
  EXPECT_THAT(seen_.back().report.shows, HasSubstr("the next one has the same data"));
  EXPECT_THAT(state(), HasSubstr(R"("pod_uid":"u2")"));
  EXPECT_EQ(asked_.back().address, "") << "by its unix socket";
  EXPECT_EQ(asked_.back().data_directory, server_.data_folder().string());
}

TEST_F(ObserverPodTest, ARestartWithinItsPodIsOneOfTheServer) {
  write(2);
  restart();
  ASSERT_EQ(code(), "passed");
  EXPECT_EQ(restarted(), "\"server\"");
}

TEST_F(ObserverPodTest, AnApiThatIsAwayKeepsNobodyFromObservingAndIsTold) {
  uid_ = "";
  begin();
  write(2);
  restart();
  ASSERT_EQ(code(), "passed");
  EXPECT_EQ(restarted(), "\"server\"");
  EXPECT_FALSE(environment().contains("pod"));
  EXPECT_THAT(seen_.back().report.deviations, Contains(HasSubstr("the pod is not known")));
}

// What is learnt of it afterwards must not be taken for what the next restart has done.
TEST_F(ObserverPodTest, APodThatIsKnownLateIsNoReplacement) {
  write(2);
  uid_ = "";
  restart();
  uid_ = "u2";
  restart();
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(restarted(), "\"server\"");
  EXPECT_THAT(seen_.back().report.deviations, Not(Contains(HasSubstr("the pod is not known"))));
}

TEST_F(ObserverPodTest, AnApiThatIsAwayForASessionForgetsNoPod) {
  write(2);
  observer_.reset();
  uid_ = "";
  begin();
  write(1);
  EXPECT_THAT(seen_, IsEmpty()) << "nothing has restarted";
  uid_ = "u2";
  restart();
  EXPECT_EQ(restarted(), "\"pod\"");
}

TEST_F(ObserverPodTest, WhoeverStopsItWaitsForNoApi) {
  observer_.reset();
  uid_ = "";
  trouble_ = Error(ErrorCode::cancelled, {{"reason", "asked for"}});
  begin();
  const auto written = observer_->step({});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace vigie::proof
