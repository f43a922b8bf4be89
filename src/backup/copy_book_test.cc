#include "backup/copy_book.h"

#include <gtest/gtest.h>

#include "backup/read_hold.h"
#include "tests/support/backup_room.h"

namespace vigie::backup {
namespace {

class CopyBookTest : public ::testing::Test {
 protected:
  CopyBookTest() { EXPECT_TRUE(book_->put(copy_of(night(20)))); }

  static CopyView copy_of(const BackupId& id) {
    CopyView copy;
    copy.id = id;
    copy.store = "offsite";
    copy.copied_at = id.started_at;
    copy.manifest_sha256 = "00";
    return copy;
  }
  void open_again() {
    book_.reset();
    book_ = *CopyBook::open(folder_ / "state.db");
  }

  testing::TempFolder folder_;
  std::unique_ptr<CopyBook> book_ = *CopyBook::open(folder_ / "state.db");
};

TEST_F(CopyBookTest, WhatIsReadDoesNotBeginToExpire) {
  std::optional<CopyHold> first(*CopyHold::take(*book_, "offsite", night(20)));
  std::optional<CopyHold> second(*CopyHold::take(*book_, "offsite", night(20)));
  EXPECT_FALSE(*book_->begin_expiry("offsite", night(20)));
  first.reset();
  EXPECT_FALSE(*book_->begin_expiry("offsite", night(20))) << "another reads it still";
  second.reset();
  EXPECT_TRUE(*book_->begin_expiry("offsite", night(20)));
}

TEST_F(CopyBookTest, WhatExpiresOrIsNotThereIsNotRead) {
  ASSERT_TRUE(*book_->begin_expiry("offsite", night(20)));
  for (const unsigned day : {20U, 21U}) {
    const auto hold = CopyHold::take(*book_, "offsite", night(day));
    ASSERT_FALSE(hold);
    EXPECT_EQ(hold.error().code(), ErrorCode::backup_not_found);
  }
  ASSERT_TRUE(book_->keep("offsite", night(20)));
  EXPECT_TRUE(CopyHold::take(*book_, "offsite", night(20)));
}

TEST_F(CopyBookTest, HoldsHaveABound) {
  std::vector<CopyHold> holds;
  for (size_t i = 0; i < kMostCopyReaders; ++i)
    holds.push_back(*CopyHold::take(*book_, "offsite", night(20)));
  const auto one_more = CopyHold::take(*book_, "offsite", night(20));
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().code(), ErrorCode::queue_full);
}

// Somebody gives it up while a run reads it.
TEST_F(CopyBookTest, WhatIsKnownOfItIsChangedOneByOne) {
  ASSERT_TRUE(book_->give_up("offsite", night(20)));
  ASSERT_TRUE(book_->record("offsite", night(20),
                            {Verdict::failed, VerifyMode::full, night(21).started_at, "x"}));
  open_again();
  const auto copy = book_->find("offsite", night(20));
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy->given_up);
  EXPECT_EQ(copy->verdict(), Verdict::failed);
}

TEST_F(CopyBookTest, RemainsAreKnownUntilTheyAreForgottenOrWholeAgain) {
  ASSERT_TRUE(book_->put(copy_of(night(21))));
  for (const unsigned day : {20U, 21U}) ASSERT_TRUE(book_->lose("offsite", night(day)));
  open_again();
  EXPECT_TRUE(book_->all().empty());
  EXPECT_EQ(book_->remains("offsite"), (std::vector{night(20), night(21)}));
  ASSERT_TRUE(book_->put(copy_of(night(20))));
  ASSERT_TRUE(book_->forget_remains("offsite", night(21)));
  open_again();
  EXPECT_TRUE(book_->remains("offsite").empty());
}

TEST_F(CopyBookTest, AnAttemptKeepsTheNewestThatItKnewOf) {
  ASSERT_TRUE(
      book_->note_attempt({"nightly", "app", "offsite", night(20).started_at, "", night(20)}));
  open_again();
  const auto attempt = book_->attempt("nightly", "app", "offsite");
  ASSERT_TRUE(attempt);
  EXPECT_EQ(attempt->newest, night(20));
}

}  // namespace
}  // namespace vigie::backup
