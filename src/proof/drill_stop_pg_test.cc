// A drill that ends while its server is made and its backup is unpacked beside that: by a cancel,
// at its deadline, and by either of the two, which takes the other along.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <future>

#include "artefact/artefact_for_test.h"
#include "base/encoding.h"
#include "proof/drill.h"
#include "tests/support/contents.h"
#include "tests/support/eventually.h"
#include "tests/support/mailbox.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"
#include "tests/support/scratch_dir.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using artefact::MemoryArtefact;

constexpr auto kPatience = 1min;
constexpr auto kPromptly = 10s;  // what goes on needs a minute and more

// A store that gives a byte each millisecond, until it is told to hurry or that there are no more.
class SlowArtefact final : public artefact::ArtefactSource {
 public:
  explicit SlowArtefact(MemoryArtefact below) : below_(std::move(below)) {}

  Result<std::vector<artefact::StoredFile>> list() override { return below_.list(); }
  Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) override {
    TRY_ASSIGN(auto file, below_.open(name));
    if (!name.starts_with("dump/")) return file;
    return std::make_unique<SlowFile>(std::move(file), *this);
  }

  bool is_read() { return read_.take().has_value(); }  // waits for it
  void cut() { cut_ = true; }
  void hurry() { hurry_ = true; }

 private:
  class SlowFile final : public platform::ReadableFile {
   public:
    SlowFile(std::unique_ptr<platform::ReadableFile> below, SlowArtefact& all)
        : below_(std::move(below)), all_(all) {}
    Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
      if (offset == 0) all_.read_.put({});
      if (all_.hurry_) return below_->read_at(offset, into);
      std::this_thread::sleep_for(1ms);
      return all_.cut_ ? Result<size_t>(0) : below_->read_at(offset, into.first(1));
    }
    Result<Bytes> size() const override { return below_->size(); }

   private:
    std::unique_ptr<platform::ReadableFile> below_;
    SlowArtefact& all_;
  };

  MemoryArtefact below_;
  testing::Mailbox<std::monostate> read_;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> hurry_ = false;
};

