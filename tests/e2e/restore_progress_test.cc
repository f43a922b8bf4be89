// What a restore tells in the midst of pg_restore, its longest part, and when it is cancelled
// there, by the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/harmful_source.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

constexpr int64_t kRows = 8 << 20;  // bytes; the source has them twice, the second time dead

class RestoreProgressTest : public ::testing::Test {
 protected:
  RestoreProgressTest() {
    server_.create_database("app");
    server_.execute(waits_when_restored("app", mark_) +
                        "CREATE TABLE large AS SELECT g, repeat('x', 1000) FROM "
                        "generate_series(1, 8 * 1024) g; UPDATE large SET g = g + 1",
                    "app");
    server_.create_role("clerk");
    host_.configure(server_.dsn("app"), {"schedule: \"@monthly\""});
  }
  // Its id; it will wait for its last view when all rows are in.
  std::string start_restore(const PgCluster& server, const std::vector<std::string>& more = {}) {
    EXPECT_TRUE(host_.serve()) << host_.log();
    EXPECT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
    std::vector<std::string> words{"restore",          "run",      "--backup", "latest", "--to",
                                   server.dsn("copy"), "--no-wait"};
    words.insert(words.end(), more.begin(), more.end());
    const Ran started = host_.run(words);
    EXPECT_EQ(started.status, 0) << started.err;
    return started.out.substr(0, started.out.find('\n'));
  }
  bool ends_as_cancelled(const std::string& run) {
    EXPECT_EQ(host_.run({"run", "cancel", run}).status, 0);
    return eventually([&] { return host_.state_of(run) == "cancelled"; }, std::chrono::minutes(1));
  }
  // What the run says of itself; empty while it has said nothing.
  json::object progress(const std::string& run) {
    const auto answer = parse_json(host_.ask("/v1/runs/" + run).body);
    const json::value* const found =
        answer && answer->is_object() ? find_value(answer->get_object(), "progress") : nullptr;
    return found != nullptr && found->is_object() ? found->get_object() : json::object();
  }
  static bool has_come_to(const json::object& progress, int64_t bytes) {
    const json::value* const done = find_value(progress, "done");
    return done != nullptr && done->to_number<int64_t>() >= bytes;
  }

  PgCluster server_;
  const platform::Path mark_ = server_.socket_folder() / "mark";
  VigieHost host_;
};

TEST_F(RestoreProgressTest, SaysHowFarPgRestoreIsAndAboutHowLongItTakes) {
  const std::string run = start_restore(server_);
  json::object said;
  ASSERT_TRUE(eventually(
      [&] {
        said = progress(run);
        return said["phase"] == json::value("restore") && has_come_to(said, kRows);
      },
      std::chrono::minutes(1)))
      << canonical_json(said) << host_.log();
  EXPECT_EQ(host_.state_of(run), "running");
  EXPECT_GT(said["rate_per_s"].to_number<double>(), 0);
  EXPECT_GT(said["total"].to_number<int64_t>(), said["done"].to_number<int64_t>());
  EXPECT_GT(said["remaining_s"].to_number<double>(), 0);
  EXPECT_TRUE(ends_as_cancelled(run));
}

TEST_F(RestoreProgressTest, ACancelledOneSaysHowManyRolesItMadeWhichStay) {
  PgCluster other;
  const std::string run = start_restore(other, {"--globals"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(mark_); }, std::chrono::minutes(1)))
      << host_.log();
  EXPECT_TRUE(ends_as_cancelled(run));
  const Ran shown = host_.run({"run", "show", run});
  EXPECT_THAT(shown.out, ::testing::ContainsRegex("roles_made +1\n")) << shown.err;
  EXPECT_EQ(other.value("SELECT count(*) FROM pg_roles WHERE rolname = 'clerk'"), "1");
  EXPECT_EQ(other.value("SELECT count(*) FROM pg_database WHERE datname ~ 'vigie|copy'"), "0");
}

}  // namespace
}  // namespace vigie::testing
