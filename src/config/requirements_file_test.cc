// requirements: in vigie.yaml, and the file that it names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "config/report.h"
#include "tests/support/temp_folder.h"

namespace vigie::config {
namespace {

using ::testing::HasSubstr;

class RequirementsFile : public ::testing::Test {
 protected:
  Loaded load(std::string_view requirements) {
    write("vigie.yaml", fmt::format("databases:\n  app: {{dsn: dbname=app}}\n"
                                    "stores:\n  local: {{path: /s}}\n"
                                    "backups:\n  nightly: {{database: app, store: local}}\n"
                                    "requirements: {}\n",
                                    requirements));
    return config::load(files_, folder_ / "vigie.yaml");
  }
  void write(std::string_view name, std::string_view text) {
    ASSERT_TRUE(platform::write_file_replace(files_, folder_ / name, text));
  }
  std::string own() { return (folder_ / "own.yaml").string(); }

  testing::TempFolder folder_;
  platform::FileSystem& files_ = platform::real_file_system();
};

TEST_F(RequirementsFile, TakesThePlaceOfTheShippedOnes) {
  write("own.yaml",
        "requirements:\n- {id: ACME-1, text: t, validated_by: [backup], max_age: 1d}\n"
        "- {id: ACME-2, text: t, validated_by: [backup], max_age: 1d}\n");
  const auto loaded = load("{file: " + own() + ", gate: [ACME-2]}");
  ASSERT_TRUE(loaded.config) << as_text(loaded);
  const auto& all = loaded.config->requirements.all;
  ASSERT_EQ(all.size(), 2u);
  EXPECT_FALSE(all[0].required);
  EXPECT_TRUE(all[1].required);
}

TEST_F(RequirementsFile, ItsMistakesHaveTheirOwnPlace) {
  write("own.yaml", "requirements:\n- {id: ACME-1, text: t, validated_by: [backup], max_age: x}\n");
  const auto loaded = load("{file: " + own() + "}");
  EXPECT_FALSE(loaded.config);
  EXPECT_THAT(as_text(loaded), HasSubstr("requirements.file is wrong at line 2, column"));
  EXPECT_THAT(as_text(loaded), HasSubstr("requirements.max_age"));
}

TEST_F(RequirementsFile, OneThatIsNotThereIsAMistake) {
  const auto loaded = load("{file: " + own() + "}");
  EXPECT_FALSE(loaded.config);
  EXPECT_THAT(as_text(loaded), HasSubstr("requirements.file cannot be read"));
}

TEST_F(RequirementsFile, WaiversAreHeldAgainstIt) {
  write("own.yaml",
        "requirements:\n- {id: ACME-1, text: t, validated_by: [backup], max_age: 1d}\n");
  const std::string waiver = "waivers: [{id: %, by: a, why: b, until: 2027-01-01}]";
  const auto with = [&](std::string id) {
    std::string text = waiver;
    return load("{file: " + own() + ", " + text.replace(text.find('%'), 1, id) + "}");
  };
  EXPECT_TRUE(with("ACME-1").config);
  EXPECT_FALSE(with("REQ-BAK-1").config);
}

}  // namespace
}  // namespace vigie::config
