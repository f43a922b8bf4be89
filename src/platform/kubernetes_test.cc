#include "platform/kubernetes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_imposter.h"

namespace vigie::platform {
namespace {

using ::testing::HasSubstr;
using testing::HttpImposter;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr const char* kToken = "canary-token-91ab";

// A client before an imposter; each request has a token of its own.
class KubernetesTest : public ::testing::Test {
 protected:
  void answer_with(HttpImposter::Answer answer) {
    peer_ = std::make_unique<HttpImposter>(std::move(answer));
  }
  void answer_with(int status, std::string body, std::string headers = "") {
    answer_with([=](const std::string&) { return HttpImposter::response(status, body, headers); });
  }
  Result<KubernetesAnswer> get(CallLimits limits = {MonoTime::clock::now() + 20s, {}}) {
    return api_.get("/api/v1/pods", limits);
  }
  // What may be shown of it; the token never is.
  std::string words(const Error& error) {
    std::string all = error.detail(Audience::operators) + error.remedy(Audience::operators);
    EXPECT_THAT(all, Not(HasSubstr(kToken)));
    return all;
  }

  std::unique_ptr<HttpImposter> peer_;
  int asked_ = 0;
  std::unique_ptr<HttpClient> http_ = make_http_client();
  KubernetesApi api_{*http_, [this]() -> Result<KubernetesAccess> {
                       KubernetesAccess access;
                       access.server = "http://127.0.0.1:" + std::to_string(peer_->port());
                       access.name_space = "db";
                       access.token = Secret(kToken + std::to_string(++asked_));
                       return access;
                     }};
};

TEST_F(KubernetesTest, AsksWithTheTokenOfTheMoment) {
  answer_with(200, R"({"kind": "PodList"})");
  ASSERT_TRUE(get());
  ASSERT_TRUE(get());
  const auto requests = peer_->requests();
  EXPECT_TRUE(requests.at(0).starts_with("GET /api/v1/pods HTTP/1.1\r\n"));
  EXPECT_THAT(requests.at(0), HasSubstr("Authorization: Bearer canary-token-91ab1\r\n"));
  EXPECT_THAT(requests.at(1), HasSubstr("Authorization: Bearer canary-token-91ab2\r\n"));
}

TEST_F(KubernetesTest, DeletesWithOptionsInTheBody) {
  answer_with(200, "{}");
  ASSERT_TRUE(api_.remove("/api/v1/pods/a", {{"gracePeriodSeconds", 1}}, no_limits()));
  EXPECT_TRUE(peer_->requests().at(0).starts_with("DELETE /api/v1/pods/a "));
  EXPECT_TRUE(peer_->requests().at(0).ends_with("\r\n\r\n{\"gracePeriodSeconds\":1}"));
}

TEST_F(KubernetesTest, ARefusalIsAnAnswerInWhateverForm) {
  answer_with(403, R"({"kind": "Status", "code": 403})");
  EXPECT_EQ(get()->object.at("kind").as_string(), "Status");
  answer_with(401, "Unauthorized: canary");
  EXPECT_EQ(get()->status, 401);
  EXPECT_TRUE(get()->object.empty());
}

TEST_F(KubernetesTest, DoesNotFollowARedirect) {
  answer_with(302, "", "Location: /elsewhere\r\n");
  EXPECT_EQ(get()->status, 302);
  EXPECT_EQ(peer_->requests().size(), 1U) << "the token goes to no other place";
}

TEST_F(KubernetesTest, AnAnswerThatIsCutOrNoObjectIsNone) {
  for (const char* body : {R"({"items": [{"meta)", "", "[]", "<html>", R"({"a": 1, "a": 2})"}) {
    answer_with(200, body);
    const auto answer = get();
    ASSERT_FALSE(answer) << body;
    EXPECT_THAT(words(answer.error()), HasSubstr("no JSON object"));
  }
  // Less than was promised.
  answer_with([](const std::string&) {
    return std::string("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{}");
  });
  EXPECT_EQ(get().error().code(), ErrorCode::peer_unreachable);
}

TEST_F(KubernetesTest, BoundsSizeAndDepth) {
  answer_with(200, "{\"a\": \"" + std::string(kKubernetesAnswer.count, 'x') + "\"}");
  EXPECT_EQ(get().error().code(), ErrorCode::limit_exceeded);
  answer_with(200, "{\"a\":" + std::string(1'000, '[') + std::string(1'000, ']') + "}");
  EXPECT_EQ(get().error().code(), ErrorCode::peer_unreachable);
}

TEST_F(KubernetesTest, ASilentServerIsGivenUp) {
  answer_with([](const std::string&) { return ""; });
  const auto answer = get({MonoTime::clock::now() + 100ms, {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_THAT(words(answer.error()), HasSubstr("the Kubernetes API"));
}

TEST_F(KubernetesTest, AStopEndsIt) {
  std::stop_source source;
  answer_with([&](const std::string&) { return source.request_stop(), ""; });
  EXPECT_EQ(get({MonoTime::max(), source.get_token()}).error().code(), ErrorCode::cancelled);
}

TEST_F(KubernetesTest, WithoutCredentialsNobodyIsAsked) {
  answer_with(200, "{}");
  KubernetesApi api(*http_, []() -> Result<KubernetesAccess> {
    return fail(ErrorCode::secret_file_missing, {{"path", "/x"}});
  });
  EXPECT_EQ(api.get("/", no_limits()).error().code(), ErrorCode::secret_file_missing);
  EXPECT_TRUE(peer_->requests().empty());
}

}  // namespace
}  // namespace vigie::platform
