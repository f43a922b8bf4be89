// Each check against a real server: what is alike passes, and whatever is changed is found by the
// check that speaks of it.
#include "proof/drill_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "artefact/inventory.h"
#include "platform/clock.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::PgCluster;

constexpr char kObjects[] = R"(
  CREATE TABLE t(id int PRIMARY KEY, a text DEFAULT 'x');
  CREATE INDEX by_a ON t (a);
  CREATE VIEW v AS SELECT 1 AS one;
  CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
  CREATE SEQUENCE s;
  CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql AS 'select n';
  CREATE TYPE e AS ENUM ('a', 'b');
  CREATE SCHEMA other;
  CREATE POLICY p ON t USING (true);
  CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING;
  CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER w BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g();
  SELECT lo_create(4711);
  CREATE PUBLICATION news FOR TABLE t WITH (publish = 'insert');
  CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
  CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION seen();
)";

class DrillChecks : public ::testing::Test {
 protected:
  DrillChecks() {
    server_.create_role("clerk");
    server_.execute(kObjects);
    options_.name = "weekly";
    session_ = std::move(*connector_->connect(server_.named_dsn(), "test", limits()));
    manifest_.inventory = *artefact::read_inventory(*session_, limits());
    manifest_.server.database = "postgres";
    manifest_.server.encoding = "UTF8";
    manifest_.server.lc_monetary = "C";
  }
  static CallLimits limits() {
    return {platform::RealClock().monotonic() + std::chrono::minutes(1), {}};
  }
  // The ids of those that failed.
  std::vector<std::string> failed() {
    const auto found = check_restored(*session_,
                                      {options_, manifest_, sequences_, sequences_.size(),
                                       event_triggers_, same_major_, true, now_},
                                      limits());
    std::vector<std::string> ids;
    if (!found) return {std::string(found.error().info().name)};
    for (const ledger::Assertion& one : *found)
      if (one.result != ledger::Outcome::passed) ids.push_back(one.id);
    return ids;
  }
  std::vector<std::string> failed_after(const std::string& sql) {
    server_.execute(sql);
    return failed();
  }
  artefact::ObjectCount& counted(std::string_view kind) {
    return *std::ranges::find(manifest_.inventory, kind, &artefact::ObjectCount::kind);
  }

  PgCluster server_;
  std::unique_ptr<platform::PgConnector> connector_ = platform::make_pg_connector();
  std::unique_ptr<platform::PgConnection> session_;
  DrillOptions options_;
  artefact::Manifest manifest_;
  std::vector<SequenceValue> sequences_;
  size_t event_triggers_ = 1;  // of the archive
  bool same_major_ = true;
  SystemTime now_ = platform::RealClock().now();
};

TEST_F(DrillChecks, WhatIsAlikePasses) {
  EXPECT_THAT(failed(), IsEmpty());
}

TEST_F(DrillChecks, EveryKindOfObjectIsMissed) {
  EXPECT_THAT(failed_after("DROP INDEX by_a"), ElementsAre("objects.indexes"));
  EXPECT_THAT(failed_after("CREATE INDEX by_a ON t (a DESC)"), ElementsAre("objects.indexes"));
  EXPECT_THAT(failed_after("DROP INDEX by_a; CREATE INDEX by_a ON t (a)"), IsEmpty());
  EXPECT_THAT(failed_after("ALTER TABLE t ALTER a DROP DEFAULT"), ElementsAre("objects.columns"));
  EXPECT_THAT(failed_after("ALTER TABLE t ALTER a SET DEFAULT 'x'; DROP POLICY p ON t"),
              ElementsAre("objects.policies"));
  EXPECT_THAT(failed_after("CREATE POLICY p ON t USING (true); DROP RULE r ON t"),
              ElementsAre("objects.rules"));
  EXPECT_THAT(failed_after("CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING;"
                           "ALTER TABLE t DISABLE TRIGGER w"),
              ElementsAre("objects.triggers"));
  EXPECT_THAT(failed_after("ALTER TABLE t ENABLE TRIGGER w; SELECT lo_unlink(4711)"),
              ElementsAre("objects.large_objects", "objects.owners"));
  EXPECT_THAT(failed_after("SELECT lo_create(4711); ALTER TYPE e ADD VALUE 'c'"),
              ElementsAre("objects.types"));
}

TEST_F(DrillChecks, OwnersRightsAndSettingsAreMissed) {
  EXPECT_THAT(failed_after("ALTER TABLE t OWNER TO clerk"),
              ElementsAre("objects.grants", "objects.owners"))
      << "the owner's own rights are another's now";
  EXPECT_THAT(failed_after("ALTER TABLE t OWNER TO postgres; GRANT SELECT ON t TO clerk"),
              ElementsAre("objects.grants"));
  EXPECT_THAT(
      failed_after("REVOKE SELECT ON t FROM clerk; ALTER DATABASE postgres SET work_mem = '7MB'"),
      ElementsAre("objects.settings"));
}

