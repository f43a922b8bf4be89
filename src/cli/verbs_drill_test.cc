// vigie drill show.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cli_program.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::Printed;
using testing::Scripted;

constexpr std::string_view kHeading = "The last rehearsal, which counts as no drill:";

// What the report says of the drill: the evidence's id, or empty.
Printed shown(const std::string& last, const std::string& rehearsal,
              std::vector<const char*> words = {"drill", "show", "weekly"}) {
  Scripted program;
  const auto of = [](const std::string& id) {
    return id.empty() ? "null" : fmt::format(R"({{"evidence_id":"{}"}})", id);
  };
  program.answers(200, fmt::format(R"({{"data":{{"drills":[{{"name":"weekly","job":"nightly",)"
                                   R"("next_due_at":null,"databases":[{{"name":"app","last":{},)"
                                   R"("last_rehearsal":{}}}]}}]}}}})",
                                   of(last), of(rehearsal)));
  for (const std::string& id : {last, rehearsal})
    if (!id.empty())
      program.answers(200, fmt::format(R"({{"items":[{{"id":"{}","assertions":[]}}]}})", id));
  return program.run(std::move(words));
}

TEST(DrillShow, TellsARehearsalApartFromTheDrill) {
  const Printed printed = shown("drill-1", "tried-1");
  EXPECT_EQ(printed.exit_code, 0);
  const size_t border = printed.out.find(kHeading);
  ASSERT_NE(border, std::string::npos) << printed.out;
  EXPECT_THAT(printed.out.substr(0, border),
              ::testing::AllOf(HasSubstr("drill-1"), Not(HasSubstr("tried-1"))));
  EXPECT_THAT(printed.out.substr(border),
              ::testing::AllOf(HasSubstr("tried-1"), Not(HasSubstr("drill-1"))));
}

TEST(DrillShow, SaysNothingOfRehearsalsWhereThereWasNone) {
  EXPECT_THAT(shown("drill-1", "").out, Not(HasSubstr(std::string(kHeading))));
}

TEST(DrillShow, ARehearsalAloneIsNoDrill) {
  const Printed printed = shown("", "tried-1");
  EXPECT_THAT(printed.words, HasSubstr("weekly was never run of app"));
  EXPECT_THAT(printed.out.substr(0, 2 + kHeading.size()), HasSubstr(std::string(kHeading)));
}

// What stands at `databases` of the JSON that is shown.
json::value databases(const Printed& printed) {
  const auto text = parse_json(printed.out);
  EXPECT_TRUE(text.has_value()) << printed.out;
  if (!text) return {};
  EXPECT_EQ(text->at("drill").as_string(), "weekly");
  return text->at("databases");
}

TEST(DrillShow, AsJsonHasTheDrillAndTheRehearsalOfTheDatabase) {
  const json::value all =
      databases(shown("drill-1", "tried-1", {"drill", "show", "weekly", "--output", "json"}));
  ASSERT_EQ(all.as_array().size(), 1U);
  EXPECT_EQ(all.at(0).at("database").as_string(), "app");
  EXPECT_EQ(all.at(0).at("last").at("id").as_string(), "drill-1");
  EXPECT_EQ(all.at(0).at("last_rehearsal").at("id").as_string(), "tried-1");
}

TEST(DrillShow, AsJsonIsOneTextOfSeveralDatabases) {
  Scripted program;
  program.answers(200, R"({"data":{"drills":[{"name":"weekly","job":"nightly","next_due_at":null,)"
                       R"("databases":[{"name":"app","last":{"evidence_id":"of-app"}},)"
                       R"({"name":"shop","last":null}]}]}})");
  program.answers(200, R"({"items":[{"id":"of-app","assertions":[]}]})");
  const json::value all = databases(program.run({"drill", "show", "weekly", "--output", "json"}));
  ASSERT_EQ(all.as_array().size(), 2U);
  EXPECT_EQ(all.at(0).at("last").at("id").as_string(), "of-app");
  EXPECT_TRUE(all.at(0).at("last_rehearsal").is_null());
  EXPECT_EQ(all.at(1).at("database").as_string(), "shop");
  EXPECT_TRUE(all.at(1).at("last").is_null());
}

}  // namespace
}  // namespace vigie::cli
