#include "tests/support/pg_cluster.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "platform/postmaster.h"
#include "platform/system_info.h"
#include "tests/support/process_watch.h"
#include "tests/support/shared_memory.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;

TEST(PgClusterTest, StopsAndStartsWithItsData) {
  PgCluster cluster;
  cluster.create_database("o'brien \"x\"");
  cluster.execute("CREATE TABLE t AS SELECT 42 AS a", "o'brien \"x\"");
  for (const PgStop mode : {PgStop::smart, PgStop::fast, PgStop::immediate}) {
    cluster.stop(mode);
    EXPECT_FALSE(cluster.running());
    cluster.start();
    EXPECT_EQ(cluster.value("SELECT a FROM t", "o'brien \"x\""), "42");
  }
}

TEST(PgClusterTest, ComesBackAfterAKill) {
  PgCluster cluster({.fsync = true});
  cluster.execute("CREATE TABLE t AS SELECT 42 AS a");
  const ProcessWatch postmaster(cluster.postmaster_pid());
  std::vector<ProcessWatch> workers;
  for (const int pid : platform::child_processes(cluster.postmaster_pid())) {
    workers.emplace_back(pid);
  }
  cluster.kill9();
  EXPECT_FALSE(postmaster.alive());
  EXPECT_GT(workers.size(), 3U);
  for (const ProcessWatch& worker : workers) EXPECT_FALSE(worker.alive());
  cluster.start();
  EXPECT_EQ(cluster.value("SELECT a FROM t"), "42");
}

TEST(PgClusterTest, HasNoProcessLeftWhenTheTestIsKilled) {
  LinePipe lines;
  const pid_t test = ::fork();
  if (test == 0) {
    const PgCluster cluster;
    const std::string line =
        fmt::format("{}\n{}\n", cluster.postmaster_pid(), cluster.data_folder().string());
    (void)!::write(lines.writing_end(), line.data(), line.size());
    ::pause();
    ::_exit(0);
  }
  const ProcessWatch postmaster(lines.pid());
  const platform::Path data = lines.line();
  EXPECT_TRUE(postmaster.alive());
  ::kill(test, SIGKILL);
  ::waitpid(test, nullptr, 0);
  EXPECT_TRUE(postmaster.ends_within(10s));
  const int segment = segment_of(data);
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (segment_is_there(segment) && std::chrono::steady_clock::now() < limit)
    platform::free_shared_memory(platform::real_file_system(), data);  // once its workers are gone
  EXPECT_FALSE(segment_is_there(segment));
  std::filesystem::remove_all(data.parent_path());
}

TEST(PgClusterTest, RolesLogInWithTheirPasswords) {
  PgCluster cluster({.authentication = "scram-sha-256"});
  cluster.create_role("app", "CREATEDB", "pass'word");
  EXPECT_EQ(cluster.value("SELECT rolcreatedb FROM pg_roles WHERE rolname = 'app'"), "t");
  EXPECT_EQ(cluster.value("SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'app'"),
            "t");
}

}  // namespace
}  // namespace vigie::testing