// pg_dump writes what has become of them since initdb alone.
TEST_F(DrillChecks, TheOwnerAndTheRightsOfTheSchemaPublicAreMissed) {
  EXPECT_THAT(failed_after("REVOKE USAGE ON SCHEMA public FROM PUBLIC"),
              ElementsAre("objects.public_schema"));
  EXPECT_THAT(failed_after("GRANT USAGE ON SCHEMA public TO PUBLIC"), IsEmpty());
  EXPECT_THAT(failed_after("GRANT CREATE ON SCHEMA public TO clerk"),
              ElementsAre("objects.public_schema"));
  EXPECT_THAT(failed_after("REVOKE CREATE ON SCHEMA public FROM clerk;"
                           "ALTER SCHEMA public OWNER TO clerk"),
              ElementsAre("objects.public_schema"));
}

TEST_F(DrillChecks, ASchemaPublicThatTheSourceHadDroppedIsNotCompared) {
  counted("public_schema") = {"public_schema", 0, {}};
  EXPECT_THAT(failed(), IsEmpty());
}

TEST_F(DrillChecks, PublicationsAreMissed) {
  EXPECT_THAT(failed_after("ALTER PUBLICATION news SET (publish = 'insert, delete')"),
              ElementsAre("objects.publications"));
  EXPECT_THAT(failed_after("ALTER PUBLICATION news SET (publish = 'insert');"
                           "ALTER PUBLICATION news DROP TABLE t"),
              ElementsAre("objects.publications"));
  EXPECT_THAT(failed_after("ALTER PUBLICATION news ADD TABLE t;"
                           "ALTER PUBLICATION news OWNER TO clerk"),
              ElementsAre("objects.publication_owners"));
  EXPECT_THAT(failed_after("DROP PUBLICATION news"),
              ElementsAre("objects.publication_owners", "objects.publications"));
}

TEST_F(DrillChecks, WhatIsPublishedOfSchemasColumnsAndRowsIsMissed) {
  if (server_.major() < 15) GTEST_SKIP() << "PostgreSQL 15 was the first to have it";
  EXPECT_THAT(failed_after("ALTER PUBLICATION news SET TABLE t (id)"),
              ElementsAre("objects.publications"));
  EXPECT_THAT(failed_after("ALTER PUBLICATION news SET TABLE t WHERE (id > 5)"),
              ElementsAre("objects.publications"));
  EXPECT_THAT(failed_after("ALTER PUBLICATION news SET TABLE t, TABLES IN SCHEMA other"),
              ElementsAre("objects.publications"));
  EXPECT_THAT(failed_after("ALTER PUBLICATION news SET TABLE t"), IsEmpty());
}

// They are left out of every drill, so that none runs.
TEST_F(DrillChecks, EventTriggersAreThoseOfTheArchive) {
  EXPECT_THAT(failed_after("DROP EVENT TRIGGER seen"), IsEmpty());
  event_triggers_ = 0;
  EXPECT_THAT(failed(), ElementsAre("objects.event_triggers"));
}

TEST_F(DrillChecks, AKindThatTheBackupDidNotCountYetIsNotCompared) {
  std::erase_if(manifest_.inventory, [](const artefact::ObjectCount& one) {
    return one.kind.starts_with("publication") || one.kind == "event_triggers";
  });
  event_triggers_ = 0;
  EXPECT_THAT(failed_after("DROP PUBLICATION news"), IsEmpty());
}

TEST_F(DrillChecks, OfAKindThatOnlyALaterReleaseCountsNothingIsKnown) {
  manifest_.inventory.push_back({"later", 1, {}});
  const auto found = check_restored(*session_,
                                    {options_, manifest_, sequences_, sequences_.size(),
                                     event_triggers_, same_major_, true, now_},
                                    limits());
  ASSERT_TRUE(found);
  const auto later =
      std::ranges::find(*found, std::string_view("objects.later"), &ledger::Assertion::id);
  ASSERT_NE(later, found->end());
  EXPECT_EQ(later->result, ledger::Outcome::could_not_verify);
}

TEST_F(DrillChecks, AnotherMajorVersionIsComparedByNumberAlone) {
  same_major_ = false;
  EXPECT_THAT(failed_after("DROP INDEX by_a; CREATE INDEX by_a ON t (a DESC)"), IsEmpty());
  EXPECT_THAT(failed_after("DROP INDEX by_a"), ElementsAre("objects.indexes"));
}

TEST_F(DrillChecks, ASequenceThatStandsElsewhereIsFound) {
  sequences_ = {{"public.s", "1", false}};
  EXPECT_THAT(failed(), IsEmpty());
  EXPECT_THAT(failed_after("SELECT nextval('s')"), ElementsAre("sequence_values"));
  sequences_ = {{"public.not_there", "1", false}};
  EXPECT_THAT(failed(), ElementsAre("sequence_values"));
}

TEST_F(DrillChecks, AnIndexThatIsInvalidIsFound) {
  options_.checks = {DrillCheck::constraints};
  EXPECT_THAT(
      failed_after("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_a'::regclass"),
      ElementsAre("invalid_indexes"));
}

TEST_F(DrillChecks, ACheckThatIsNotAskedForIsNotMade) {
  options_.checks = {};
  EXPECT_THAT(failed_after("DROP TABLE t"), IsEmpty());
}

}  // namespace
}  // namespace vigie::proof
