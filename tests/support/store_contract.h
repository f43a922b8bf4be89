// What every store driver must do. A driver's test includes this, and instantiates it with a
// function that makes an empty store:
//
//   INSTANTIATE_TEST_SUITE_P(Local, StoreContract, ::testing::Values(make));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "artefact/manifest.h"
#include "store/store.h"

namespace vigie::testing {

// Keeps what the store needs alive.
struct StoreFixture {
  virtual ~StoreFixture() = default;
  virtual store::Store& store() = 0;
};
using MakeStore = std::function<std::unique_ptr<StoreFixture>()>;

// Bytes that stand for a file of a ledger.
class TextFile final : public platform::ReadableFile {
 public:
  explicit TextFile(std::string text) : text_(std::move(text)) {}
  Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
    if (offset >= text_.size()) return size_t{0};
    return text_.copy(reinterpret_cast<char*>(into.data()), into.size(), offset);
  }
  Result<Bytes> size() const override { return Bytes{text_.size()}; }

 private:
  const std::string text_;
};

class StoreContract : public ::testing::TestWithParam<MakeStore> {
 protected:
  store::Store& store() { return fixture_->store(); }

  static BackupId id(int hour) {
    return {"nightly", "app",
            SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) +
                std::chrono::hours(hour)};
  }
  std::unique_ptr<store::ArtefactWriter> begin(int hour) {
    auto writer = store().begin(id(hour));
    EXPECT_TRUE(writer);
    EXPECT_TRUE(store::write_file(**writer, "dump/toc.dat.zst", "toc"));
    EXPECT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
    return std::move(*writer);
  }
  Result<store::EvidenceFile> put(std::string_view name, std::string text) {
    const Bytes size{text.size()};
    return store().put_evidence(name, TextFile(std::move(text)), size);
  }
  std::string evidence(std::string_view name) {
    const auto file = store().open_evidence(name);
    EXPECT_TRUE(file) << name;
    return file ? *platform::read_file(**file, std::string(name), 64_MiB) : "";
  }
  void publish(int hour) { EXPECT_TRUE(begin(hour)->publish("{}\n")); }

  std::unique_ptr<StoreFixture> fixture_ = GetParam()();
};

TEST_P(StoreContract, AnEmptyStoreListsNothing) {
  EXPECT_TRUE(store().list()->empty());
  EXPECT_TRUE(store().debris()->empty());
}

// As the preflights of two jobs do that start at once.
TEST_P(StoreContract, TwoMayProbeAtOnce) {
  const int times = store().features().off_host ? 20 : 200;
  const auto probe = [&] {
    for (int i = 0; i < times; ++i) {
      const auto probed = store().probe("");
      ASSERT_TRUE(probed) << probed.error().detail(Audience::operators);
    }
  };
  const std::jthread other(probe);
  probe();
}

TEST_P(StoreContract, AnArtefactExistsFromItsPublicationOn) {
  const auto writer = begin(1);
  EXPECT_FALSE(*store().exists(id(1)));
  EXPECT_TRUE(store().list()->empty());
  EXPECT_EQ(*store().debris(), std::vector{id(1)});
  ASSERT_TRUE(writer->publish("{}\n"));
  EXPECT_TRUE(*store().exists(id(1)));
  EXPECT_EQ(*store().list(), std::vector{id(1)});
  EXPECT_TRUE(store().debris()->empty());
}

TEST_P(StoreContract, ReadsWhatWasWritten) {
  publish(1);
  const auto source = store().open(id(1));
  ASSERT_TRUE(source);
  EXPECT_EQ(*artefact::read_stored(**source, "dump/toc.dat.zst", 1_KiB), "toc");
  EXPECT_EQ(*store::read_manifest(store(), id(1)), "{}\n");
}

