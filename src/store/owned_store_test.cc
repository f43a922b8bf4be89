// Whose store it is, and whether it is there: what stands before a use, and what each use leaves.
#include "store/owned_store.h"

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <map>
#include <mutex>
#include <span>
#include <thread>

#include "store/local/local_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_folder.h"

namespace vigie::store {
namespace {

using testing::TempFolder;

const BackupId kId{"nightly", "app",
                   SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20))};

const std::string kOurs(32, 'a');
const std::string kTheirs(32, 'b');

constexpr const char* kNewer = R"({"schema":"vigie.store/2","store_id":"a"})";

// A state folder: what it remembers outlives a store object.
struct Keeper {
  std::string id;
  std::map<std::string, std::string> known{};
  std::mutex mutex{};

  std::unique_ptr<OwnedStore> store(const platform::Path& root,
                                    platform::FileSystem& files = platform::real_file_system()) {
    return std::make_unique<OwnedStore>(
        std::shared_ptr<Store>(make_local_store(files, "local", root)),
        Owner{id, "host-of-" + id, "/var/lib/" + id},
        StoreMemory{[this](const std::string& name) {
                      const std::lock_guard lock(mutex);
                      const auto found = known.find(name);
                      return found == known.end() ? std::nullopt : std::optional(found->second);
                    },
                    [this](const std::string& name, const std::string& store_id) -> Result<> {
                      const std::lock_guard lock(mutex);
                      known[name] = store_id;
                      return {};
                    }},
        clock());
  }
  static const platform::Clock& clock() {
    static const testing::FakeClock clock;
    return clock;
  }
};

Result<> publish(Store& store) {
  TRY_ASSIGN(const auto writer, store.begin(kId));
  TRY(write_file(*writer, "RECOVER.md", "card"));
  return writer->publish("{}\n");
}

struct OwnedStoreTest : ::testing::Test {
  TempFolder folder;
  platform::Path root = folder / "artefacts";
  Keeper ours{kOurs};
  Keeper theirs{kTheirs};
};

TEST_F(OwnedStoreTest, LookingAtANewStoreLeavesNothingThere) {
  EXPECT_TRUE(ours.store(root)->list()->empty());
  EXPECT_FALSE(std::filesystem::exists(root));
}

TEST_F(OwnedStoreTest, TheFirstWriteMarksItAndItIsOursFromThen) {
  ASSERT_TRUE(publish(*ours.store(root)));
  const auto marker = Marker::parse(**ours.store(root)->marker());
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->owner.id, kOurs);
  EXPECT_EQ(ours.known["local"], marker->store_id);
  EXPECT_EQ(*ours.store(root)->list(), std::vector{kId});
}

class Word final : public platform::ReadableFile {
 public:
  Result<size_t> read_at(uint64_t, std::span<unsigned char> into) const override {
    into.front() = 'x';
    return size_t{1};
  }
  Result<Bytes> size() const override { return Bytes{1}; }
};

TEST_F(OwnedStoreTest, EvidenceAloneMakesNoStore) {
  EXPECT_FALSE(*ours.store(root)->is_ours());
  const auto put = ours.store(root)->put_evidence("ledger.pub", Word(), Bytes{1});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::store_unreachable);
  EXPECT_FALSE(std::filesystem::exists(root));
}

TEST_F(OwnedStoreTest, EvidenceLiesBelowItsOwnerAndStaysWhenTheStoreIsTakenOver) {
  ASSERT_TRUE(publish(*ours.store(root)));
  ASSERT_TRUE(ours.store(root)->put_evidence("ledger.pub", Word(), Bytes{1}));
  EXPECT_EQ(theirs.store(root)->evidence().error().code(), ErrorCode::store_foreign);
  EXPECT_EQ(theirs.store(root)->put_evidence("ledger.pub", Word(), Bytes{1}).error().code(),
            ErrorCode::store_foreign);
  ASSERT_TRUE(theirs.store(root)->take_over());
  EXPECT_TRUE(theirs.store(root)->evidence()->empty());
  ASSERT_TRUE(theirs.store(root)->put_evidence("ledger.pub", Word(), Bytes{1}));
  const auto all = make_local_store(platform::real_file_system(), "local", root)->evidence();
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).name, kOurs + "/ledger.pub");
  EXPECT_EQ(all->at(1).name, kTheirs + "/ledger.pub");
  ASSERT_EQ(theirs.store(root)->evidence()->size(), 1U);
  EXPECT_EQ(theirs.store(root)->evidence()->front().name, "ledger.pub");
}

