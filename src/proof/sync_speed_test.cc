// How fast the disk says that it has written.
#include "proof/sync_speed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Each sync takes as long as it is told.
class SlowSyncs final : public platform::ForwardingFileSystem {
 public:
  SlowSyncs(testing::FakeClock& clock, Duration each)
      : ForwardingFileSystem(platform::real_file_system()), clock_(clock), each_(each) {}

  Result<std::unique_ptr<platform::WritableFile>> create(const platform::Path& path,
                                                         unsigned mode) override {
    TRY_ASSIGN(auto file, below().create(path, mode));
    return std::make_unique<File>(std::move(file), *this);
  }

 private:
  class File final : public platform::WritableFile {
   public:
    File(std::unique_ptr<platform::WritableFile> below, SlowSyncs& all)
        : below_(std::move(below)), all_(all) {}
    Result<> append(ByteSpan bytes) override { return below_->append(bytes); }
    Result<> sync() override {
      all_.clock_.advance(all_.each_);
      return {};
    }
    Result<> close() override { return below_->close(); }

   private:
    std::unique_ptr<platform::WritableFile> below_;
    SlowSyncs& all_;
  };

  testing::FakeClock& clock_;
  const Duration each_;
};

class SyncSpeedTest : public ::testing::Test {
 protected:
  Result<SyncSpeed> measured(Duration each) {
    SlowSyncs files(clock_, each);
    return sync_speed(files, folder_.path(), clock_, stop_.get_token());
  }
  testing::FakeClock clock_;
  testing::TempFolder folder_;
  std::stop_source stop_;
  platform::FileSystem& disk_ = platform::real_file_system();
};

TEST_F(SyncSpeedTest, IsMeasuredForTwoSecondsAtMostAndLeavesNothing) {
  EXPECT_EQ(measured(1ms)->median, 1ms);
  EXPECT_EQ(measured(1ms)->count, 200u);
  EXPECT_EQ(measured(100ms)->count, 20u);
  EXPECT_EQ(measured(1h)->count, 1u);
  EXPECT_THAT(*disk_.list(folder_.path()), IsEmpty());
}

TEST_F(SyncSpeedTest, EndsWhenItIsStopped) {
  stop_.request_stop();
  EXPECT_EQ(measured(1ms).error().code(), ErrorCode::cancelled);
  EXPECT_THAT(*disk_.list(folder_.path()), IsEmpty());
}

TEST_F(SyncSpeedTest, OneThatIsFasterThanADiskIsNamed) {
  ServerSettings settings;
  settings.on_this_host = true;
  settings.data_directory = folder_.path();
  const auto words = [&](Duration median) {
    return what_sync_speed_says({median, 200}, settings, disk_, folder_.path());
  };
  EXPECT_THAT(words(29us), ElementsAre(HasSubstr("faster than a disk can")));
  EXPECT_THAT(words(30us), IsEmpty());
  settings.on_this_host = false;
  EXPECT_THAT(words(30us), ElementsAre(HasSubstr("could not be verified")));
}

TEST_F(SyncSpeedTest, ALogBesideTheDataIsNamed) {
  ServerSettings settings;
  settings.on_this_host = true;
  settings.data_directory = folder_.path();
  EXPECT_THAT(what_shared_disk_says(settings, disk_, folder_.path()).value_or(""),
              HasSubstr("can forget both"));
  settings.on_this_host = false;
  EXPECT_FALSE(what_shared_disk_says(settings, disk_, folder_.path())) << "it may be elsewhere";
  settings.on_this_host = true;
  settings.data_directory = "/proc";
  EXPECT_FALSE(what_shared_disk_says(settings, disk_, folder_.path()));
  std::filesystem::create_directory_symlink("/proc", folder_ / "link");
  settings.data_directory = folder_ / "link";
  EXPECT_FALSE(what_shared_disk_says(settings, disk_, folder_.path())) << "a link leads elsewhere";
}

}  // namespace
}  // namespace vigie::proof
