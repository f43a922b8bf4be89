// Whoever sends a large file into a bucket is killed with one part there and another on its way: of
// the half file nothing stays, and the whole is made anew.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "platform/clock.h"
#include "platform/http_client.h"
#include "store/s3/client.h"
#include "tests/support/cutting_proxy.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/radosgw.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// One table of four parts, which do not compress.
constexpr char kSource[] =
    "CREATE TABLE noise AS SELECT g AS id, (SELECT string_agg(sha256((g * 1000 + i)::text::bytea),"
    " '') FROM generate_series(1, 300) i) AS bytes FROM generate_series(1, 2400) g";
// The first part is there, and the second is on its way: all else that is sent is little.
constexpr size_t kIntoTheSecondPart = size_t{8} << 20;

class S3KillTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_ = std::make_unique<PgCluster>();
    source_->create_database("app");
    source_->execute(kSource, "app");
  }
  static void TearDownTestSuite() { source_.reset(); }

  // `where`: the lines of the job that say where its backups go.
  void configure(const std::string& where) {
    const Radosgw& server = Radosgw::shared();
    host_.write(
        "vigie.yaml",
        fmt::format("server: {{listen: \"unix:{0}/http.sock\"}}\n"
                    "state: {{dir: {0}/state}}\n"
                    "databases:\n  app:\n    dsn: \"{1}\"\n    {2}\n"
                    "stores:\n  near: {{path: {0}/artefacts, reserve: 1MiB}}\n"
                    "  offsite:\n    type: s3\n    endpoint: {3}\n    bucket: {4}\n"
                    "    prefix: {5}\n    credentials_file: {6}\n    off_host: true\n"
                    "backups:\n  nightly:\n    database: app\n    {7}\n",
                    host_.folder().string(), source_->dsn("app"), bindir_line(), line_.endpoint(),
                    server.bucket(), prefix_, server.credentials_file().string(), where));
  }

  // Ends it where it is known to have a part under way.
  void kill_at_the_second_part() {
    ASSERT_TRUE(line_.holds()) << host_.log();
    host_.signal(SIGKILL);
    EXPECT_EQ(host_.wait(), 137);
    line_.release();
    EXPECT_THAT(uploads(), SizeIs(1)) << "the test is of nothing";
    EXPECT_THAT(manifests(), IsEmpty());
  }

  // One whole backup in the bucket, and nothing else of any.
  void expect_one_and_nothing_else() {
    EXPECT_THAT(uploads(), IsEmpty());
    ASSERT_THAT(manifests(), SizeIs(1));
    const std::string manifest = manifests().front();
    const std::string folder = manifest.substr(0, manifest.rfind('/') + 1);
    for (const std::string& key : keys()) EXPECT_TRUE(key.starts_with(folder)) << key;
    const Ran verified = host_.run({"backup", "verify", "--all"});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }

  std::vector<std::string> keys() const {
    std::vector<std::string> out;
    EXPECT_TRUE(
        client_.each(below_, [&](const store::s3::Object& one) { out.push_back(one.key); }));
    return out;
  }
  std::vector<std::string> manifests() const {
    auto out = keys();
    std::erase_if(out, [](const std::string& one) { return !one.ends_with("/manifest.json"); });
    return out;
  }
  std::vector<store::s3::Upload> uploads() const {
    return client_.uploads(below_).value_or(std::vector<store::s3::Upload>());
  }

  static store::s3::Client client(const platform::Clock& clock) {
    const Radosgw& server = Radosgw::shared();
    store::S3Options options;
    options.endpoint = server.endpoint();
    options.bucket = server.bucket();
    options.credentials_file = server.credentials_file().string();
    return {std::make_shared<store::s3::Exchange>("offsite", options, platform::make_http_client(8),
                                                  clock),
            no_limits()};
  }

  static std::unique_ptr<PgCluster> source_;
  const std::string prefix_ = Radosgw::new_prefix();
  const std::string below_ = prefix_ + "/nightly/";
  platform::RealClock clock_;
  const store::s3::Client client_ = client(clock_);
  CuttingProxy line_{Radosgw::shared().port()};
  VigieHost host_;
};
std::unique_ptr<PgCluster> S3KillTest::source_;

TEST_F(S3KillTest, OfADaemonsBackupNothingStaysAfterTheNextStart) {
  configure("store: offsite");
  ASSERT_TRUE(host_.serve()) << host_.log();
  line_.hold(kIntoTheSecondPart);
  const std::string run = host_.start_run();
  kill_at_the_second_part();

  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.state_of(run), "interrupted");
  EXPECT_TRUE(
      eventually([&] { return uploads().empty() && keys().empty(); }, std::chrono::minutes(1)))
      << host_.log();
  const Ran ran = host_.run({"backup", "run", "nightly"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  expect_one_and_nothing_else();
}

TEST_F(S3KillTest, OfACommandsBackupNothingStaysAfterTheNextRun) {
  configure("store: offsite");
  line_.hold(kIntoTheSecondPart);
  host_.start({"backup", "run", "nightly"});
  kill_at_the_second_part();

  const Ran ran = host_.run({"backup", "run", "nightly"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  expect_one_and_nothing_else();
}

TEST_F(S3KillTest, ACopyIsMadeAnew) {
  configure("store: near\n    copies: [offsite]");
  line_.hold(kIntoTheSecondPart);
  host_.start({"backup", "run", "nightly"});
  kill_at_the_second_part();
  ASSERT_THAT(host_.stored(), SizeIs(1)) << "the original is there";

  const Ran ran = host_.run({"backup", "copy", "nightly"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  expect_one_and_nothing_else();
  const Ran verified = host_.run({"evidence", "list", "--kind", "copy_verify"});
  EXPECT_THAT(verified.out, ::testing::HasSubstr("passed"));
}

}  // namespace
}  // namespace vigie::testing