TEST_P(StoreContract, ListsTheFilesOfAnArtefactSortedWithTheirSizes) {
  publish(1);
  std::vector<std::pair<std::string, uint64_t>> found;
  const auto source = store().open(id(1));
  ASSERT_TRUE(source);
  const auto list = (*source)->list();
  ASSERT_TRUE(list);
  for (const artefact::StoredFile& file : *list) {
    EXPECT_TRUE(file.regular);
    found.emplace_back(file.name, file.size.count);
  }
  EXPECT_EQ(found, (std::vector<std::pair<std::string, uint64_t>>{
                       {"RECOVER.md", 4}, {"dump/toc.dat.zst", 3}, {"manifest.json", 3}}));
}

TEST_P(StoreContract, ListsArtefactsInOrder) {
  publish(3);
  publish(1);
  publish(2);
  EXPECT_EQ(*store().list(), (std::vector{id(1), id(2), id(3)}));
}

TEST_P(StoreContract, RefusesAnIdThatIsTaken) {
  publish(1);
  (void)begin(2);
  EXPECT_EQ(store().begin(id(1)).error().code(), ErrorCode::file_exists);
  EXPECT_EQ(store().begin(id(2)).error().code(), ErrorCode::file_exists);
}

TEST_P(StoreContract, RefusesAFileNameThatIsTaken) {
  const auto writer = begin(1);
  EXPECT_EQ(writer->create("RECOVER.md").error().code(), ErrorCode::file_exists);
}

TEST_P(StoreContract, RefusesNamesThatClimb) {
  const auto writer = begin(1);
  for (const char* name : {"../x", "/x", "a/../x", "a/b/c", ".x", "a//b", "manifest.json", ""}) {
    EXPECT_FALSE(writer->create(name)) << name;
  }
}

TEST_P(StoreContract, ADiscardedArtefactLeavesNothing) {
  const auto writer = begin(1);
  ASSERT_TRUE(writer->discard());
  EXPECT_TRUE(store().debris()->empty());
  EXPECT_TRUE(store().begin(id(1)));
}

TEST_P(StoreContract, RemovesArtefactsAndDebrisAlike) {
  publish(1);
  (void)begin(2);
  EXPECT_TRUE(store().remove(id(1)));
  EXPECT_TRUE(store().remove(id(2)));
  EXPECT_TRUE(store().list()->empty());
  EXPECT_TRUE(store().debris()->empty());
  EXPECT_EQ(store().open(id(1)).error().code(), ErrorCode::backup_not_found);
}

TEST_P(StoreContract, RemovingWhatIsNotThereIsFine) {
  EXPECT_TRUE(store().remove(id(1)));
}

TEST_P(StoreContract, AnAbsentArtefactCannotBeOpened) {
  EXPECT_EQ(store().open(id(1)).error().code(), ErrorCode::backup_not_found);
  EXPECT_EQ(store::read_manifest(store(), id(1)).error().code(), ErrorCode::backup_not_found);
}

TEST_P(StoreContract, KeepsItsMarkerUntilItMayBeReplaced) {
  EXPECT_FALSE(*store().marker());
  ASSERT_TRUE(store().mark("first\n", false));
  EXPECT_EQ(store().mark("second\n", false).error().code(), ErrorCode::file_exists);
  EXPECT_EQ(**store().marker(), "first\n");
  ASSERT_TRUE(store().mark("third\n", true));
  EXPECT_EQ(**store().marker(), "third\n");
  EXPECT_TRUE(store().list()->empty());
  EXPECT_TRUE(store().debris()->empty());
}

TEST_P(StoreContract, AProbeLeavesNothing) {
  EXPECT_TRUE(store().probe(""));
  EXPECT_TRUE(store().debris()->empty());
}

TEST_P(StoreContract, IsTheSameStoreWithinTheLimitsOfAPieceOfWork) {
  const CallLimits limits{MonoTime::max(), {}};
  // What it gave out outlives it.
  const auto writer = store().within(limits)->begin(id(1));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store::write_file(**writer, "RECOVER.md", "card"));
  ASSERT_TRUE((*writer)->publish("{}\n"));
  EXPECT_EQ(*store().list(), std::vector{id(1)});
  EXPECT_EQ(*store().within(limits)->list(), std::vector{id(1)});
  EXPECT_EQ(store().within(limits)->name(), store().name());
  const auto source = store().within(limits)->open(id(1));
  ASSERT_TRUE(source);
  EXPECT_EQ(*artefact::read_stored(**source, "RECOVER.md", 1_KiB), "card");
}

