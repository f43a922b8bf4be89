// The witness that observes a server in a pod, and an API of Kubernetes that takes a question and
// never answers: a real server, and what Vigie asks by, over TLS.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "platform/http_client.h"
#include "tests/support/http_imposter.h"
#include "tests/support/observed_server.h"
#include "tests/support/tls_front.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using testing::HttpImposter;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kPromptly = 8s;  // a call has ten

constexpr char kPods[] = R"({"items": [{"metadata": {"name": "postgres-0", "uid": "u1"},
  "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c1"}},
                       {"name": "wal", "persistentVolumeClaim": {"claimName": "c2"}}]},
  "status": {"phase": "Running", "podIP": "10.0.0.1"}}]})";

class ObserverHangTest : public testing::ObservedServer {
 protected:
  ObserverHangTest() {
    options_.kubernetes.selector = "app=postgres";
    options_.kubernetes.kubeconfig = kubeconfig().string();
    find_pod_ = [find = make_pod_finder(*http_, platform::real_file_system(), options_)](
                    ServerPlace place, const CallLimits& limits) {
      place.address = "10.0.0.1";
      return find(place, limits);
    };
    begin();
  }
  platform::Path kubeconfig() {
    const platform::Path file = folder_ / "kubeconfig";
    const std::string text = fmt::format(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
        "contexts:\n- {{name: here, context: {{cluster: c, user: u, namespace: db}}}}\n"
        "clusters:\n- {{name: c, cluster: {{server: \"https://127.0.0.1:{}\", "
        "certificate-authority: {}}}}}\nusers:\n- {{name: u, user: {{token: t}}}}\n",
        tls_.port(), tls_.certificate().string());
    EXPECT_TRUE(platform::write_file_new(platform::real_file_system(), file, text, 0600));
    return file;
  }
  // Its first row, and how long that took.
  Duration begins() {
    const auto began = MonoTime::clock::now();
    write(1);
    return std::chrono::duration_cast<Duration>(MonoTime::clock::now() - began);
  }
  void restart() {
    server_.stop();
    server_.start();
    notice();
  }
  std::vector<std::string> told_of(std::string_view words) const {
    std::vector<std::string> found = seen_.back().report.deviations;
    std::erase_if(found, [&](const std::string& one) { return one.find(words) == one.npos; });
    return found;
  }

  std::stop_source stop_;
  std::atomic<bool> asking_stops_ = false;
  std::atomic<bool> names_pods_ = false;  // and is silent on all else
  HttpImposter api_{[this](const std::string& request) -> std::string {
    if (asking_stops_) stop_.request_stop();
    const bool answers = names_pods_ && request.find("/pods?") != std::string::npos;
    return answers ? HttpImposter::response(200, kPods) : "";
  }};
  testing::TlsFront tls_{api_.port()};
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
};

TEST_F(ObserverHangTest, AnApiThatNeverAnswersHoldsASessionForOneCallAndIsToldOnce) {
  clock_.behind = 8s;
  EXPECT_LT(begins(), kPromptly);
  write(2);
  EXPECT_THAT(api_.requests(), SizeIs(1)) << "once for each session";
  EXPECT_THAT(told_, IsEmpty()) << "it observes";
  restart();
  ASSERT_EQ(code(), "passed");
  EXPECT_THAT(told_of("not known"), SizeIs(1));
  EXPECT_THAT(told_of("the pod is not known"), SizeIs(1));
}

// Two volumes have two claims, and one call's time between them.
TEST_F(ObserverHangTest, AnApiThatFallsSilentOnTheVolumesHoldsItNoLonger) {
  names_pods_ = true;
  clock_.behind = 8s;
  EXPECT_LT(begins(), kPromptly);
  restart();
  ASSERT_EQ(code(), "passed");
  ASSERT_TRUE(seen_.back().pod);
  EXPECT_EQ(seen_.back().pod->uid, "u1");
  EXPECT_THAT(told_of("the volume of claim c1 is not known"), SizeIs(1));
  EXPECT_THAT(told_of("the volume of claim c2 is not known"), SizeIs(1));
}

TEST_F(ObserverHangTest, WhoeverStopsItWaitsForNoAnswer) {
  asking_stops_ = true;
  const auto began = MonoTime::clock::now();
  const auto written = observer_->step(stop_.get_token());
  EXPECT_LT(MonoTime::clock::now() - began, kPromptly);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::cancelled);
  EXPECT_THAT(told_, IsEmpty()) << "a stop is no trouble";
}

}  // namespace
}  // namespace vigie::proof
