// Backups that only the holder of a private key can restore, by the real binary and the real age.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>

#include "tests/support/age_keys.h"
#include "tests/support/file_search.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/recovery_card_steps.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kSource[] = R"(
  CREATE TABLE plain(id int PRIMARY KEY, t text);
  INSERT INTO plain SELECT g, 'Canary-of-a-row-' || g FROM generate_series(1, 2000) g;
  CREATE TABLE nothing();
  SELECT lo_from_bytea(0, 'large object');
)";

class EncryptionTest : public ::testing::Test {
 protected:
  EncryptionTest() {
    server_.create_database("app");
    server_.execute(kSource, "app");
    ::chmod(scratch_.path().c_str(), 0755);
    encrypt_for("recipients: [" + keys_.recipient() + "]");
  }

  void encrypt_for(const std::string& whom, const std::vector<std::string>& drill = {}) {
    host_.configure(server_.dsn("app"), {"encryption: {" + whom + "}"});
    host_.add_drill(scratch_ / "s", drill);
  }
  std::string drill_key(const AgeKeys& keys) {
    return fmt::format("identity_file: {}", keys.file().string());
  }
  Ran restore(const std::vector<std::string>& more) {
    std::vector<std::string> words{"restore", "run",  "--backup",
                                   "latest",  "--to", server_.dsn("copy")};
    words.insert(words.end(), more.begin(), more.end());
    return host_.run(words);
  }

  PgCluster server_;
  const AgeKeys keys_;
  const AgeKeys others_;
  TempFolder scratch_;
  VigieHost host_;
};

TEST_F(EncryptionTest, RestoresWithTheKeyAndWithNoOther) {
  const Ran taken = host_.run({"backup", "run", "nightly"});
  ASSERT_EQ(taken.status, 0) << taken.out << taken.err;
  const auto dump = host_.store() / "nightly" / *host_.stored().begin() / "dump";
  for (const auto& entry : std::filesystem::directory_iterator(dump))
    EXPECT_THAT(contents(entry.path()), ::testing::StartsWith("age-encryption.org/v1"));
  EXPECT_EQ(host_.run({"backup", "verify", *host_.stored().begin()}).status, 0);

  const Ran without = restore({});
  EXPECT_EQ(without.status, 3) << without.out << without.err;
  EXPECT_THAT(without.err, HasSubstr("identity_missing"));
  const Ran other = restore({"--identity", others_.file().string()});
  EXPECT_EQ(other.status, 3) << other.out << other.err;
  EXPECT_THAT(other.err, HasSubstr("identity_refused"));
  const Ran ran = restore({"--identity", keys_.file().string()});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(dump_as_sql(server_, "copy"), dump_as_sql(server_, "app"));

  EXPECT_EQ(file_that_holds(keys_.secret(), host_.folder()), "");
  EXPECT_EQ(file_that_holds("Canary-of-a-row-", host_.folder()), "");
}

TEST_F(EncryptionTest, OnABareMachineFromFolderAndKeyAlone) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const TempFolder bare;
  PgCluster other;
  VigieHost stranger;
  const Ran ran =
      stranger.run({"restore", "run", "--from", host_.store().string(), "--identity",
                    keys_.file().string(), "--globals", "--to", other.dsn("copy"), "--work-dir",
                    bare.path().string(), "--bindir", pg_bindir().string()});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(dump_as_sql(other, "copy"), dump_as_sql(server_, "app"));
  EXPECT_TRUE(std::filesystem::is_empty(bare.path()));
}

TEST_F(EncryptionTest, ADrillOpensTheStoredCopyAndItsCanariesAreRefused) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const Ran without = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(without.status, 3) << without.out << without.err;
  EXPECT_THAT(without.out + without.err, HasSubstr("identity_missing"));

  encrypt_for("recipients: [" + keys_.recipient() + "]", {drill_key(keys_)});
  const Ran ran = host_.run({"drill", "run", "weekly"});
  const std::string shown = host_.run({"drill", "show", "weekly"}).out;
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err << shown;
  EXPECT_THAT(shown, HasSubstr("canary.row_removed_under_new_checksums"));
  EXPECT_EQ(file_that_holds(keys_.secret(), host_.folder()), "");
}

TEST_F(EncryptionTest, AKeyThatACommandPrintsServesADrill) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  encrypt_for(
      "recipients: [" + keys_.recipient() + "]",
      {"canary: never", fmt::format("identity_command: [/bin/cat, {}]", keys_.file().string())});
  const Ran ran = host_.run({"drill", "run", "weekly"});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
}

TEST_F(EncryptionTest, WhatCannotBeEncryptedIsNotBackedUp) {
  host_.write("recipients", "# nobody yet\n", 0644);
  const std::string file = "recipients_file: " + (host_.folder() / "recipients").string();
  encrypt_for(file);
  const Ran nobody = host_.run({"backup", "run", "nightly"});
  EXPECT_NE(nobody.status, 0) << nobody.out << nobody.err;
  EXPECT_THAT(nobody.out + nobody.err, HasSubstr("encryption_unavailable"));
  host_.write("recipients", "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\n",
              0644);
  const Ran refused = host_.run({"backup", "run", "nightly"});
  EXPECT_NE(refused.status, 0) << refused.out << refused.err;
  EXPECT_THAT(refused.out + refused.err, HasSubstr("encryption_failed"));
  EXPECT_TRUE(host_.stored().empty());
  EXPECT_TRUE(host_.debris().empty());
  EXPECT_THAT(host_.run({"doctor"}).out, HasSubstr("it refuses a recipient"));

  host_.write("recipients", "# two\n" + keys_.recipient() + "\n" + others_.recipient() + "\n",
              0644);
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const Ran ran = restore({"--identity", others_.file().string()});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
}

TEST_F(EncryptionTest, DamageIsFoundWithoutAKey) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const std::string id = *host_.stored().begin();
  const auto dump = host_.store() / "nightly" / id / "dump";
  const auto file = std::filesystem::directory_iterator(dump)->path();
  std::string text = contents(file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 4);
  ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), file, text));
  const Ran ran = host_.run({"backup", "verify", id});
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("artefact_hash"));
}

}  // namespace
}  // namespace vigie::testing
