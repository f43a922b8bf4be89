// What the status says of a store that is a bucket.
#include <gtest/gtest.h>

#include "status/status.h"
#include "tests/support/status_checks.h"

namespace vigie::status {
namespace {

using testing::sample_backups;

TEST(BucketStatus, SaysNothingOfTheSpaceOfAStoreThatDoesNotKnowIt) {
  auto backups = sample_backups(kNow);
  backups->stores[0].knows_space = false;
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "stores.local.reserve"), "absent");
  EXPECT_EQ(find(report, "stores.local.reachable")->status, Status::pass);
}

TEST(BucketStatus, ABucketThatRefusesSendsToItsOwnRunbook) {
  auto backups = sample_backups(kNow);
  backups->stores[0].reachable = false;
  backups->stores[0].error_code = "store_refused";
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "stores.local.reachable"), "fail store_refused");
  EXPECT_EQ(find(report, "stores.local.reachable")->runbook, "store-refused");
}

TEST(BucketStatus, ItsSpaceIsNotKnown) {
  auto backups = sample_backups(kNow);
  backups->stores[0].knows_space = false;
  const auto data = backups_data(with_backups(backups), kNow);
  const auto& store = data.at("jobs").at(0).at("stores").at(0);
  EXPECT_EQ(store.at("reachable"), json::value(true));
  EXPECT_TRUE(store.at("total_bytes").is_null());
  EXPECT_TRUE(store.at("available_bytes").is_null());
  EXPECT_TRUE(store.at("reserve_bytes").is_null());
}

}  // namespace
}  // namespace vigie::status
