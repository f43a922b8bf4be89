// Durability proofs by the real binary against a server that is killed, comes back, and in some
// tests has lost or changed what it had acknowledged.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;

// Done to the data while no server runs.
using Harm = std::function<void(PgCluster&)>;

// What a service manager is to a real server: starts it again when it has ended.
class Keeper {
 public:
  explicit Keeper(PgCluster& server, Harm harm = {})
      : thread_([&server, harm = std::move(harm)] {
          server.reap();
          if (harm) harm(server);
          server.start();
        }) {}

 private:
  std::jthread thread_;
};

// Of the one table of a proof that there is.
Harm changing(std::string statement) {
  return [statement = std::move(statement)](PgCluster& server) {
    server.execute_alone(
        fmt::format(
            "DO $$ DECLARE t text; BEGIN SELECT quote_ident(relname) INTO STRICT t FROM "
            "pg_class WHERE relname LIKE 'run%' AND relkind = 'r'; EXECUTE format({}, t); END $$",
            platform::quote_literal(statement)),
        "vigie_witness");
  };
}

// What a disk does that has said "written" and had not: the last bytes of the WAL are not there.
void lose_the_end_of_the_wal(PgCluster& server) {
  constexpr size_t kLost = 4 << 10;  // rows, and not the last checkpoint
  std::set<std::filesystem::path> segments;
  for (const auto& entry : std::filesystem::directory_iterator(server.data_folder() / "pg_wal"))
    if (entry.is_regular_file() && entry.path().filename().string().size() == 24)
      segments.insert(entry.path());
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    std::string bytes = contents(*segment);
    const size_t end = bytes.find_last_not_of('\0');
    if (end == std::string::npos) continue;
    const size_t begin = end - std::min(end, kLost);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end(), '\0');
    std::ofstream(*segment, std::ios::binary | std::ios::in)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return;
  }
}

class DurabilityTest : public ::testing::Test {
 protected:
  DurabilityTest() : server_({.fsync = true}) {
    server_.create_database("app");
    server_.create_database("vigie_witness");
    configure({});
  }
  void configure(const std::vector<std::string>& more) {
    host_.configure(server_.dsn("app"), {});
    std::string text =
        host_.read("vigie.yaml") +
        "durability:\n  proof:\n    database: app\n    duration: 2s\n    writers: 3\n";
    for (const std::string& line : more) text += "    " + line + "\n";
    host_.write("vigie.yaml", text);
  }
  Ran prove(Harm harm = {}) {
    const Keeper keeper(server_, std::move(harm));
    return host_.run({"durability", "run", "proof", "--yes-interrupt", "app", "-o", "json"});
  }
  // A list for vigie.yaml. pg_ctl refuses to be root.
  std::string stop_words() const {
    const std::string stop =
        fmt::format("{}, stop, -W, -m, fast, -D, {}]", (server_.bindir() / "pg_ctl").string(),
                    server_.data_folder().string());
    if (::geteuid() != 0) return "[/usr/bin/env, " + stop;
    return "[/usr/bin/setpriv, --reuid=postgres, --regid=postgres, --init-groups, " + stop;
  }
  std::string shown() { return host_.run({"durability", "show", "proof"}).out; }

  PgCluster server_;
  VigieHost host_;
};

TEST_F(DurabilityTest, WhatWasAcknowledgedSurvivesAKill) {
  const Ran ran = prove();
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err << host_.log();
  EXPECT_THAT(ran.out, HasSubstr("\"lost\": 0"));
  EXPECT_THAT(ran.out, HasSubstr("fsync")) << "what it can show, and what it cannot";
  EXPECT_EQ(
      server_.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'run%'", "vigie_witness"),
      "0")
      << "nothing is left";
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "witness"));
  EXPECT_THAT(host_.run({"durability", "list"}).out, HasSubstr("passed"));
  EXPECT_THAT(host_.run({"status", "-o", "json"}).out, HasSubstr("durability.proof"));
}

TEST_F(DurabilityTest, AnOrderlyRestartAndAnImmediateOne) {
  for (const char* fault : {"fast_restart", "immediate_restart"}) {
    configure({std::string("fault: ") + fault});
    const Ran ran = prove();
    EXPECT_EQ(ran.status, 0) << fault << ran.out << ran.err;
  }
}

