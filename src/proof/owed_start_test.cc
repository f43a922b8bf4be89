// The note of a start that is owed: it outlives what has written it.
#include "proof/owed_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const OwedStart kOwed{"app", RunId(std::string(32, 'a')),
                      SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20))};

TEST(OwedStart, IsKnownUntilItIsSettled) {
  const testing::TempFolder folder;
  const OwedStarts notes(platform::real_file_system(), folder / "durability");
  EXPECT_THAT(*notes.proofs(), IsEmpty());
  EXPECT_TRUE(notes.settle("app")) << "there is none";
  ASSERT_TRUE(notes.note(kOwed));
  EXPECT_THAT(*notes.proofs(), ElementsAre("app"));
  EXPECT_EQ(notes.read("app")->run, kOwed.run);
  EXPECT_EQ(notes.read("app")->at, kOwed.at);
  ASSERT_TRUE(notes.settle("app"));
  EXPECT_THAT(*notes.proofs(), IsEmpty());
}

TEST(OwedStart, SurvivesALossOfPower) {
  const testing::TempFolder folder;
  testing::FaultyFileSystem files(folder.path());
  const OwedStarts notes(files, folder / "durability");
  ASSERT_TRUE(notes.note(kOwed));
  files.crash();
  EXPECT_EQ(notes.read("app")->run, kOwed.run);
  ASSERT_TRUE(notes.settle("app"));
  files.crash();
  EXPECT_THAT(*notes.proofs(), IsEmpty()) << "or it would be started once more";
}

TEST(OwedStart, WhatIsNoNoteIsRefused) {
  const testing::TempFolder folder;
  auto& files = platform::real_file_system();
  const OwedStarts notes(files, folder.path());
  ASSERT_TRUE(notes.note({"crm", kOwed.run, kOwed.at}));
  const std::string of_another = *platform::read_file(files, folder / "crm.owed", 4_KiB);
  const std::string short_one = R"({"schema":"vigie.owed-start/1","proof":"app"})";
  for (const std::string& text : {std::string(), std::string("x"), short_one, of_another}) {
    ASSERT_TRUE(platform::write_file_replace(files, folder / "app.owed", text));
    const auto read = notes.read("app");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), ErrorCode::file_corrupt);
  }
}

}  // namespace
}  // namespace vigie::proof