// Of bytes that do not compress: more than are read in a minute.
MemoryArtefact large_artefact() {
  MemoryArtefact artefact;
  artefact::Manifest manifest = artefact::test_manifest();
  std::string raw;
  for (int i = 0; i < 2'000; ++i) raw += hex_encode(sha256(as_bytes(std::to_string(i))));
  artefact::seal_into(artefact, manifest, "dump/toc.dat.zst", artefact::FileKind::toc, raw);
  artefact::cover_with(artefact, manifest);
  return artefact;
}

// PostgreSQL's programs, and scripts in the place of some.
class Programs {
 public:
  Programs() {
    std::filesystem::create_directory(path());
    for (const char* name : {"initdb", "postgres", "pg_dump", "pg_dumpall", "pg_restore", "psql"})
      std::filesystem::create_symlink(testing::pg_bindir() / name, path() / name);
  }
  platform::Path path() const { return folder_.path() / "bin"; }

  void replace(const std::string& name, const std::string& script) {
    std::filesystem::remove(path() / name);
    ASSERT_TRUE(platform::write_file_new(platform::real_file_system(), path() / name,
                                         "#!/bin/sh\n" + script));
    ::chmod((path() / name).c_str(), 0755);
  }

 private:
  testing::ScratchDir folder_;
};

class DrillStop : public ::testing::Test {
 protected:
  DrillStop() {
    options_.name = "weekly";
    options_.scratch.dir = scratch_.path();
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + kPatience;
    work_.stop = stop_.get_token();
  }

  // Has this program say that it is there, and then wait for nothing or for go_on().
  void hold(const std::string& program) {
    programs_.replace(program,
                      "mkfifo go && echo $$ > held && read line < go\n"
                      "echo 'could not map anonymous shared memory' >&2; exit 1\n");
  }
  void begin() {
    drill_ = std::async(std::launch::async, [this] {
      DrillRequest request{options_, backup_, artefact::test_id(), {}, programs_.path()};
      request.folder = staging_ / "run";
      return drill(request, {platform::real_file_system(), *processes_, *postgres_, clock_}, work_);
    });
    ASSERT_TRUE(backup_.is_read());
    ASSERT_TRUE(testing::eventually([&] { return said().ends_with('\n'); }));
    held_ = std::make_unique<testing::ProcessWatch>(std::stoi(said()));
    began_ = MonoTime::clock::now();
  }
  void go_on() {
    go_ = platform::Descriptor(::open((server_ / "go").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::write(go_.get(), "\n", 1), 1);
  }

  // Since begin(), or since what is to end it came.
  DrillReport ended_within(Duration patience) {
    DrillReport report = drill_.get();
    EXPECT_LT(MonoTime::clock::now() - began_, patience);
    EXPECT_FALSE(held_->alive());
    EXPECT_TRUE(scratch_.is_clean());
    EXPECT_TRUE(std::filesystem::is_empty(staging_.path()));
    return report;
  }
  void expect_no_verdict(const DrillReport& report, ErrorCode code) {
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code(), code) << report.error->detail(Audience::operators);
    EXPECT_EQ(report.verdict(), Verdict::could_not_verify);
    for (const ledger::Assertion& one : report.assertions)
      EXPECT_EQ(one.result, ledger::Outcome::could_not_verify) << one.id;
  }

  testing::ScratchDir scratch_;
  const platform::Path server_ = scratch_.path() / "weekly";
  testing::TempFolder staging_;
  Programs programs_;
  SlowArtefact backup_{large_artefact()};
  DrillOptions options_;
  platform::RealClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::stop_source stop_;
  Work work_;
  std::unique_ptr<testing::ProcessWatch> held_;
  platform::Descriptor go_;
  MonoTime began_;
  std::future<DrillReport> drill_;

 private:
  std::string said() const { return testing::contents(server_ / "held"); }
};

TEST_F(DrillStop, ACancelEndsInitdbAndTheUnpacking) {
  hold("initdb");
  begin();
  stop_.request_stop();
  expect_no_verdict(ended_within(kPromptly), ErrorCode::cancelled);
}

TEST_F(DrillStop, ACancelEndsAServerThatStartsAndTheUnpacking) {
  hold("postgres");
  begin();
  stop_.request_stop();
  expect_no_verdict(ended_within(kPromptly), ErrorCode::cancelled);
}

TEST_F(DrillStop, TheDeadlineEndsInitdbAndTheUnpacking) {
  work_.deadline = MonoTime::clock::now() + 5s;
  hold("initdb");
  begin();
  expect_no_verdict(ended_within(5s + kPromptly), ErrorCode::deadline_exceeded);
}

// Which is not blamed for it.
TEST_F(DrillStop, TheDeadlineEndsAServerThatStarts) {
  work_.deadline = MonoTime::clock::now() + 10s;  // initdb comes before
  hold("postgres");
  backup_.hurry();
  begin();
  expect_no_verdict(ended_within(10s + kPromptly), ErrorCode::deadline_exceeded);
}

TEST_F(DrillStop, AnInitdbThatFailsEndsTheUnpackingAndIsWhatIsTold) {
  hold("initdb");
  begin();
  go_on();
  const DrillReport report = ended_within(kPromptly);
  expect_no_verdict(report, ErrorCode::scratch_failed);
  EXPECT_EQ(report.error->parameter("command"), "initdb");
}

TEST_F(DrillStop, AServerThatDoesNotStartEndsTheUnpackingAndIsWhatIsTold) {
  hold("postgres");
  begin();
  go_on();
  const DrillReport report = ended_within(kPromptly);
  expect_no_verdict(report, ErrorCode::scratch_failed);
  EXPECT_EQ(report.error->parameter("command"), "postgres");
}

// What the backup has to say goes first.
TEST_F(DrillStop, ADamagedBackupEndsInitdbAndIsWhatIsTold) {
  hold("initdb");
  begin();
  backup_.cut();
  const DrillReport report = ended_within(kPromptly);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code(), ErrorCode::artefact_size);
  EXPECT_EQ(report.verdict(), Verdict::failed);
}

TEST_F(DrillStop, ADamagedBackupEndsAServerThatStartsAndIsWhatIsTold) {
  hold("postgres");
  begin();
  backup_.cut();
  const DrillReport report = ended_within(kPromptly);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code(), ErrorCode::artefact_size);
  EXPECT_EQ(report.verdict(), Verdict::failed);
}

}  // namespace
}  // namespace vigie::proof
