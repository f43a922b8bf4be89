#include "ledger/entry_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/encoding.h"
#include "ledger/line.h"
#include "ledger/redact.h"
#include "tests/support/documents.h"
#include "tests/support/ledger_samples.h"

namespace vigie::testing {
namespace {

using namespace ledger;

const std::string kFormats = std::string(VIGIE_SOURCE_DIR) + "/docs/formats/";

json::object sealed(const Entry& entry) {
  const auto line = seal_line(to_json(entry, std::string(32, 'f')).value(), 1, first_prev_hash());
  return parse_json(line.text)->as_object();
}

TEST(EntryJson, HasTheKeysOfTheSchemaAndNoOthers) {
  const auto schema = parse_json(bytes_of(kFormats + "evidence-1.schema.json"));
  ASSERT_TRUE(schema);
  std::vector<std::string> required;
  for (const auto& key : schema->at("required").as_array())
    required.emplace_back(key.get_string().c_str());
  std::vector<std::string> keys;
  for (const auto& member : sealed(backup_entry(1))) keys.emplace_back(member.key());
  EXPECT_THAT(keys, ::testing::UnorderedElementsAreArray(required));
  // Only entries of a run that has logged something have it.
  const size_t more = 1;
  EXPECT_TRUE(schema->at("properties").as_object().contains("log"));
  EXPECT_EQ(schema->at("properties").as_object().size(), required.size() + more);
}

TEST(EntryJson, OfEachKindIsWhatTheSchemaSays) {
  Documents documents;
  for (const std::string_view kind : kind::kEvery) {
    for (Entry entry : {Entry(), backup_entry(1)}) {
      entry.kind = kind;
      entry.trigger.by = "daemon";
      documents.expect("evidence-1.schema.json", canonical_json(sealed(entry)));
    }
  }
  EXPECT_EQ(documents.mistakes(), "");
}

TEST(EntryJson, SaysNullWhereThereIsNothing) {
  Entry entry;
  entry.kind = "hold";
  entry.trigger.by = "human";
  const json::object object = sealed(entry);
  for (const char* key : {"error_code", "follow_up", "reason", "ref"})
    EXPECT_TRUE(object.at(key).is_null()) << key;
  EXPECT_TRUE(object.at("trigger").at("correlation_id").is_null());
}

TEST(EntryJson, DurationIsNeverNegative) {
  Entry entry = backup_entry(1);
  entry.ended_at = entry.started_at - std::chrono::hours(1);
  EXPECT_EQ(sealed(entry).at("duration_s").to_number<double>(), 0);
}

TEST(EntryJson, NumbersThatJsonDoesNotHaveBecomeNull) {
  Entry entry = backup_entry(1);
  entry.measures["bad"] = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(sealed(entry).at("measures").at("bad").is_null());
}

TEST(EntryJson, EndedWithTakesVerdictAndCodeFromTheRegistry) {
  Entry entry = backup_entry(1);
  entry.ended_with(Error(ErrorCode::disk_full));
  EXPECT_EQ(sealed(entry).at("result").as_string(), "failed");
  EXPECT_EQ(sealed(entry).at("error_code").as_string(), "disk_full");
}

TEST(EntryJson, RefusesFormsThatItsReadersWouldNotFind) {
  const auto refused = [](auto change) {
    Entry entry = backup_entry(1);
    change(entry);
    const auto object = to_json(entry, "x");
    return !object && object.error().code() == ErrorCode::ledger_entry_invalid;
  };
  EXPECT_TRUE(refused([](Entry& e) { e.kind = "Back up"; }));
  EXPECT_TRUE(refused([](Entry& e) { e.kind = ""; }));
  EXPECT_TRUE(refused([](Entry& e) { e.trigger.by = ""; }));
  EXPECT_TRUE(refused([](Entry& e) { e.trigger.correlation_id = CorrelationId("a b"); }));
  EXPECT_TRUE(refused([](Entry& e) { e.trigger.run_id = RunId("1"); }));
  EXPECT_TRUE(refused([](Entry& e) { e.artefacts[0].sha256 = "zz"; }));
}

TEST(EntryJson, RefusesWhatIsTooDeep) {
  Entry entry = backup_entry(1);
  json::value deep = 1;
  for (size_t i = 0; i < 1000; ++i) deep = json::array{std::move(deep)};
  entry.subject["deep"] = std::move(deep);
  EXPECT_EQ(to_json(entry, "x").error().code(), ErrorCode::limit_exceeded);
}

TEST(EntryJson, EscapesBytesThatAreNotUtf8) {
  Entry entry = backup_entry(1);
  entry.reason = "a\xff b";
  EXPECT_EQ(sealed(entry).at("reason").as_string(), "a\\xff b");
}

TEST(EntryJson, LeaksNoSecretFromAnyOfItsTexts) {
  const std::string canary = "Canary/7+z%q";
  const std::vector<std::string> forms = {canary, percent_encode(canary),
                                          base64_encode(as_bytes(canary))};
  for (const std::string& secret : forms) {
    for (const std::string& text :
         {"host=h password=" + secret + " user=u", "postgresql://u:" + secret + "@h/app",
          "PGPASSWORD = '" + secret + "'", "Authorization: Bearer " + secret, "?token=" + secret,
          "{\"password\": \"" + secret + "\"}", "sslpassword%3D" + secret + "&x"}) {
      Entry entry = backup_entry(1);
      entry.reason = entry.reference = entry.follow_up = entry.trigger.actor = text;
      entry.deviations = {text};
      entry.subject = {{"a", json::array{text}}, {text, 1}};
      entry.environment = {{"b", json::object{{"c", text}}}};
      entry.measures = {{"d", text}};
      entry.assertions = {Assertion{text, json::value(text), json::value(text), Outcome::failed}};
      entry.artefacts[0].name = text;
      const std::string line = canonical_json(sealed(entry));
      EXPECT_EQ(line.find(secret), std::string::npos) << text << "\n" << line;
    }
  }
}

TEST(Redact, LeavesPlainTextAlone) {
  for (const char* text :
       {"nightly.app-20261120T020000Z", "token:4f2a", "socket:uid=0", "disk replaced, TICKET-12",
        "https://example.test/a?b=c", "password_file missing", "who@example.test", "a: b"}) {
    EXPECT_EQ(redacted(text), text);
  }
}

TEST(Redact, KeepsWhatStandsAroundTheSecret) {
  EXPECT_EQ(redacted("host=h password='a b' user=u"), "host=h password=[redacted] user=u");
  EXPECT_EQ(redacted("x postgres://u:p@h:5432/d y"), "x postgres://[redacted]@h:5432/d y");
}

TEST(EntryJson, CarriesTheRequirementsOfItsKind) {
  EXPECT_EQ(sealed(backup_entry(1)).at("requirement_ids"), json::array{"REQ-BAK-1"});
}

}  // namespace
}  // namespace vigie::testing