TEST_F(OwnedStoreTest, AStoreWhoseMountIsGoneIsUnreachableAndNothingIsWrittenBeneath) {
  ASSERT_TRUE(publish(*ours.store(root)));
  std::filesystem::rename(root, folder / "elsewhere");
  std::filesystem::create_directory(root);
  const auto store = ours.store(root);
  EXPECT_EQ(store->list().error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store->exists(kId).error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store->open(kId).error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store->space().error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store->begin(kId).error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store->probe("").error().code(), ErrorCode::store_unreachable);
  EXPECT_EQ(store->remove(kId).error().code(), ErrorCode::store_unreachable);
  EXPECT_TRUE(std::filesystem::is_empty(root));
}

TEST_F(OwnedStoreTest, AStoreWhoseFolderIsRemovedIsUnreachable) {
  ASSERT_TRUE(publish(*ours.store(root)));
  std::filesystem::remove_all(root);
  EXPECT_EQ(ours.store(root)->list().error().code(), ErrorCode::store_unreachable);
  EXPECT_FALSE(ours.store(root)->begin(kId));
  EXPECT_FALSE(std::filesystem::exists(root));
}

TEST_F(OwnedStoreTest, TheStoreOfAnotherIsRefusedAndItsOwnerNamed) {
  ASSERT_TRUE(publish(*theirs.store(root)));
  const auto store = ours.store(root);
  const auto listed = store->list();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code(), ErrorCode::store_foreign);
  EXPECT_EQ(listed.error().parameter("host"), "host-of-" + kTheirs);
  EXPECT_FALSE(store->debris());
  EXPECT_FALSE(store->begin(kId));
  EXPECT_FALSE(store->remove(kId));
  EXPECT_TRUE(*theirs.store(root)->exists(kId));
}

TEST_F(OwnedStoreTest, BackupsWithoutAMarkerAreNobodysUntilSomebodySaysSo) {
  ASSERT_TRUE(publish(*make_local_store(platform::real_file_system(), "local", root)));
  EXPECT_EQ(ours.store(root)->list().error().code(), ErrorCode::store_foreign);
  EXPECT_EQ(ours.store(root)->begin(kId).error().code(), ErrorCode::store_foreign);
  ASSERT_TRUE(ours.store(root)->take_over());
  EXPECT_EQ(*ours.store(root)->list(), std::vector{kId});
}

TEST_F(OwnedStoreTest, AMarkerThatCannotBeUnderstoodIsRefused) {
  ASSERT_TRUE(publish(*ours.store(root)));
  const std::string good = **ours.store(root)->marker();
  const std::string short_id = R"({"schema":"vigie.store/1","store_id":"a","owner":{"id":"b"}})";
  const std::string long_one = good.substr(0, good.size() - 1) + std::string(5000, ' ');
  for (const std::string& text : {std::string(), std::string("{}"), std::string("not json"),
                                  std::string(kNewer), short_id, long_one}) {
    ASSERT_TRUE(ours.store(root)->mark(text, true));
    EXPECT_EQ(ours.store(root)->list().error().code(), ErrorCode::store_foreign) << text;
  }
}

TEST_F(OwnedStoreTest, AMarkerOfANewerReleaseIsNotReplaced) {
  ASSERT_TRUE(publish(*ours.store(root)));
  ASSERT_TRUE(ours.store(root)->mark(kNewer, true));
  EXPECT_EQ(ours.store(root)->other_owner().error().code(), ErrorCode::store_foreign);
  EXPECT_EQ(ours.store(root)->take_over().error().code(), ErrorCode::store_foreign);
  EXPECT_EQ(**ours.store(root)->marker(), kNewer);
}

TEST_F(OwnedStoreTest, AMarkerThatIsTooLongIsReplacedWhenSomebodySaysSo) {
  ASSERT_TRUE(publish(*ours.store(root)));
  ASSERT_TRUE(ours.store(root)->mark(std::string(5000, ' '), true));
  ASSERT_TRUE(ours.store(root)->take_over());
  EXPECT_EQ(*ours.store(root)->list(), std::vector{kId});
}

