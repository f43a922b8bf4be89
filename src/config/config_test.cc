#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "config/report.h"
#include "tests/support/contents.h"
#include "tests/support/temp_folder.h"

namespace vigie::config {
namespace {

using platform::Path;
using ::testing::HasSubstr;
using ::testing::Not;

Path corpus() {
  return Path(VIGIE_SOURCE_DIR) / "tests/corpora/config";
}

// x.yaml, and x.expected: what check-config says of it.
class ConfigCorpus : public ::testing::TestWithParam<std::string> {};

TEST_P(ConfigCorpus, SaysWhatIsExpected) {
  const Path file = corpus() / (GetParam() + ".yaml");
  const Path expected = corpus() / (GetParam() + ".expected");
  const std::string report = as_text(parse(testing::contents(file), GetParam() + ".yaml"));
  if (std::getenv("VIGIE_UPDATE_CORPUS") != nullptr) std::ofstream(expected) << report;
  EXPECT_EQ(report, testing::contents(expected));
}

std::vector<std::string> corpus_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(corpus())) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, ConfigCorpus, ::testing::ValuesIn(corpus_names()),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

constexpr std::string_view kMinimal = R"(
databases: {app: {dsn: "dbname=app"}, crm: {dsn: "dbname=crm", password_file: /etc/p}}
stores: {local: {path: /srv/vigie, reserve: 20GiB}}
backups:
  nightly: {databases: all, store: local, schedule: "0 2 * * *", time_zone: Europe/Paris}
  by_hand: {database: app, store: local}
)";

Config minimal() {
  return *parse(kMinimal, "vigie.yaml").config;
}

TEST(Config, AllMeansTheDatabasesThatAreConfigured) {
  EXPECT_THAT(minimal().backup("nightly")->options.databases, ::testing::ElementsAre("app", "crm"));
}
TEST(Config, FindsByName) {
  const Config config = minimal();
  EXPECT_EQ(config.database("crm")->dsn.password_file, "/etc/p");
  EXPECT_EQ(config.store("local")->reserve.of(1000_GiB), 20_GiB);
  EXPECT_EQ(config.database("none"), nullptr);
  EXPECT_EQ(config.backup("none"), nullptr);
}
TEST(Config, TargetIsTheLongestGapAndTwoHoursWhenTheFileSaysNone) {
  EXPECT_EQ(minimal().backup("nightly")->options.rpo_target, std::chrono::hours(26));
}
TEST(Config, JobWithoutScheduleRunsByHandOnly) {
  EXPECT_FALSE(minimal().backup("by_hand")->timing.schedule);
}
TEST(Config, HashTellsTwoTextsApart) {
  EXPECT_NE(minimal().sha256, parse(std::string(kMinimal) + "#", "f").config->sha256);
}
TEST(Config, ExampleIsValidWithoutWarning) {
  const Loaded loaded = parse(example(), "example.yaml");
  EXPECT_TRUE(loaded.config);
  EXPECT_EQ(loaded.problems.warnings(), 0U);
}
TEST(Config, ReserveInPercentIsOfTheWhole) {
  EXPECT_EQ(store::Reserve({.percent = 15, .bytes = {}}).of(1000_GiB), 150_GiB);
}

TEST(ConfigLoad, FileThatIsNotThereIsAMistake) {
  const testing::TempFolder folder;
  const Loaded loaded = load(platform::real_file_system(), folder / "vigie.yaml");
  EXPECT_FALSE(loaded.config);
  EXPECT_EQ(loaded.problems.sorted().front().code, ErrorCode::config_missing);
  EXPECT_EQ(loaded.problems.sorted().front().found, "does not exist");
}
TEST(ConfigLoad, FileThatCannotBeReadSaysWhy) {
  const testing::TempFolder folder;
  const Path path = folder / "vigie.yaml";
  std::filesystem::create_symlink(path, path);
  const Loaded loaded = load(platform::real_file_system(), path);
  EXPECT_EQ(loaded.problems.sorted().front().found,
            "cannot be read: Too many levels of symbolic links");
}
TEST(ConfigLoad, TenMegabytesAreRefused) {
  const testing::TempFolder folder;
  const Path path = folder / "vigie.yaml";
  std::ofstream(path) << std::string(10 << 20, '#');
  const Loaded loaded = load(platform::real_file_system(), path);
  EXPECT_EQ(loaded.problems.sorted().front().code, ErrorCode::limit_exceeded);
}
TEST(ConfigLoad, ThousandsOfJobsAreRefused) {
  std::string text = "backups:\n";
  for (int i = 0; i <= 1000; ++i) text += fmt::format("  j{}: {{}}\n", i);
  EXPECT_THAT(as_text(parse(text, "f")), HasSubstr("backups has too many entries"));
}
TEST(ConfigLoad, ErrorHasTheNumberOfMistakesAndTheFirst) {
  const testing::TempFolder folder;
  const Path path = folder / "vigie.yaml";
  std::ofstream(path) << "sate: {}\n";
  const auto config = load_or_fail(platform::real_file_system(), path);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::config_invalid);
  EXPECT_EQ(config.error().parameter("observed"), "4 mistakes");
  EXPECT_THAT(std::string(config.error().parameter("reason")), HasSubstr("vigie.yaml:1:1: "));
}

TEST(ConfigSecrets, NoValueOfTheFileIsEverQuoted) {
  const Loaded loaded = parse(testing::contents(corpus() / "secrets.yaml"), "secrets.yaml");
  EXPECT_FALSE(loaded.config);
  EXPECT_THAT(as_text(loaded), Not(HasSubstr("CANARY")));
  EXPECT_THAT(canonical_json(as_json(loaded)), Not(HasSubstr("CANARY")));
}
TEST(ConfigSecrets, IsFoundBehindAWordThatIsNone) {
  const std::string text = "state: {dir: \"/passwords/x password=CANARY\"}\n";
  EXPECT_THAT(as_text(parse(text, "f")), HasSubstr("holds a secret"));
}
TEST(ConfigSecrets, HarmlessUrlIsNotTakenForASecret) {
  const std::string text(kMinimal);
  for (const char* path : {"/etc/a://b", "/etc/user@host", "/x://h/p:q@r"}) {
    const Loaded loaded = parse(text + "state: {dir: \"" + path + "\"}\n", "f");
    EXPECT_THAT(as_text(loaded), Not(HasSubstr("secret"))) << path;
  }
}

TEST(ConfigReport, JsonHasEveryKeyAlways) {
  const json::value report = as_json(parse("sate: {}\n", "f.yaml"));
  for (const json::value& problem : report.at("problems").as_array()) {
    for (const char* key :
         {"severity", "code", "line", "column", "field", "found", "expected", "nearest"})
      EXPECT_TRUE(problem.as_object().contains(key)) << key;
  }
  EXPECT_EQ(report.at("valid").as_bool(), false);
}
TEST(ConfigReport, ListIsBoundedAndTheCountIsNot) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const Loaded loaded = parse(text, "f.yaml");
  EXPECT_EQ(loaded.problems.sorted().size(), limits::kProblems);
  EXPECT_EQ(loaded.problems.mistakes(), 1003U);
}

}  // namespace
}  // namespace vigie::config
