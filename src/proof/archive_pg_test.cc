// What the stock pg_restore does with a real archive, and what is told of it: it may warn of the
// archive and end well.
#include "proof/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "artefact/artefact_for_test.h"
#include "tests/support/contents.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ArchivePgTest : public ::testing::Test {
 protected:
  ArchivePgTest() {
    server_.create_database("app");
    server_.create_database("copy");
    server_.execute("CREATE TABLE t AS SELECT 'Canary-' || g AS a FROM generate_series(1, 9) g",
                    "app");
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + std::chrono::minutes(1);
    work_.program_ended = [this](std::string_view program, int status, std::string_view said) {
      program_ = program;
      status_ = status;
      said_ = said;
    };
    dump();
  }
  void dump() {
    platform::Command command;
    command.program = server_.bindir() / "pg_dump";
    command.arguments = {"--format=directory", "--file=" + archive_.folder.string(),
                         "--dbname=" + server_.dsn("app")};
    const auto end = platform::run_to_end(*processes_, command, work_.deadline, {});
    ASSERT_TRUE(end && end->status == 0) << (end ? end->error_text : "");
  }
  // The header of toc.dat: five letters, the version in three bytes, three sizes and the format;
  // how it is compressed, a byte since archives of 1.15; then the time in seconds, minutes, hours,
  // days, months and years, each a sign and four bytes. 400 days behind the last year there is.
  void make_its_date_impossible() const {
    constexpr size_t kCompression = 11;
    const platform::Path path = archive_.folder / "toc.dat";
    std::string toc = testing::contents(path);
    const size_t time = kCompression + (toc[6] >= 15 ? 1 : 5);
    constexpr size_t kNumber = 5;
    toc.replace(time + 3 * kNumber, kNumber, std::string("\0\x90\x01\0\0", 5));
    toc.replace(time + 5 * kNumber, kNumber, std::string("\0\xff\xff\xff\x7f", 5));
    std::ofstream(path, std::ios::binary) << toc;
  }
  Result<> restore() {
    RestoreOptions options;
    options.superuser = true;
    return restore_into(archive_, server_.named_dsn("copy"), options, *processes_,
                        artefact::test_id(), work_);
  }

  testing::PgCluster server_;
  testing::TempFolder folder_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  const Archive archive_{folder_ / "archive", folder_.path(), {server_.bindir()}};
  Work work_;
  std::string program_;
  int status_ = -1;
  std::string said_;  // to the run's log
};

TEST_F(ArchivePgTest, AWarningOfTheArchiveIsToldAndEndsNothing) {
  make_its_date_impossible();
  EXPECT_TRUE(archive_list(archive_, *processes_, artefact::test_id(), work_));
  EXPECT_THAT(said_, HasSubstr("pg_restore: warning: ["));
  said_.clear();
  const auto restored = restore();
  ASSERT_TRUE(restored) << restored.error().detail(Audience::operators);
  EXPECT_EQ(program_, "pg_restore");
  EXPECT_EQ(status_, 0);
  EXPECT_THAT(said_, HasSubstr("pg_restore: warning: ["));
  EXPECT_EQ(server_.value("SELECT count(*) FROM t", "copy"), "9");
}

TEST_F(ArchivePgTest, AWarningBeforeAnErrorDoesNotHideIt) {
  make_its_date_impossible();
  server_.execute("CREATE TABLE t(a text)", "copy");
  const auto restored = restore();
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code(), ErrorCode::restore_failed);
  EXPECT_EQ(status_, 1);
  EXPECT_THAT(said_, HasSubstr("pg_restore: error: ["));
  EXPECT_THAT(said_ + restored.error().detail(Audience::operators), Not(HasSubstr("Canary")));
}

}  // namespace
}  // namespace vigie::proof
