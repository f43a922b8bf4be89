#include "backup/give_way.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "tests/support/mailbox.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{1h};

TEST(Waiters, NobodyWaits) {
  EXPECT_FALSE(Waiters(5s).update({}, kStart));
}
TEST(Waiters, OneThatWaitsForTheWholePatienceCounts) {
  Waiters waiters(5s);
  EXPECT_FALSE(waiters.update({7}, kStart));
  EXPECT_FALSE(waiters.update({7}, kStart + 4s));
  EXPECT_TRUE(waiters.update({7}, kStart + 5s));
}
TEST(Waiters, OneThatLeftAndCameBackStartsAnew) {
  Waiters waiters(5s);
  EXPECT_FALSE(waiters.update({7}, kStart));
  EXPECT_FALSE(waiters.update({}, kStart + 3s));
  EXPECT_FALSE(waiters.update({7}, kStart + 6s));
}
TEST(Waiters, OthersDoNotAddUp) {
  Waiters waiters(5s);
  EXPECT_FALSE(waiters.update({1}, kStart));
  EXPECT_FALSE(waiters.update({2}, kStart + 5s));
}

// Each sleep is over at once, and told; after `most` of them it stands still.
class SteppingClock final : public platform::Clock {
 public:
  explicit SteppingClock(int most) : left_(most) {}
  SystemTime now() const override { return {}; }
  MonoTime monotonic() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override {
    std::unique_lock lock(mutex_);
    if (left_ == 0) return stopped_.wait(lock, stop, [] { return false; });
    --left_;
    pauses.put(std::chrono::duration_cast<Duration>(deadline - now_));
    now_ = deadline;
    return true;
  }

  mutable testing::Mailbox<Duration> pauses;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable_any stopped_;
  mutable int left_;               // guarded by mutex_
  mutable MonoTime now_ = kStart;  // guarded by mutex_
};

class NoRows final : public platform::PgRows {
 public:
  size_t rows() const override { return 0; }
  size_t columns() const override { return 1; }
  std::string_view at(size_t, size_t) const override { return {}; }
  bool is_null(size_t, size_t) const override { return true; }
};

// A server that closes a session at its first question, or has no connection left: as often as the
// test says, one after the other. Then it answers that nobody waits.
class WeakServer final : public platform::PgConnector {
 public:
  WeakServer(int closes, int refuses) : closes_(closes), refuses_(refuses) {}

  Result<std::unique_ptr<platform::PgConnection>> connect(const platform::Dsn& dsn,
                                                          std::string_view,
                                                          const CallLimits&) override {
    ++connects;
    if (closes_ == 0 && refuses_-- > 0)
      return fail(ErrorCode::database_unreachable, {{"database", dsn.name}});
    return std::make_unique<Session>(closes_);
  }
  std::atomic<int> connects = 0;

 private:
  class Session final : public platform::PgConnection {
   public:
    explicit Session(int& closes) : closes_(closes) {}
    Result<std::unique_ptr<platform::PgRows>> query(std::string_view, const CallLimits&) override {
      return std::make_unique<NoRows>();
    }
    Result<std::unique_ptr<platform::PgRows>> query(std::string_view,
                                                    const std::vector<std::optional<std::string>>&,
                                                    const CallLimits&) override {
      if (closes_ > 0 && closes_-- > 0) return fail(ErrorCode::database_unreachable);
      return std::make_unique<NoRows>();
    }
    Result<> copy_out(std::string_view, const std::function<bool(std::string_view)>&,
                      const CallLimits&) override {
      return {};
    }
    int server_version() const override { return 150000; }
    int backend_pid() const override { return 1; }
    std::string parameter_status(std::string_view) const override { return {}; }

   private:
    int& closes_;
  };

  int closes_;
  int refuses_;
};

// What it paused for, until the clock stands still.
std::vector<Duration> pauses_of(WeakServer& server, int most, bool& blind) {
  const SteppingClock clock(most);
  const GiveWayWatch watch(server, {}, new_run_id(), 5s, clock, {});
  std::vector<Duration> pauses;
  pauses.reserve(static_cast<size_t>(most));
  for (int i = 0; i < most; ++i) pauses.push_back(clock.pauses.take().value_or(0s));
  blind = watch.blind();
  return pauses;
}

TEST(GiveWayWatch, ConnectsAgainWhenItsSessionIsLost) {
  WeakServer server(1, 0);
  bool blind = true;
  EXPECT_EQ(pauses_of(server, 3, blind), (std::vector<Duration>{2s, 1s, 1s}));
  EXPECT_EQ(server.connects, 2);
  EXPECT_FALSE(blind);
}

TEST(GiveWayWatch, TriesEverLaterAndSaysThatItIsBlind) {
  WeakServer server(0, 100);
  bool blind = false;
  EXPECT_EQ(pauses_of(server, 7, blind), (std::vector<Duration>{2s, 4s, 8s, 16s, 30s, 30s, 30s}));
  EXPECT_TRUE(blind);
}

TEST(GiveWayWatch, SaysWhatItCouldNotSeeAlsoWhenItSeesAgain) {
  WeakServer server(0, 4);
  bool blind = false;
  EXPECT_EQ(pauses_of(server, 6, blind), (std::vector<Duration>{2s, 4s, 8s, 16s, 1s, 1s}));
  EXPECT_TRUE(blind);
}

}  // namespace
}  // namespace vigie::backup
