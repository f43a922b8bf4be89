#include "artefact/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artefact/artefact_for_test.h"
#include "artefact/recovery_card.h"
#include "base/json.h"

namespace vigie::artefact {
namespace {

std::string manifest_text() {
  return test_artefact().files["manifest.json"];
}

// The test's manifest with one thing changed.
std::string changed(const std::function<void(json::object&)>& change) {
  json::value document = parse_json(manifest_text()).value();
  change(document.as_object());
  return canonical_json(document);
}

ErrorCode code_of(const std::string& text) {
  const auto manifest = Manifest::parse(text, test_id());
  return manifest ? ErrorCode::internal_error : manifest.error().code();
}

json::object& first_file(json::object& o) {
  return o["files"].as_array()[0].as_object();
}

TEST(Manifest, ReadsWhatItWrote) {
  const auto manifest = Manifest::parse(manifest_text(), test_id());
  ASSERT_TRUE(manifest) << manifest.error().detail(Audience::operators);
  EXPECT_EQ(manifest->to_json(), manifest_text());
  EXPECT_EQ(manifest->server.version_num, 150014);
  EXPECT_EQ(manifest->durations.at("dump"), std::chrono::milliseconds(1500));
  EXPECT_EQ(manifest->fingerprint_key, test_manifest().fingerprint_key);
}

TEST(Manifest, IgnoresUnknownKeys) {
  EXPECT_TRUE(Manifest::parse(changed([](json::object& o) { o["later"] = "x"; }), test_id()));
}

TEST(Manifest, RefusesANewerVersion) {
  EXPECT_EQ(code_of(changed([](json::object& o) { o["schema"] = "vigie.artefact/2"; })),
            ErrorCode::manifest_newer);
}

TEST(Manifest, RefusesAnotherSchema) {
  for (const char* schema : {"vigie.artefact/0", "vigie.artefact/", "vigie.artefact/1x", "x", ""}) {
    EXPECT_EQ(code_of(changed([&](json::object& o) { o["schema"] = schema; })),
              ErrorCode::manifest_invalid)
        << schema;
  }
}

// pg_restore could read nothing of it.
TEST(Manifest, RefusesOneWithoutATableOfContents) {
  EXPECT_EQ(code_of(changed([](json::object& o) {
              for (json::value& file : o["files"].as_array()) {
                json::object& entry = file.as_object();
                if (entry["kind"] == "toc") entry["kind"] = "globals";
              }
            })),
            ErrorCode::manifest_invalid);
}

TEST(Manifest, RefusesTheManifestOfAnotherArtefact) {
  BackupId other = test_id();
  other.started_at += std::chrono::days(1);
  EXPECT_EQ(Manifest::parse(manifest_text(), other).error().code(), ErrorCode::manifest_invalid);
}

TEST(Manifest, RefusesNamesThatClimb) {
  for (const char* name :
       {"../../etc/passwd", "/etc/passwd", "dump/../../x", "dump//x", "dump/.x", ".", "..", "dump/",
        "a/b/c", "dump/x\n", "dump\\x", "", "manifest.json", "SHA256SUMS", "dump/\xff"}) {
    EXPECT_FALSE(is_stored_name(name)) << name;
    EXPECT_EQ(code_of(changed([&](json::object& o) { first_file(o)["name"] = name; })),
              ErrorCode::manifest_invalid)
        << name;
  }
}

TEST(Manifest, RefusesEveryMissingKey) {
  const json::value whole = parse_json(manifest_text()).value();
  for (const auto& member : whole.as_object()) {
    EXPECT_EQ(code_of(changed([&](json::object& o) { o.erase(member.key()); })),
              ErrorCode::manifest_invalid)
        << member.key();
  }
  for (const auto& member : whole.at("files").as_array()[0].as_object()) {
    EXPECT_EQ(code_of(changed([&](json::object& o) { first_file(o).erase(member.key()); })),
              ErrorCode::manifest_invalid)
        << member.key();
  }
}

TEST(Manifest, RefusesEveryValueOfAnotherKind) {
  const json::value whole = parse_json(manifest_text()).value();
  for (const auto& member : whole.as_object()) {
    EXPECT_EQ(code_of(changed([&](json::object& o) { o[member.key()] = true; })),
              ErrorCode::manifest_invalid)
        << member.key();
  }
}

TEST(Manifest, RefusesSizesThatAreNoSizes) {
  const json::value wrong[] = {-1, 1.5, "1", nullptr, uint64_t{1} << 53};
  for (const json::value& size : wrong) {
    EXPECT_EQ(code_of(changed([&](json::object& o) { first_file(o)["raw_bytes"] = size; })),
              ErrorCode::manifest_invalid);
  }
}

TEST(Manifest, RefusesTotalsThatAreNotTheSums) {
  for (const char* key : {"files", "tables", "rows", "raw_bytes", "stored_bytes"}) {
    EXPECT_EQ(code_of(changed([&](json::object& o) { o["totals"].as_object()[key] = 7777; })),
              ErrorCode::manifest_invalid)
        << key;
  }
}

TEST(Manifest, RefusesANameThatStandsTwice) {
  EXPECT_EQ(code_of(changed([](json::object& o) {
              o["files"].as_array().push_back(o["files"].as_array()[0]);
            })),
            ErrorCode::manifest_invalid);
}

TEST(Manifest, RefusesATableWithoutItsFile) {
  EXPECT_EQ(code_of(changed([](json::object& o) {
              o["tables"].as_array()[0].as_object()["file"] = "dump/toc.dat.zst";
            })),
            ErrorCode::manifest_invalid);
}

TEST(Manifest, RefusesADataFileWithoutItsTable) {
  EXPECT_EQ(code_of(changed([](json::object& o) { o["tables"].as_array().clear(); })),
            ErrorCode::manifest_invalid);
}

TEST(Manifest, RefusesWhatIsNoJson) {
  EXPECT_EQ(code_of(""), ErrorCode::manifest_invalid);
  EXPECT_EQ(code_of("[]"), ErrorCode::manifest_invalid);
  EXPECT_EQ(code_of(manifest_text() + "x"), ErrorCode::manifest_invalid);
  EXPECT_EQ(code_of(std::string(100, '[')), ErrorCode::manifest_invalid);
}

TEST(Manifest, ErrorsNameTheBackupAndNeverWhatStoodThere) {
  const auto manifest = Manifest::parse(
      changed([](json::object& o) { first_file(o)["raw_sha256"] = "canary-91f"; }), test_id());
  ASSERT_FALSE(manifest);
  const std::string detail = manifest.error().detail(Audience::operators);
  EXPECT_THAT(detail, ::testing::HasSubstr(test_id().str()));
  EXPECT_THAT(detail, ::testing::HasSubstr("files[0].raw_sha256"));
  EXPECT_THAT(detail, ::testing::Not(::testing::HasSubstr("canary")));
}

TEST(Manifest, WritesNamesThatAreNotUtf8) {
  Manifest manifest = test_manifest();
  manifest.server.database = "caf\xe9";
  EXPECT_THAT(manifest.to_json(), ::testing::HasSubstr("caf\\\\xe9"));
}

TEST(Manifest, SaysWhatTheDatabaseTookWhereThatIsKnown) {
  EXPECT_THAT(manifest_text(), ::testing::Not(::testing::HasSubstr("database_bytes")));
  const auto with_size = [](json::value size) {
    return changed([&](json::object& o) { o["server"].as_object()["database_bytes"] = size; });
  };
  const auto manifest = Manifest::parse(with_size(7), test_id());
  ASSERT_TRUE(manifest) << manifest.error().detail(Audience::operators);
  EXPECT_EQ(manifest->server.database_size, Bytes{7});
  EXPECT_THAT(manifest->to_json(), ::testing::HasSubstr("\"database_bytes\":7"));
  EXPECT_EQ(code_of(with_size(-7)), ErrorCode::manifest_invalid);
}

TEST(Manifest, SaysHowManyMoreAreNotIncludedThanAreNamed) {
  EXPECT_EQ(Manifest::parse(manifest_text(), test_id())->not_included_more, 0U);
  const auto manifest =
      Manifest::parse(changed([](json::object& o) { o["not_included_more"] = 7; }), test_id());
  ASSERT_TRUE(manifest) << manifest.error().detail(Audience::operators);
  EXPECT_THAT(manifest->to_json(), ::testing::HasSubstr("\"not_included_more\":7"));
  EXPECT_THAT(recovery_card(*manifest), ::testing::HasSubstr("- and 7 more"));
  EXPECT_EQ(code_of(changed([](json::object& o) { o["not_included_more"] = "7"; })),
            ErrorCode::manifest_invalid);
}

TEST(Sums, AreWhatSha256sumChecks) {
  const MemoryArtefact artefact = test_artefact();
  std::string expected;
  for (const auto& [name, bytes] : artefact.files) {
    if (name != "SHA256SUMS") expected += sha256_hex(bytes) + "  " + name + "\n";
  }
  EXPECT_EQ(artefact.files.find("SHA256SUMS")->second, expected);
}

TEST(RecoveryCard, ANameFromTheDatabaseCannotLeaveItsQuotes) {
  Manifest manifest = test_manifest();
  manifest.server.database = "x'\n```\n```sh\nrm -rf /\n";
  const std::string card = recovery_card(manifest);
  EXPECT_THAT(card, ::testing::Not(::testing::HasSubstr("\nrm -rf")));
  EXPECT_THAT(card, ::testing::HasSubstr("x\\x5c\\x27\\x0a\\x60"));
}

TEST(RecoveryCard, TellsHowLongTheLastDrillTook) {
  const Manifest manifest = test_manifest();
  EXPECT_THAT(recovery_card(manifest), ::testing::Not(::testing::HasSubstr("drill")));
  const MeasuredDrill drill{*BackupId::parse("nightly.app-20261110T020000Z"),
                            *parse_rfc3339("2026-11-15T04:31:00Z"),
                            std::chrono::milliseconds(90100), 20_MiB};
  const std::string card = recovery_card(manifest, drill);
  for (const char* words :
       {"2026-11-15T04:31:00Z", "`nightly.app-20261110T020000Z`", "20.0 MiB", "after 1m31s:"})
    EXPECT_THAT(card, ::testing::HasSubstr(words));
}

TEST(RecoveryCard, NamesTheRolesWithoutPasswordWhenTheGlobalsAreThere) {
  MemoryArtefact artefact;
  Manifest manifest = test_manifest();
  EXPECT_THAT(recovery_card(manifest),
              ::testing::Not(::testing::HasSubstr("psql -X -q -d postgres")));
  seal_into(artefact, manifest, "globals.sql.zst", FileKind::globals, "CREATE ROLE app;");
  EXPECT_THAT(recovery_card(manifest), ::testing::HasSubstr("- `app`"));
}

}  // namespace
}  // namespace vigie::artefact
