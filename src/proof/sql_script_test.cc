#include "proof/sql_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> split(std::string_view script) {
  const auto statements = split_statements(script);
  EXPECT_TRUE(statements) << script;
  return statements.value_or(std::vector<std::string>());
}

TEST(SqlScript, IsSplitAtItsSemicolons) {
  EXPECT_THAT(split("SET a = 1;\n\nCREATE ROLE b;\n"), ElementsAre("SET a = 1", "CREATE ROLE b"));
  EXPECT_THAT(split("SELECT 1"), ElementsAre("SELECT 1"));
  EXPECT_THAT(split(" ;; \n-- nothing\n/* nor /* here */ */"), IsEmpty());
}

TEST(SqlScript, ASemicolonInsideAStringANameOrACommentEndsNothing) {
  EXPECT_THAT(split("SELECT 'a;''b' || E'c\\';d' || $x$e;$y$;f$x$ || $$g;$$, \"h;\"\"i\";SELECT 2"),
              ElementsAre("SELECT 'a;''b' || E'c\\';d' || $x$e;$y$;f$x$ || $$g;$$, \"h;\"\"i\"",
                          "SELECT 2"));
  EXPECT_THAT(split("SELECT 1 -- ; not here\n + 2 /* nor; here */;"),
              ElementsAre("SELECT 1  \n + 2  "));
  EXPECT_THAT(split("SELECT $1;"), ElementsAre("SELECT $1")) << "a parameter is no quote";
  EXPECT_THAT(split("SELECT 'a\\';"), ElementsAre("SELECT 'a\\'")) << "standard strings";
}

TEST(SqlScript, LinesForPsqlAreLeftOut) {
  EXPECT_THAT(
      split("\\restrict abc;\nSET a = 1;\n\\connect app\nSELECT E'\n\\.';\n\\unrestrict abc"),
      ElementsAre("SET a = 1", "SELECT E'\n\\.'"));
}

TEST(SqlScript, WhatHasNoEndIsRefused) {
  for (const char* script : {"SELECT 'a", "SELECT \"a", "SELECT $x$ a $y$", "SELECT /* a",
                             "SELECT /* /* */", "SELECT E'a\\'"}) {
    const auto statements = split_statements(script);
    ASSERT_FALSE(statements) << script;
    EXPECT_EQ(statements.error().code(), ErrorCode::sql_unreadable);
  }
}

TEST(SqlScript, TheDatabaseIsRenamedWhereverItIsNamed) {
  const auto renamed = [](std::string_view sql) {
    return with_database_renamed(sql, "app", "b\"c");
  };
  EXPECT_EQ(renamed("CREATE DATABASE app WITH ENCODING = 'UTF8'"),
            "CREATE DATABASE \"b\"\"c\" WITH ENCODING = 'UTF8'");
  EXPECT_EQ(renamed("ALTER DATABASE \"app\" SET work_mem TO 'app'"),
            "ALTER DATABASE \"b\"\"c\" SET work_mem TO 'app'");
  EXPECT_EQ(renamed("ALTER ROLE app IN DATABASE app SET a TO 'b'"),
            "ALTER ROLE app IN DATABASE \"b\"\"c\" SET a TO 'b'");
  EXPECT_EQ(renamed("GRANT CONNECT ON DATABASE app TO app"),
            "GRANT CONNECT ON DATABASE \"b\"\"c\" TO app");
  EXPECT_EQ(renamed("COMMENT ON DATABASE app IS 'DATABASE app'"),
            "COMMENT ON DATABASE \"b\"\"c\" IS 'DATABASE app'");
}

TEST(SqlScript, WhatDoesNotNameTheDatabaseStaysAsItIs) {
  for (const char* sql : {"ALTER DATABASE other OWNER TO app", "SELECT 'DATABASE app'",
                          "ALTER ROLE database SET a TO 'app'", "GRANT app TO database",
                          "SELECT 1 /* DATABASE app", ""})
    EXPECT_EQ(with_database_renamed(sql, "app", "x"), sql);
  EXPECT_EQ(with_database_renamed("ALTER ROLE database IN DATABASE \"in\" SET a TO 1", "in", "x"),
            "ALTER ROLE database IN DATABASE \"x\" SET a TO 1");
}

TEST(SqlScript, NamesBehindAWord) {
  EXPECT_EQ(name_after("CREATE ROLE \"a\"\"b;c\"", "role"), "a\"b;c");
  EXPECT_EQ(name_after("GRANT a TO b GRANTED BY c", "to"), "b");
  EXPECT_EQ(name_after("ALTER ROLE app WITH LOGIN", "role"), "app");
  EXPECT_EQ(name_after("ALTER ROLE", "role"), "");
  EXPECT_EQ(name_after("SELECT 'role x'", "role"), "");
}

}  // namespace
}  // namespace vigie::proof
