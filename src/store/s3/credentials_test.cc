#include "store/s3/credentials.h"

#include <gtest/gtest.h>

#include <fstream>

#include "platform/log.h"
#include "tests/support/temp_folder.h"

namespace vigie::store::s3 {
namespace {

void expect_key(std::string_view text, std::string_view access, std::string_view secret,
                std::string_view token = "") {
  const auto key = Credentials::parse(text);
  ASSERT_TRUE(key) << text;
  EXPECT_EQ(key->access_key, access);
  EXPECT_EQ(key->secret_key.reveal(), secret);
  EXPECT_EQ(key->session_token.reveal(), token);
}

TEST(Credentials, AreTwoLines) {
  expect_key("AKIA1\nse/cr+et", "AKIA1", "se/cr+et");
  expect_key("AKIA1\r\nse/cr+et\r\n\r\n", "AKIA1", "se/cr+et");
}

TEST(Credentials, MayEndWithTheSignOfBase64) {
  expect_key("AKIA1\nc2VjcmV0==", "AKIA1", "c2VjcmV0==");
}

TEST(Credentials, AreSettings) {
  expect_key("access_key_id=AKIA1\nsecret_access_key = se=cr=et\n", "AKIA1", "se=cr=et");
}

TEST(Credentials, MayBeAFileOfTheAwsCommandLine) {
  expect_key(
      "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
      "aws_session_token = t\nregion = eu-west-1\n",
      "AKIA1", "s", "t");
}

TEST(Credentials, NothingElseIsTaken) {
  for (const char* text :
       {"", "AKIA1", "AKIA1\n", "one\ntwo\nthree", "access_key_id=AKIA1", "secret_access_key=s",
        "AKIA 1\nsecret", "AKIA1\nsec\x01ret", "access_key_id=\nsecret_access_key=s"})
    EXPECT_FALSE(Credentials::parse(text)) << text;
}

TEST(Credentials, TooManyLinesAreRefused) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "a" + std::to_string(i) + "=b\n";
  EXPECT_FALSE(Credentials::parse(text + "access_key_id=a\nsecret_access_key=b\n"));
}

class CredentialsFile : public ::testing::Test {
 protected:
  platform::Path file_of(const std::string& text, unsigned mode = 0600) {
    const platform::Path path = folder_ / "key";
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms(mode));
    return path;
  }
  testing::TempFolder folder_;
};

TEST_F(CredentialsFile, IsReadAndItsSecretIsKnownAsOne) {
  ASSERT_TRUE(read_credentials(file_of("AKIA1\ncanary-secret-of-a-file\n")));
  EXPECT_FALSE(platform::known_secrets().clean("it said canary-secret-of-a-file."));
}

TEST_F(CredentialsFile, ThatOthersCanReadIsRefused) {
  EXPECT_EQ(read_credentials(file_of("AKIA1\nsecret\n", 0644)).error().code(),
            ErrorCode::secret_file_mode);
}

TEST_F(CredentialsFile, OfAnotherFormIsRefusedWithoutAWordOfIt) {
  const auto read = read_credentials(file_of("canary canary\n"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::secret_file_invalid);
  EXPECT_EQ(read.error().detail(Audience::operators).find("canary"), std::string::npos);
}

}  // namespace
}  // namespace vigie::store::s3
