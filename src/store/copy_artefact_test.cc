// A copy that comes to nothing: on a disk that is full at any moment, or called off.
#include "store/copy_artefact.h"

#include <gtest/gtest.h>

#include "artefact/artefact_for_test.h"
#include "store/local/local_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_folder.h"

namespace vigie::store {
namespace {

using testing::Fault;
using testing::FaultyFileSystem;

// As a store over a network: its calls end with the work. The files that it writes are the other's.
class StoppableStore final : public Store {
 public:
  explicit StoppableStore(std::shared_ptr<Store> store, CallLimits limits = no_limits())
      : store_(std::move(store)), limits_(std::move(limits)) {}

  const std::string& name() const override { return store_->name(); }
  Features features() const override { return store_->features(); }
  std::shared_ptr<Store> within(const CallLimits& limits) const override {
    return std::make_shared<StoppableStore>(store_, limits);
  }
  Result<std::unique_ptr<ArtefactWriter>> begin(const BackupId& id) override {
    TRY(may());
    return store_->begin(id);
  }
  Result<bool> exists(const BackupId& id) override {
    TRY(may());
    return store_->exists(id);
  }
  Result<std::vector<BackupId>> list() override { return store_->list(); }
  Result<std::vector<BackupId>> debris() override { return store_->debris(); }
  Result<std::unique_ptr<artefact::ArtefactSource>> open(const BackupId& id) override {
    return store_->open(id);
  }
  Result<> remove(const BackupId& id) override {
    TRY(may());
    return store_->remove(id);
  }
  Result<std::optional<std::string>> marker() override { return store_->marker(); }
  Result<> mark(std::string_view text, bool replace) override {
    return store_->mark(text, replace);
  }
  Result<> probe(std::string_view job) override { return store_->probe(job); }
  Result<> look(std::string_view job) override { return store_->look(job); }
  Result<platform::Space> space() override { return store_->space(); }
  platform::Path artefact_path(const BackupId& id) const override {
    return store_->artefact_path(id);
  }
  Result<std::vector<EvidenceFile>> evidence() override { return store_->evidence(); }
  Result<std::unique_ptr<platform::ReadableFile>> open_evidence(std::string_view name) override {
    return store_->open_evidence(name);
  }
  Result<EvidenceFile> put_evidence(std::string_view name, const platform::ReadableFile& from,
                                    Bytes size) override {
    return store_->put_evidence(name, from, size);
  }

 private:
  Result<> may() const {
    if (!limits_.stop.stop_requested()) return {};
    return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
  }

  std::shared_ptr<Store> store_;
  CallLimits limits_;
};

class CopyArtefact : public ::testing::Test {
 protected:
  Result<Copied> copy(Store& target, const CallLimits& limits,
                      std::function<void(Bytes, Bytes)> progress = {}) {
    return copy_artefact({source_, target, artefact::test_id(), "", 1, limits, std::move(progress)},
                         clock_);
  }

  artefact::MemoryArtefact source_ = artefact::test_artefact();
  testing::FakeClock clock_;
};

// Afterwards there is a whole copy, or nothing.
TEST_F(CopyArtefact, ADiskThatIsFullAtAnyMomentLeavesNothingHalf) {
  size_t calls = 0;
  {
    const testing::TempFolder folder;
    FaultyFileSystem files(folder.path());
    ASSERT_TRUE(copy(*make_local_store(files, "offsite", folder / "store"), no_limits()));
    calls = files.calls();
  }
  ASSERT_GT(calls, 10U);
  for (size_t n = 0; n < calls; ++n) {
    const testing::TempFolder folder;
    FaultyFileSystem files(folder.path());
    files.fail_once(n, Fault::disk_full);
    const auto store = make_local_store(files, "offsite", folder / "store");
    const auto copied = copy(*store, no_limits());
    if (!copied) {
      EXPECT_EQ(copied.error().code(), ErrorCode::disk_full) << n;
    }
    EXPECT_EQ(store->list()->size(), copied ? 1U : 0U) << n;
    EXPECT_TRUE(store->debris()->empty()) << n;
  }
}

TEST_F(CopyArtefact, OneThatIsCalledOffIsTakenAwayAlthoughItsTimeIsOver) {
  const testing::TempFolder folder;
  StoppableStore target(
      make_local_store(platform::real_file_system(), "offsite", folder / "store"));
  std::stop_source stop;
  const CallLimits limits{MonoTime::max(), stop.get_token()};
  const auto copied =
      copy(*target.within(limits), limits, [&](Bytes, Bytes) { stop.request_stop(); });
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code(), ErrorCode::cancelled);
  EXPECT_TRUE(target.list()->empty());
  EXPECT_TRUE(target.debris()->empty());
}

}  // namespace
}  // namespace vigie::store
