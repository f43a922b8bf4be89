// What is read of pg_restore's lists and scripts: whatever they hold, without a server.
#include "proof/archive.h"

#include <gtest/gtest.h>

namespace vigie::proof {
namespace {

TEST(ArchiveList, TakesEntriesAndLeavesTheRest) {
  const auto entries = parse_archive_list(
      ";\n; Archive created at …\n"
      "4; 1262 16384 DATABASE - app clerk\n"
      "3456; 0 16394 TABLE DATA public orders app\n"
      "no entry\n; 12\n12\n12;\n12; x y z\n"
      "99999999999999999999; 0 0 TABLE public t app\n"
      "215; 1259 16394 TABLE public last app");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_TRUE(entries[0].speaks_of_database());
  EXPECT_EQ(entries[1].id, 3456);
  EXPECT_EQ(entries[1].what, "TABLE DATA public orders app");
  EXPECT_EQ(entries[2].what, "TABLE public last app") << "without a line feed at its end";
}

TEST(ArchiveList, KnowsWhatSpeaksOfTheDatabase) {
  for (const char* what :
       {"DATABASE - app x", "DATABASE PROPERTIES - app x", "ACL - DATABASE app x",
        "COMMENT - DATABASE app x", "SECURITY LABEL - DATABASE app x"})
    EXPECT_TRUE((ArchiveEntry{1, what, what}.speaks_of_database())) << what;
  for (const char* what :
       {"ACL public TABLE database x", "TABLE public DATABASE x", "ACL - SCHEMA a x"})
    EXPECT_FALSE((ArchiveEntry{1, what, what}.speaks_of_database())) << what;
}

TEST(SequenceValues, AreReadWithTheirNamesAsSqlWritesThem) {
  const auto values = parse_sequence_values(
      "SET search_path = '';\n--\n-- Name: s; Type: SEQUENCE SET\n--\n\n"
      "SELECT pg_catalog.setval('public.s', 42, true);\n"
      "SELECT pg_catalog.setval('\"odd \"\"schema\".\"never ''called\"', 1, false);\n"
      "SELECT pg_catalog.setval('public.minus', -7, true);\n"
      "SELECT pg_catalog.setval('public.cut');\nSELECT 1;\n");
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].name, "public.s");
  EXPECT_EQ(values[0].value, "42");
  EXPECT_TRUE(values[0].called);
  EXPECT_EQ(values[1].name, "\"odd \"\"schema\".\"never 'called\"");
  EXPECT_FALSE(values[1].called);
  EXPECT_EQ(values[2].value, "-7");
}

}  // namespace
}  // namespace vigie::proof