TEST_F(OwnedStoreTest, WordsOfAnotherReachNoTerminalAsTheyAre) {
  const Marker marker{kOurs, {kTheirs, "host\x1b[2J", "/var\n/lib"}, {}};
  const auto read = Marker::parse(marker.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->owner.host.find('\x1b'), std::string::npos);
  EXPECT_EQ(read->owner.state_folder.find('\n'), std::string::npos);
}

// As two jobs do that start in the same second.
TEST_F(OwnedStoreTest, TwoAtOnceMarkANewStoreOnce) {
  for (int round = 0; round < 50; ++round) {
    const TempFolder fresh;
    Keeper keeper{kOurs};
    const auto store = keeper.store(fresh / "artefacts");
    std::barrier together(2);
    std::array<bool, 2> begun{};
    const auto begin = [&](size_t which) {
      BackupId id = kId;
      id.database += std::to_string(which);
      together.arrive_and_wait();
      const auto writer = store->begin(id);
      EXPECT_TRUE(writer) << writer.error().detail(Audience::operators);
      begun.at(which) = writer.has_value();
    };
    {
      const std::jthread other([&] { begin(1); });
      begin(0);
    }
    ASSERT_TRUE(begun[0] && begun[1]);
    EXPECT_EQ(keeper.known["local"], Marker::parse(**store->marker())->store_id);
  }
}

TEST_F(OwnedStoreTest, WhoTakesOverHasItAndTheOwnerBeforeNoLonger) {
  ASSERT_TRUE(publish(*theirs.store(root)));
  const auto before = ours.store(root)->other_owner();
  ASSERT_TRUE(before && *before);
  EXPECT_EQ((*before)->id, kTheirs);
  ASSERT_TRUE(ours.store(root)->take_over());
  EXPECT_EQ(*ours.store(root)->list(), std::vector{kId});
  EXPECT_EQ(theirs.store(root)->begin(kId).error().code(), ErrorCode::store_foreign);
}

TEST_F(OwnedStoreTest, AReplacedDiskIsTakenWhenSomebodySaysSo) {
  ASSERT_TRUE(publish(*ours.store(root)));
  std::filesystem::remove_all(root);
  ASSERT_TRUE(ours.store(root)->take_over());
  EXPECT_TRUE(ours.store(root)->list()->empty());
  EXPECT_TRUE(publish(*ours.store(root)));
}

TEST_F(OwnedStoreTest, TwoOfOurStoresThatWereExchangedAreNotMistaken) {
  ASSERT_TRUE(publish(*ours.store(root)));
  Keeper again{kOurs, {{"local", "another-id"}}};
  EXPECT_EQ(again.store(root)->list().error().code(), ErrorCode::store_unreachable);
  ASSERT_TRUE(again.store(root)->take_over());
  EXPECT_TRUE(again.store(root)->list());
}

TEST_F(OwnedStoreTest, AStoreThatWasMovedWithItsMarkerNeedsNoWord) {
  ASSERT_TRUE(publish(*ours.store(root)));
  std::filesystem::rename(root, folder / "moved");
  EXPECT_EQ(*ours.store(folder / "moved")->list(), std::vector{kId});
}

// Whatever fails while it is marked: the next try has it, and it never looks like another's.
TEST_F(OwnedStoreTest, ACrashWhileMarkingLeavesItMarkedOrNew) {
  for (const auto fault : {testing::Fault::disk_full, testing::Fault::io, testing::Fault::power}) {
    for (size_t call = 0; call < 8; ++call) {
      for (const uint64_t seed : {0, 1, 2}) {
        SCOPED_TRACE(::testing::Message() << int(fault) << " " << call << " " << seed);
        const TempFolder disk;
        Keeper keeper{kOurs};
        testing::FaultyFileSystem files(disk / "disk");
        files.fail_from(files.calls() + call, fault);
        (void)keeper.store(disk / "disk" / "artefacts", files)->probe("");
        files.crash(seed);
        const auto store = keeper.store(disk / "disk" / "artefacts", files);
        EXPECT_TRUE(store->probe("")) << store->probe("").error().detail(Audience::operators);
        EXPECT_TRUE(store->list()->empty());
      }
    }
  }
}

}  // namespace
}  // namespace vigie::store
