// A real pg_dump that is faster than the sealers: it is stopped, and goes on when they have caught
// up. Without that the whole table would lie in the staging folder.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "backup/dump.h"
#include "store/local/local_store.h"
#include "tests/support/contents.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"
#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using platform::Path;
using testing::PgCluster;
using testing::TempFolder;

// Everybody waits at it until it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// An artefact whose sealed bytes are not taken before the gate is open.
class GatedWriter final : public store::ArtefactWriter {
 public:
  GatedWriter(store::ArtefactWriter& real, Gate& gate) : real_(real), gate_(gate) {}

  Result<std::unique_ptr<store::FileWriter>> create(std::string_view name) override {
    TRY_ASSIGN(auto file, real_.create(name));
    return std::make_unique<File>(std::move(file), gate_);
  }
  Result<> publish(std::string_view manifest) override { return real_.publish(manifest); }
  Result<> discard() override { return real_.discard(); }

 private:
  class File final : public store::FileWriter {
   public:
    File(std::unique_ptr<store::FileWriter> real, Gate& gate)
        : real_(std::move(real)), gate_(gate) {}
    Result<> append(ByteSpan bytes) override {
      gate_.pass();
      return real_->append(bytes);
    }
    Result<> close() override { return real_->close(); }

   private:
    std::unique_ptr<store::FileWriter> real_;
    Gate& gate_;
  };

  store::ArtefactWriter& real_;
  Gate& gate_;
};

// pg_dump and its workers that write into `folder`, without their supervisor.
std::vector<pid_t> dumps_into(const Path& folder) {
  std::vector<pid_t> found;
  for (const auto& one : std::filesystem::directory_iterator("/proc")) {
    if (testing::contents(one.path() / "comm") != "pg_dump\n") continue;
    if (testing::contents(one.path() / "cmdline").find(folder.string()) != std::string::npos)
      found.push_back(std::stoi(one.path().filename()));
  }
  return found;
}

// What a folder's files take on the disk.
Bytes allocated(const Path& folder) {
  Bytes sum;
  std::error_code none;
  for (const auto& one : std::filesystem::directory_iterator(folder, none)) {
    struct stat st {};
    if (::stat(one.path().c_str(), &st) == 0)
      sum += Bytes{static_cast<uint64_t>(st.st_blocks) * 512};
  }
  return sum;
}

class HoldBack : public ::testing::Test {
 protected:
  static constexpr Bytes kAhead = 4_MiB;
  static constexpr Bytes kTable = 96_MiB;

  void SetUp() override {
    request_.dsn = server_.named_dsn();
    request_.clients = {server_.bindir()};
    request_.application_name = "held";
    request_.jobs = 1;
    request_.globals = false;
    request_.row_settings = {"UTF8", server_.value("SHOW lc_monetary")};
    request_.staging = folder_ / "staging";
    request_.limits.ahead = kAhead;
    ASSERT_TRUE(platform::real_file_system().create_folder(request_.staging));
  }

  // Called at each look around. The gate opens when pg_dump is stopped, and has written nothing
  // since; or when it has ended without ever being stopped.
  void look() {
    const Bytes now = allocated(request_.staging / "dump");
    peak_ = std::max(peak_, now);
    const auto dumps = dumps_into(request_.staging / "dump");
    const bool stopped = !dumps.empty() && std::ranges::all_of(dumps, [](pid_t pid) {
      return testing::process_state(pid) == 'T';
    });
    if (stopped && before_ == now) was_stopped_ = true;
    before_ = stopped ? now : Bytes{};
    started_ = started_ || !dumps.empty();
    if (was_stopped_ || (started_ && dumps.empty())) gate_.open();
  }

  Result<DumpResult> dump() {
    const platform::RealClock clock;
    const auto store =
        store::make_local_store(platform::real_file_system(), "local", folder_ / "artefacts");
    const auto writer = store->begin({"nightly", "app", clock.now()});
    EXPECT_TRUE(writer);
    GatedWriter gated(**writer, gate_);
    const auto runner = platform::make_process_runner();
    const MonoTime patience = clock.monotonic() + std::chrono::minutes(2);
    return take_dump(request_, {*runner, clock, [this](const DumpProgress&) { look(); }}, gated,
                     {patience, {}});
  }

  TempFolder folder_;
  PgCluster server_;
  DumpRequest request_;
  Gate gate_;
  Bytes peak_;
  Bytes before_;  // while it was stopped
  bool started_ = false;
  bool was_stopped_ = false;
};

// A list of large objects stays open while all of them are written.
class LargeObjects : public HoldBack {
 protected:
  static constexpr int kCount = 100;

  void SetUp() override {
    HoldBack::SetUp();
    server_.execute(
        "SELECT lo_from_bytea(0, decode(repeat('5a', 1 << 20), 'hex')) "
        "FROM generate_series(1, 100)");
    gate_.open();
  }
  void expect_bounded() {
    const auto result = dump();
    ASSERT_TRUE(result) << result.error().detail(Audience::operators);
    EXPECT_EQ(result->files.size(), kCount + 2U);
    EXPECT_EQ(result->measures.watches, request_.limits.watches);
    EXPECT_LT(peak_, 32_MiB) << "they lay in the staging folder until the last was written";
  }
};

TEST_F(LargeObjects, AreSealedWhileTheyAreWritten) {
  expect_bounded();
}

TEST_F(LargeObjects, AreSealedWhileTheyAreWrittenWhereTheFolderCannotBeWatched) {
  request_.limits.watches = false;
  expect_bounded();
}

TEST_F(HoldBack, StopsPgDumpUntilTheSealersHaveCaughtUp) {
  server_.execute(
      "CREATE TABLE t AS SELECT repeat(md5(g::text), 32) x FROM "
      "generate_series(1, 98304) g");
  const auto result = dump();
  ASSERT_TRUE(result) << result.error().detail(Audience::operators);
  EXPECT_TRUE(was_stopped_) << "it wrote on while nothing was sealed";
  EXPECT_GT(result->measures.held_back, 0U);
  EXPECT_GT(peak_, kAhead);
  EXPECT_LT(peak_.count, kTable.count / 2);
  EXPECT_LT(result->measures.peak_staging.count, kTable.count / 2);
  ASSERT_EQ(result->tables.size(), 1U);
  EXPECT_EQ(result->tables.front().rows.rows, 98304U) << "and it went on";
}

}  // namespace
}  // namespace vigie::backup
