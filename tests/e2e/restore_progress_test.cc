// What a restore tells in the midst of pg_restore, its longest part, by the real binary.
#include <gtest/gtest.h>

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
    host_.configure(server_.dsn("app"), {"schedule: \"@monthly\""});
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
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const Ran started =
      host_.run({"restore", "run", "--backup", "latest", "--to", server_.dsn("copy"), "--no-wait"});
  ASSERT_EQ(started.status, 0) << started.err;
  const std::string run = started.out.substr(0, started.out.find('\n'));

  // All rows are in, and it waits for its last view.
  json::object said;
  ASSERT_TRUE(eventually(
      [&] {
        said = progress(run);
        return said["phase"] == json::value("restore") && has_come_to(said, kRows);
      },
      std::chrono::minutes(1)))
      << json::serialize(said) << host_.log();
  EXPECT_EQ(host_.state_of(run), "running");
  EXPECT_GT(said["rate_per_s"].to_number<double>(), 0);
  EXPECT_GT(said["total"].to_number<int64_t>(), said["done"].to_number<int64_t>());
  EXPECT_GT(said["remaining_s"].to_number<double>(), 0);
  EXPECT_EQ(host_.ask("/v1/runs/" + run, "DELETE", "{}").status, 202);
  EXPECT_TRUE(
      eventually([&] { return host_.state_of(run) == "cancelled"; }, std::chrono::minutes(1)));
}

}  // namespace
}  // namespace vigie::testing