TEST_P(StoreContract, EvidenceIsNoArtefactAndNoDebris) {
  ASSERT_TRUE(store().mark("mark\n", false));
  publish(1);
  const std::string like_an_artefact = "nightly/nightly.app-20261120t010000z/manifest.json";
  for (const std::string& name : {std::string("a/ledger/ledger-000001.jsonl"), like_an_artefact})
    ASSERT_TRUE(put(name, "line\n"));
  EXPECT_EQ(*store().list(), std::vector{id(1)});
  EXPECT_TRUE(store().debris()->empty());
  ASSERT_TRUE(store().probe("nightly"));
  ASSERT_TRUE(store().remove(id(1)));
  EXPECT_EQ(store().evidence()->size(), 2U);
}

TEST_P(StoreContract, EvidenceIsListedWithItsSizeAndATagOfItsBytes) {
  EXPECT_TRUE(store().evidence()->empty());
  ASSERT_TRUE(store().mark("mark\n", false));
  const auto first = put("b/ledger/ledger-000001.jsonl", "one\n");
  ASSERT_TRUE(first) << first.error().detail(Audience::operators);
  ASSERT_TRUE(put("a/checkpoints.jsonl", ""));
  const auto all = store().evidence();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).name, "a/checkpoints.jsonl");
  EXPECT_EQ(all->at(1).name, first->name);
  EXPECT_EQ(all->at(1).size, Bytes{4});
  EXPECT_EQ(all->at(1).tag, first->tag) << "as it was told when it was written";
  EXPECT_EQ(evidence("b/ledger/ledger-000001.jsonl"), "one\n");
}

TEST_P(StoreContract, EvidenceThatIsPutAgainTakesThePlaceOfWhatWasThere) {
  ASSERT_TRUE(store().mark("mark\n", false));
  const auto before = put("a/checkpoints.jsonl", "one\n");
  const auto after = put("a/checkpoints.jsonl", "one\ntwo\n");
  ASSERT_TRUE(before && after);
  EXPECT_NE(after->tag, before->tag);
  EXPECT_EQ(evidence("a/checkpoints.jsonl"), "one\ntwo\n");
  EXPECT_EQ(store().evidence()->size(), 1U);
}

TEST_P(StoreContract, EvidenceMayBeLargerThanOnePartAndIsCutWhereItIsTold) {
  ASSERT_TRUE(store().mark("mark\n", false));
  const std::string text(size_t{17} << 20, 'x');
  const auto written =
      store().put_evidence("a/ledger/ledger-000001.jsonl", TextFile(text), Bytes{text.size() - 1});
  ASSERT_TRUE(written) << written.error().detail(Audience::operators);
  EXPECT_EQ(written->size.count, text.size() - 1);
  EXPECT_TRUE(evidence(written->name) == text.substr(1));
}

TEST_P(StoreContract, EvidenceThatIsShorterThanToldIsNotWritten) {
  ASSERT_TRUE(store().mark("mark\n", false));
  const auto written = store().put_evidence("a/ledger.pub", TextFile("ab"), Bytes{3});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::file_corrupt);
  EXPECT_TRUE(store().evidence()->empty());
  EXPECT_EQ(store().open_evidence("a/ledger.pub").error().code(), ErrorCode::file_not_found);
}

TEST_P(StoreContract, EvidenceHasNoNameThatClimbs) {
  for (const char* name :
       {"", ".", "..", "a/../b", "/a", "a/", "a//b", ".a", "A", "a_b", "a/b/c/d/e"}) {
    EXPECT_FALSE(put(name, "x")) << name;
    EXPECT_FALSE(store().open_evidence(name)) << name;
  }
}

TEST_P(StoreContract, SaysItsSpaceWhenItKnowsIt) {
  if (!store().features().knows_space) return;
  ASSERT_TRUE(store().probe(""));
  EXPECT_GT(store().space()->total.count, 0U);
}

}  // namespace vigie::testing
