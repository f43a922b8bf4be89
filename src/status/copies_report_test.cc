// What the status says of copies in further stores.
#include <gtest/gtest.h>

#include "status/status.h"
#include "tests/support/status_checks.h"

namespace vigie::status {
namespace {

using testing::sample_backups;

constexpr std::string_view kCheck = "backups.nightly.app.copy.offsite";

// Of each backup of the sample, whole.
std::shared_ptr<backup::BackupsView> with_copies() {
  auto backups = sample_backups(kNow);
  backups->jobs[0].copies = {"offsite"};
  backups->stores.push_back({.name = "offsite", .off_host = true});
  for (const backup::ArtefactView& one : backups->artefacts) {
    backup::CopyView copy;
    copy.id = one.id;
    copy.store = "offsite";
    copy.last_verification = one.last_verification;
    copy.fully_verified_at = one.fully_verified_at;
    backups->copies.push_back(copy);
  }
  return backups;
}

std::string damaged_in(const json::object& data) {
  return canonical_json(
      data.at("jobs").at(0).at("databases").at(0).at("copies").at(0).at("damaged"));
}

TEST(CopiesStatus, IsWellWhileTheNewestIsVerifiedAndYoungEnough) {
  const auto views = with_backups(with_copies());
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), kCheck), "pass ok");
  EXPECT_EQ(damaged_in(backups_data(views, kNow)), "[]");
}

TEST(CopiesStatus, ADamagedOneIsNamedUntilSomebodyGivesItUp) {
  auto backups = with_copies();
  backup::CopyView& older = backups->copies.front();
  older.last_verification->result = Verdict::failed;
  auto views = with_backups(backups);
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), kCheck), "warn copy_damaged");
  EXPECT_EQ(damaged_in(backups_data(views, kNow)), "[\"" + older.id.str() + "\"]");
  older.given_up = true;
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), kCheck), "pass ok");
  EXPECT_EQ(damaged_in(backups_data(views, kNow)), "[]");
}

TEST(CopiesStatus, AStoreThatDoesNotAnswerIsNamedThoughItsCopiesAreYoung) {
  auto backups = with_copies();
  backup::CopyAttempt attempt{"nightly", "app", "offsite", kNow, "store_unreachable"};
  backups->copy_attempts = {attempt};
  const auto said = [&] {
    return reason(make_report(Kind::backups, with_backups(backups), kNow), kCheck);
  };
  EXPECT_EQ(said(), "warn store_unreachable");
  const json::object data = backups_data(with_backups(backups), kNow);
  const json::value& copy = data.at("jobs").at(0).at("databases").at(0).at("copies").at(0);
  EXPECT_EQ(copy.at("error_code").as_string(), "store_unreachable");
  EXPECT_EQ(copy.at("last_attempt_at").as_string(), format_rfc3339(kNow));
  backups->copy_attempts[0].error_code.clear();
  EXPECT_EQ(said(), "pass ok") << "it answers again";
}

TEST(CopiesStatus, AVerifiedOneOffTheHostIsWhatTheFirstStoreOnItLacks) {
  auto backups = with_copies();
  backups->stores[0].off_host = false;
  const auto off_host = [&] {
    return reason(make_report(Kind::backups, with_backups(backups), kNow), "stores.off_host");
  };
  EXPECT_EQ(off_host(), "pass ok");
  for (backup::CopyView& one : backups->copies) one.last_verification.reset();
  EXPECT_EQ(off_host(), "warn no_copy_off_host");
}

}  // namespace
}  // namespace vigie::status
