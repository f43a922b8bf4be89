#include "platform/client_trouble.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vigie::platform {
namespace {

TEST(DumpReason, AnOutputKeepsWhoSaidItHowBadItIsAndAReasonButNoWordOfIt) {
  const std::string text =
      "pg_dump: error: Dumping the contents of table \"t\" failed: PQgetResult() failed.\n"
      "pg_dump: detail: Error message from server: ERROR:  bad canary-91f\n"
      "pg_dump: error: permission denied for table canary-91f\n"
      "canary-91f of its own\n";
  EXPECT_EQ(redacted_output(text),
            "pg_dump: error: [79 bytes]\n"
            "pg_dump: detail: [66 bytes]\n"
            "pg_dump: error: [the role lacks a right; 54 bytes]\n"
            "[21 bytes]");
}

TEST(DumpReason, AFullDiskOfTheServerIsNotOurs) {
  EXPECT_EQ(
      client_trouble("pg_dump: error: could not write to output file: No space left on device\n"),
      ClientTrouble::disk_full);
  EXPECT_EQ(client_trouble("pg_dump: error: Dumping the contents of table \"t\" failed\n"
                           "pg_dump: detail: Error message from server: ERROR:  could not write to "
                           "file \"base/pgsql_tmp/1\": No space left on device\n"),
            ClientTrouble::server_full);
  EXPECT_EQ(client_trouble("pg_dump: error: could not open large object 7: FEHLER:  konnte nicht "
                           "schreiben: No space left on device\n"),
            ClientTrouble::server_full);
}

// The words of a row and of a statement, in whatever language they are introduced.
TEST(DumpReason, OnlyTheProgramsOwnLinesAreItsFirstMessage) {
  const std::string head =
      "pg_restore: while PROCESSING TOC:\n"
      "pg_restore: from TOC entry 7; 0 1 TABLE DATA t x\n"
      "pg_restore: error: COPY failed for table \"t\": FEHLER:  doppelter Schlüsselwert\n";
  EXPECT_EQ(first_message(head + "DETAIL:  No space left on device\n", "pg_restore"), head);
  EXPECT_EQ(first_message(head + "KONTEXT:  COPY t, Zeile 1: »role \"x\" does not exist«\n" + head,
                          "pg_restore"),
            head);
  EXPECT_EQ(first_message(head + "pg_restore: detail: Command was: x\n", "pg_restore"), head);
  EXPECT_EQ(first_message("libssl.so: no version\n" + head, "pg_restore"), head);
  EXPECT_EQ(first_message("pg_restore: error: x", "pg_restore"), "pg_restore: error: x");
  EXPECT_EQ(first_message("Killed", "pg_restore"), "");
  EXPECT_EQ(first_message("", "pg_restore"), "");
}

TEST(DumpReason, WhatTheServerDoesNotHaveIsNoFaultOfTheArchive) {
  const auto of = [](std::string_view words) {
    return client_trouble("pg_restore: error: could not execute query: ERROR:  " +
                          std::string(words));
  };
  for (const std::string_view words :
       {"could not create locale \"de_DE.utf8\": No such file or directory",
        "collation \"pg_catalog.de-x-icu\" for encoding \"UTF8\" does not exist",
        "could not access file \"$libdir/postgis-3\": No such file or directory",
        "extension \"postgis\" is not available\nDETAIL:  Could not open extension control file"})
    EXPECT_EQ(of(words), ClientTrouble::unsupported) << words;
  // One that the archive itself was to bring.
  EXPECT_EQ(of("collation \"public.german\" for encoding \"UTF8\" does not exist"),
            ClientTrouble::missing);
}

// Also to the second half of a block, of which the system's own words say nothing.
TEST(DumpReason, WhatTheServerGaveUpIsNoFaultOfTheArchive) {
  const auto of = [](std::string_view words) {
    return client_trouble("pg_restore: error: COPY failed for table \"t\": ERROR:  " +
                          std::string(words));
  };
  EXPECT_EQ(of("could not extend file \"base/1/2\": wrote only 4096 of 8192 bytes at block 7"),
            ClientTrouble::server_full);
  for (const std::string_view words :
       {"canceling statement due to user request",
        "temporary file size exceeds temp_file_limit (1024kB)", "deadlock detected"})
    EXPECT_EQ(of(words), ClientTrouble::stopped) << words;
  // pg_restore has none of its own: a function of the archive does it on any server.
  for (const std::string_view words : {"canceling statement due to statement timeout",
                                       "cannot execute COPY FROM in a read-only transaction"})
    EXPECT_EQ(of(words), ClientTrouble::other) << words;
}

// Each as PostgreSQL says it to a role that may make databases and no more.
TEST(DumpReason, WhatTakesASuperuserOrAnotherRoleIsARightThatIsMissing) {
  for (const std::string_view words :
       {"permission denied to create extension \"postgres_fdw\"",
        "permission denied to create event trigger \"e\"", "must be member of role \"clerk\"",
        "must be able to SET ROLE \"clerk\"", "must be owner of extension plpgsql",
        "must be superuser to create subscriptions",
        "only superuser can define a leakproof function"})
    EXPECT_EQ(
        client_trouble("pg_restore: error: could not execute query: ERROR:  " + std::string(words)),
        ClientTrouble::permission)
        << words;
}

TEST(DumpReason, AnOutputIsBounded) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "x\n";
  EXPECT_EQ(std::ranges::count(redacted_output(text), '\n'), kMostLines - 1);
  EXPECT_EQ(redacted_output(""), "");
}

}  // namespace
}  // namespace vigie::platform
