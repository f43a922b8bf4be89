// Backups into a bucket, by the real binary on real servers, and out of it again when the host and
// all that it had is gone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "base/encoding.h"
#include "tests/support/age_keys.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/radosgw.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// One table is larger than a part of an upload, and does not compress.
constexpr char kSource[] = R"(
  CREATE TABLE orders(id int PRIMARY KEY, at timestamptz, note text);
  INSERT INTO orders SELECT g, now(), 'order ' || g FROM generate_series(1, 5000) g;
  CREATE TABLE noise(id int, bytes bytea);
  INSERT INTO noise SELECT g, (SELECT string_agg(sha256((g * 1000 + i)::text::bytea), '')
                               FROM generate_series(1, 300) i)
    FROM generate_series(1, 2400) g;
)";
constexpr char kRows[] =
    "SELECT concat_ws(' ', (SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders o), "
    "(SELECT md5(string_agg(md5(n::text), '' ORDER BY id)) FROM noise n))";

class S3Test : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_ = std::make_unique<PgCluster>();
    source_->create_database("app");
    source_->execute(kSource, "app");
  }
  static void TearDownTestSuite() { source_.reset(); }

  // `job`: more lines of the job's mapping, without indentation.
  void configure(VigieHost& host, const std::string& credentials,
                 const std::string& job = "") const {
    const Radosgw& server = Radosgw::shared();
    host.write("vigie.yaml",
               fmt::format("server: {{listen: \"unix:{0}/http.sock\"}}\n"
                           "state: {{dir: {0}/state}}\n"
                           "databases:\n  app:\n    dsn: \"{1}\"\n    {2}\n"
                           "stores:\n  offsite:\n    type: s3\n    endpoint: {3}\n    bucket: {4}\n"
                           "    prefix: {5}\n    credentials_file: {6}\n    off_host: true\n"
                           "backups:\n  nightly:\n    database: app\n    store: offsite\n"
                           "    retention: {{keep_last: 1, min_good: 1}}\n    {7}\n",
                           host.folder().string(), source_->dsn("app"), bindir_line(),
                           server.endpoint(), server.bucket(), prefix_, credentials, job));
  }
  void configure(VigieHost& host) const {
    configure(host, Radosgw::shared().credentials_file().string());
  }

  // Of a machine that may read the bucket, and has nothing else.
  std::vector<std::string> from_bucket(std::vector<std::string> verb,
                                       const std::vector<std::string>& more) const {
    const Radosgw& server = Radosgw::shared();
    const std::vector<std::string> place{
        "--from",           "s3://" + server.bucket() + "/" + prefix_,
        "--s3-endpoint",    server.endpoint(),
        "--s3-credentials", server.reader_file().string()};
    verb.insert(verb.end(), place.begin(), place.end());
    if (verb.front() == "restore") verb.insert(verb.end(), {"--bindir", pg_bindir().string()});
    verb.insert(verb.end(), more.begin(), more.end());
    return verb;
  }

  static size_t backups_of(VigieHost& host) {
    const Ran list = host.run({"backup", "list", "--output", "json"});
    const auto items = parse_json(list.out);
    return items && items->is_array() ? items->get_array().size() : 0;
  }

  static std::unique_ptr<PgCluster> source_;
  const std::string prefix_ = "vigie/" + Radosgw::new_prefix();
};
std::unique_ptr<PgCluster> S3Test::source_;

TEST_F(S3Test, ABackupComesBackWhenTheHostIsGone) {
  {
    VigieHost host;
    configure(host);
    const Ran ran = host.run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
    EXPECT_TRUE(host.debris().empty());
  }
  PgCluster target;
  VigieHost bare;
  const Ran restored = bare.run(from_bucket({"restore", "run"}, {"--to", target.dsn("app")}));
  ASSERT_EQ(restored.status, 0) << restored.out << restored.err;
  EXPECT_EQ(target.value(kRows, "app"), source_->value(kRows, "app"));
}

