#include "api/tokens.h"

#include <gtest/gtest.h>

#include "tests/support/contents.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::api {
namespace {

class TokensTest : public ::testing::Test {
 protected:
  std::unique_ptr<Tokens> open() { return Tokens::open(folder_ / "state.db", clock_).value(); }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
};

TEST_F(TokensTest, KnowsATokenAfterAnotherStart) {
  const auto created = open()->create(Scope::operate, "ci", std::nullopt).value();
  const auto found = open()->check(created.token.reveal());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, created.info.id);
  EXPECT_EQ(found->scope, Scope::operate);
}

TEST_F(TokensTest, StaysRevokedAfterAnotherStart) {
  auto tokens = open();
  const auto created = tokens->create(Scope::read, "", std::nullopt).value();
  ASSERT_TRUE(tokens->revoke(created.info.id));
  EXPECT_EQ(open()->check(created.token.reveal()).error().code(), ErrorCode::token_invalid);
}

TEST_F(TokensTest, NeverWritesTheTokenItself) {
  const auto created = open()->create(Scope::read, "", std::nullopt).value();
  for (const auto* name : {"state.db", "state.db-wal"}) {
    const std::string bytes = testing::contents(folder_ / name);
    EXPECT_EQ(bytes.find(created.token.reveal()), std::string::npos) << name;
    EXPECT_EQ(bytes.find(created.token.reveal().substr(4)), std::string::npos) << name;
  }
}

TEST_F(TokensTest, MakesTokensOf256RandomBits) {
  auto tokens = open();
  const auto one = tokens->create(Scope::read, "", std::nullopt)->token.reveal();
  const auto other = tokens->create(Scope::read, "", std::nullopt)->token.reveal();
  EXPECT_NE(one, other);
  EXPECT_EQ(one.size(), 47u);
  EXPECT_TRUE(one.starts_with("vgt_"));
}

TEST_F(TokensTest, ExpiresAtTheSecondItSays) {
  auto tokens = open();
  const auto created = tokens->create(Scope::read, "", std::chrono::hours(1)).value();
  clock_.advance(std::chrono::hours(1) - std::chrono::seconds(1));
  EXPECT_TRUE(tokens->check(created.token.reveal()));
  clock_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(tokens->check(created.token.reveal()));
}

TEST_F(TokensTest, SaysThatThereIsNoSuchToken) {
  EXPECT_EQ(open()->revoke("nothing").error().code(), ErrorCode::token_not_found);
}

TEST_F(TokensTest, RefusesANameWithControlCharacters) {
  EXPECT_FALSE(open()->create(Scope::read, "a\nb", std::nullopt));
  EXPECT_FALSE(open()->create(Scope::read, std::string(101, 'a'), std::nullopt));
}

}  // namespace
}  // namespace vigie::api
