// What a restore can know of the server that it puts a database into.
#include "proof/target.h"

#include <gtest/gtest.h>

#include "tests/support/lost_answer.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

class TargetTest : public ::testing::Test {
 protected:
  TargetTest() {
    server_.create_database("app");
    server_.create_database("made");
    server_.execute("CREATE TABLE new_one()", "made");
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + std::chrono::minutes(1);
  }
  bool is_in_place() {
    return server_.value("SELECT to_regclass('public.new_one') IS NOT NULL", "app") == "t" &&
           server_.value("SELECT count(*) FROM pg_database WHERE datname = 'before'") == "1";
  }

  testing::PgCluster server_;
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  Work work_;
};

// A restore that called this a failure would drop the very database that is in use now.
TEST_F(TargetTest, ARenamingWhoseAnswerIsLostHasBeenDone) {
  testing::LosesAnswers loses(*postgres_, "begin; alter database");
  auto target = Target::open(loses, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target);
  loses.lose_next();
  const auto replaced = target->put_in_place("made", "before", work_);
  ASSERT_TRUE(replaced) << replaced.error().detail(Audience::operators);
  EXPECT_TRUE(*replaced);
  EXPECT_TRUE(is_in_place());
}

TEST_F(TargetTest, ADatabaseOfARestoreThatIsGoneIsKnownByItsNameUnlessSomebodyIsInIt) {
  const std::string name = restore_database_name(RunId(std::string(32, 'a')));
  server_.create_database(name);
  auto target = Target::open(*postgres_, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->left_behind(work_).value(), std::vector<std::string>{name});
  const auto session =
      postgres_->connect(server_.named_dsn(name), "another restore", work_.limits());
  ASSERT_TRUE(session);
  EXPECT_TRUE(target->left_behind(work_).value().empty()) << "that restore is at work";
}

}  // namespace
}  // namespace vigie::proof
