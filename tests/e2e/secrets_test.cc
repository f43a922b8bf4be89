// Secrets that work (a password that the server asks for, a ping's address, a token) are planted,
// and then everything that comes out is searched for them: what is said, what is written, and what
// other programs are started with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/encoding.h"
#include "base/json.h"
#include "platform/system_info.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr char kPassword[] = "Canary-7f\"3a:91\\c'2 %/+b";
constexpr char kPing[] = "canary-8d1b55e0-ping";

// As a text may hold it: base64 at each of the three places where it may begin, without the
// characters that its neighbours have a part in.
std::vector<std::string> forms_of(const std::string& secret) {
  const std::string quoted = canonical_json(json::value(secret));
  std::vector<std::string> forms{secret, percent_encode(secret),
                                 quoted.substr(1, quoted.size() - 2)};
  for (size_t before = 0; before < 3; ++before) {
    const std::string text = base64_encode(as_bytes(std::string(before, 'x') + secret));
    forms.push_back(text.substr(4, text.size() - 8));
  }
  return forms;
}

class SecretsTest : public ::testing::Test {
 protected:
  SecretsTest() : server_({.authentication = "scram-sha-256"}) {
    plant("the password", kPassword);
    plant("the ping's address", kPing);
    server_.create_role("keeper", "SUPERUSER", kPassword);
    server_.execute("CREATE TABLE public.t AS SELECT g FROM generate_series(1, 100) g");
    host_.write("password", std::string(kPassword) + "\n");
    host_.write("ping", std::string("http://127.0.0.1:9/") + kPing + "\n");
    host_.configure(server_.dsn("postgres", "keeper"),
                    {"ping_url_file: " + (host_.folder() / "ping").string(), "jobs: 2"},
                    (host_.folder() / "password").string());
  }

  void plant(const std::string& name, const std::string& secret) {
    for (std::string& form : forms_of(secret)) planted_.emplace_back(name, std::move(form));
  }
  void expect_none(const std::string& text, const std::string& where) {
    for (const auto& [name, form] : planted_)
      EXPECT_EQ(text.find(form), std::string::npos) << where << " holds " << name << " as " << form;
  }
  Ran run(const std::vector<std::string>& words) {
    Ran ran = host_.run(words);
    expect_none(ran.out + ran.err, words.front());
    return ran;
  }
  // Not the data: it is the database's own.
  void expect_none_below(const platform::Path& folder) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
      if (file.is_regular_file() && file.path().extension() != ".zst")
        expect_none(contents(file.path()), file.path().string());
    }
  }
  // What the daemon's children were started with; how many there were.
  int look_at_children() {
    int seen = 0;
    for (const int pid : platform::descendant_processes(host_.pid())) {
      const std::filesystem::path process = "/proc/" + std::to_string(pid);
      const std::string words = contents(process / "cmdline");
      expect_none(words + contents(process / "environ"), words);
      if (words.find("pg_dump") != std::string::npos) ++seen;
    }
    return seen;
  }

  PgCluster server_;
  VigieHost host_;
  std::vector<std::pair<std::string, std::string>> planted_;
};

TEST_F(SecretsTest, NoChildIsStartedWithASecret) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const auto blocker = server_.lock_table("t");
  ASSERT_NE(host_.start_run(), "");
  ASSERT_TRUE(server_.somebody_waits()) << host_.log();
  // Who counts the source's rows beside the dump may wait before it.
  EXPECT_TRUE(eventually([&] { return look_at_children() > 0; }));
}

TEST_F(SecretsTest, NothingThatIsSaidOrWrittenHoldsASecret) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const auto made =
      parse_json(host_.run({"token", "create", "--scope", "admin", "-o", "json"}).out);
  ASSERT_TRUE(made);
  plant("the token", std::string(made->at("token").as_string()));
  EXPECT_EQ(run({"backup", "run", "nightly"}).status, 0);
  ASSERT_EQ(host_.stored().size(), 1U);
  run({"backup", "pin", *host_.stored().begin(), "--reason", std::string("it is ") + kPassword});
  run({"backup", "verify", "--all"});

  server_.execute("ALTER ROLE keeper PASSWORD 'another'");
  EXPECT_NE(run({"backup", "run", "nightly"}).status, 0) << "the server asks for a password";
  for (const char* verb : {"doctor", "check-config", "status", "check"}) run({verb});
  run({"backup", "show", *host_.stored().begin()});
  run({"evidence", "list", "-o", "json"});
  for (const char* route : {"/health", "/readiness", "/backups/status", "/restore/status",
                            "/metrics", "/v1/backups", "/v1/evidence", "/v1/nothing"})
    expect_none(host_.ask(route).body, route);
  EXPECT_THAT(host_.log(), HasSubstr("ping")) << "its failure was told";
  expect_none(host_.log(), "the log");
  expect_none_below(host_.state());
  expect_none_below(host_.store());
}

// The daemon has only the hash of a token that an earlier one made.
TEST_F(SecretsTest, ATokenInTheWrongPlaceOfARequestGoesNowhere) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const auto made =
      parse_json(host_.run({"token", "create", "--scope", "admin", "-o", "json"}).out);
  ASSERT_TRUE(made);
  const std::string token(made->at("token").as_string());
  plant("the token", token);
  host_.signal(SIGTERM);
  ASSERT_EQ(host_.wait(), 0) << host_.log();
  ASSERT_TRUE(host_.serve()) << host_.log();

  const VigieHost::Headers ids{
      {"X-Correlation-Id", token}, {"X-Request-Id", token}, {"Idempotency-Key", token}};
  const HttpSaid begun =
      host_.ask("/v1/backups/nightly/runs", "POST",
                R"({"reason":"by )" + token + R"(","ref":")" + token + "\"}", ids);
  EXPECT_EQ(begun.status, 202) << begun.body;
  expect_none(begun.body, "the run's answer");
  EXPECT_TRUE(eventually([&] { return host_.stored().size() == 1; }, 60s)) << host_.log();
  for (const std::string& target :
       {"/v1/runs/" + token, "/v1/" + token, "/v1/backups?" + token, "/v1/evidence?kind=" + token,
        std::string("/v1/evidence"), std::string("/v1/backups")})
    expect_none(host_.ask(target, "GET", "", ids).body, target);
  host_.signal(SIGTERM);
  ASSERT_EQ(host_.wait(), 0) << host_.log();
  expect_none(host_.log(), "the log");
  expect_none_below(host_.state());
  expect_none_below(host_.store());
}

}  // namespace
}  // namespace vigie::testing