// Bucket, key and an empty server are all that is left.
TEST_F(S3Test, AnEncryptedBackupComesBackWithItsRolesWhenTheHostIsGone) {
  const AgeKeys keys;
  source_->execute("CREATE ROLE clerk LOGIN; ALTER TABLE orders OWNER TO clerk", "app");
  {
    VigieHost host;
    configure(host, Radosgw::shared().credentials_file().string(),
              "encryption: {recipients: [" + keys.recipient() + "]}");
    const Ran ran = host.run({"backup", "run", "nightly"});
    source_->execute("ALTER TABLE orders OWNER TO postgres; DROP ROLE clerk", "app");
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  PgCluster target;
  VigieHost bare;
  const Ran restored =
      bare.run(from_bucket({"restore", "run"}, {"--to", target.dsn("app"), "--globals",
                                                "--identity", keys.file().string()}));
  ASSERT_EQ(restored.status, 0) << restored.out << restored.err;
  EXPECT_EQ(target.value(kRows, "app"), source_->value(kRows, "app"));
  EXPECT_EQ(target.value("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'", "app"),
            "clerk");
  EXPECT_THAT(restored.out + restored.err, Not(HasSubstr(keys.secret())));
}

TEST_F(S3Test, TheEvidenceIsVerifiedFromTheBucketByThePublicKeyAlone) {
  VigieHost host;
  configure(host);
  ASSERT_EQ(host.run({"backup", "run", "nightly"}).status, 0);
  ASSERT_TRUE(host.serve()) << host.log();
  VigieHost auditor;
  auditor.write("ledger.pub", contents(host.state() / "ledger.pub"));
  const auto words = from_bucket({"evidence", "verify"},
                                 {"--public-key", (auditor.folder() / "ledger.pub").string()});
  Ran verified;
  const auto verifies = [&] { return (verified = auditor.run(words)).status == 0; };
  ASSERT_TRUE(eventually(verifies, std::chrono::seconds(60)))
      << verified.out << verified.err << host.log();
  EXPECT_THAT(verified.out, HasSubstr("the key that was given signs them"));
}

TEST_F(S3Test, ItIsVerifiedExpiredAndTakenInByANewState) {
  VigieHost host;
  configure(host);
  ASSERT_EQ(host.run({"backup", "run", "nightly"}).status, 0);
  const Ran second = host.run({"backup", "run", "nightly"});
  ASSERT_EQ(second.status, 0) << second.out << second.err;
  const Ran verified = host.run({"backup", "verify", "--all"});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  EXPECT_EQ(backups_of(host), 1U) << "keep_last: 1";

  std::filesystem::remove_all(host.state());
  const Ran adopted = host.run({"store", "adopt", "offsite", "--reason", "state folder lost"});
  ASSERT_EQ(adopted.status, 0) << adopted.out << adopted.err;
  const Ran read = host.run({"backup", "verify", "--all"});
  EXPECT_EQ(read.status, 0) << read.out << read.err;
  EXPECT_EQ(backups_of(host), 1U);
}

TEST_F(S3Test, AStoreOfAnotherStateFolderIsLeftAlone) {
  VigieHost first;
  configure(first);
  ASSERT_EQ(first.run({"backup", "run", "nightly"}).status, 0);
  VigieHost second;
  configure(second);
  const Ran ran = second.run({"backup", "run", "nightly"});
  EXPECT_NE(ran.status, 0);
  EXPECT_THAT(ran.err, HasSubstr("another state folder"));
}

TEST_F(S3Test, DoctorSaysThatItIsOffTheHost) {
  VigieHost host;
  configure(host);
  const Ran ran = host.run({"doctor", "--output", "json"});
  EXPECT_THAT(ran.out, HasSubstr("is on another host"));
  EXPECT_THAT(ran.out, HasSubstr("answers at http://127.0.0.1:"));
}

// In what is printed, logged, kept and answered, in the forms that it could have there.
TEST_F(S3Test, TheSecretOfAWrongKeyIsNowhere) {
  const std::string canary = "canary/of+the=secret-key-0123456789";
  VigieHost host;
  host.write("key", Radosgw::shared().access_key() + "\n" + canary + "\n");
  configure(host, (host.folder() / "key").string());
  const Ran ran = host.run({"backup", "run", "nightly"});
  EXPECT_NE(ran.status, 0);
  EXPECT_THAT(ran.err, HasSubstr("403 SignatureDoesNotMatch"));
  const Ran doctor = host.run({"doctor"});
  std::string all = ran.out + ran.err + doctor.out + doctor.err;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(host.state()))
    if (entry.is_regular_file()) all += contents(entry.path());
  for (const std::string& form : {canary, percent_encode(canary), base64_encode(as_bytes(canary)),
                                  hex_encode(as_bytes(canary))})
    EXPECT_THAT(all, Not(HasSubstr(form)));
}

}  // namespace
}  // namespace vigie::testing