// As systemctl would: the command has the server stopped, and its keeper starts it again.
TEST_F(DurabilityTest, ACommandThatRestartsTheServerPasses) {
  configure({"fault: command", "restart: {command: " + stop_words() + "}"});
  const std::string before = server_.value("SELECT pg_postmaster_start_time()");
  const Ran ran = prove();
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err << host_.log();
  EXPECT_NE(server_.value("SELECT pg_postmaster_start_time()"), before);
  EXPECT_THAT(ran.out, HasSubstr("\"lost\": 0"));
  EXPECT_THAT(ran.out, HasSubstr("what the command did"));
}

TEST_F(DurabilityTest, ACommandThatDoesNothingProvesNothing) {
  configure({"fault: command", "restart: {command: [/bin/true]}", "recovery_timeout: 1s"});
  const Ran ran = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"});
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("durability_fault"));
  EXPECT_THAT(host_.run({"durability", "list", "-o", "json"}).out,
              HasSubstr("\"acknowledged\": null"));
}

TEST_F(DurabilityTest, ADiskThatLosesTheLastWritesIsCaught) {
  const Ran ran = prove(lose_the_end_of_the_wal);
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("durability_lost"));
  EXPECT_THAT(shown(), HasSubstr("lost: writer"));
  EXPECT_FALSE(std::filesystem::is_empty(host_.state() / "witness")) << "for whoever looks";
}

TEST_F(DurabilityTest, ARowThatIsRemovedChangedOrAddedIsNamed) {
  const std::pair<const char*, const char*> harms[] = {
      {"DELETE FROM %s WHERE writer = 2 AND seq = 1", "lost: writer 2, row 1"},
      {"UPDATE %s SET content = ''x'' WHERE writer = 1 AND seq = 2", "changed: writer 1, row 2"},
      {"INSERT INTO %s VALUES (1, 999999, ''x'')", "never_sent: writer 1, row 999999"}};
  for (const auto& [statement, named] : harms) {
    std::string sql = statement;
    for (size_t at = sql.find("''"); at != std::string::npos; at = sql.find("''"))
      sql.replace(at, 2, "'");
    const Ran ran = prove(changing(sql));
    EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
    EXPECT_THAT(shown(), HasSubstr(named));
    server_.execute("DROP DATABASE vigie_witness WITH (FORCE)");
    server_.create_database("vigie_witness");
  }
}

TEST_F(DurabilityTest, WithoutFsyncNothingIsGreen) {
  server_.execute("ALTER SYSTEM SET fsync = off");
  server_.stop();
  server_.start();
  const Ran ran = prove();
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("durability_unsafe"));
}

TEST_F(DurabilityTest, AServerThatDoesNotComeBackIsAFailure) {
  configure({"recovery_timeout: 1s"});
  const Ran ran = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"});
  EXPECT_EQ(ran.status, 6) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("durability_no_recovery"));
  server_.reap();
  server_.start();
}

// Somebody's else process where the server's own should be named: it is not hurt.
TEST_F(DurabilityTest, AnotherServersPostmasterIsNotTouched) {
  PgCluster other;
  const auto pid_file = server_.data_folder() / "postmaster.pid";
  std::string text = contents(pid_file);
  const std::string own = text;
  text.replace(0, text.find('\n'), std::to_string(other.postmaster_pid()));
  std::ofstream(pid_file) << text;
  const Ran ran = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"});
  std::ofstream(pid_file) << own;
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("durability_fault"));
  EXPECT_EQ(other.value("SELECT 1"), "1");
  EXPECT_EQ(server_.value("SELECT 1"), "1");
}

TEST_F(DurabilityTest, AsksBeforeItHurts) {
  const std::string before = server_.value("SELECT pg_postmaster_start_time()");
  EXPECT_EQ(host_.run({"durability", "run", "proof"}).status, 2);
  EXPECT_EQ(host_.run({"durability", "run", "proof", "--yes-interrupt", "crm"}).status, 2);
  EXPECT_EQ(host_.run({"durability", "run", "other", "--yes-interrupt", "app"}).status, 2);
  configure({"schedule: \"0 5 * * *\""});
  EXPECT_THAT(host_.run({"check-config"}).out, HasSubstr("interrupt"));
  configure({"user: nobody_at_all"});
  EXPECT_EQ(host_.run({"durability", "run", "proof", "--yes-interrupt", "app"}).status, 3);
  configure({});
  server_.execute("DROP DATABASE vigie_witness");
  const Ran missing = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"});
  EXPECT_EQ(missing.status, 3) << missing.out << missing.err;
  EXPECT_THAT(missing.out + missing.err, HasSubstr("witness_missing"));
  EXPECT_EQ(server_.value("SELECT pg_postmaster_start_time()"), before) << "nobody was interrupted";
}

}  // namespace
}  // namespace vigie::testing
