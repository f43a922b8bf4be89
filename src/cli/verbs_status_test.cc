// vigie status, check and run show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "cli/run_wait.h"
#include "jobs/run.h"
#include "tests/support/cli_program.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using testing::Printed;
using testing::Scripted;

std::string run_of(std::string_view state, std::string_view rest = "") {
  return R"({"id":"r1","job":"nightly","state":")" + std::string(state) + "\"" + std::string(rest) +
         "}";
}

std::string document(std::string_view status) {
  return R"({"status":")" + std::string(status) + R"(","checks":[{"id":"c1","status":")" +
         std::string(status) +
         R"(","reason_code":"why","observed":{"value":90,"unit":"s"},"age_s":5}]})";
}

int status_of(std::string_view readiness, std::string_view backups) {
  Scripted program;
  program.answers(readiness == "fail" ? 503 : 200, document(readiness));
  program.answers(200, document(backups));
  program.answers(200, document("unknown"));
  return program.run({"status"}).exit_code;
}

TEST(Status, ItsExitStatusIsTheWorstOfReadinessAndBackups) {
  EXPECT_EQ(status_of("pass", "pass"), 0);
  EXPECT_EQ(status_of("pass", "warn"), 0);
  EXPECT_EQ(status_of("fail", "pass"), 1);
  EXPECT_EQ(status_of("pass", "unknown"), 3);
  EXPECT_EQ(status_of("fail", "unknown"), 1);
}

// What was observed may be a sentence: before the age, it would push that of every check away.
TEST(Status, WhatWasObservedStandsLast) {
  Scripted program;
  for (int i = 0; i < 3; ++i) program.answers(200, document("pass"));
  EXPECT_THAT(program.run({"status"}).out, HasSubstr("  CHECK  STATUS  REASON   AGE  OBSERVED\n"
                                                     "  c1     pass    why     5.0s  1m30s\n"));
}

Printed checked(std::string_view readiness, std::string_view backups,
                std::vector<const char*> words = {"check"}) {
  Scripted program;
  program.has_daemon(program.configuration_sha256());
  program.answers(readiness == "fail" ? 503 : 200, document(readiness));
  program.answers(200, document(backups));
  return program.run(std::move(words));
}

TEST(Check, SpeaksNagios) {
  for (const auto& [status, code, words] :
       {std::tuple("pass", 0, "VIGIE OK - all checks pass\n"),
        std::tuple("warn", 1, "VIGIE WARNING - c1 (why)\n"),
        std::tuple("fail", 2, "VIGIE CRITICAL - c1 (why)\n"),
        std::tuple("unknown", 3, "VIGIE UNKNOWN - c1 (why)\n")}) {
    for (const bool readiness : {true, false}) {
      const Printed printed = readiness ? checked(status, "pass") : checked("pass", status);
      EXPECT_EQ(printed.exit_code, code);
      EXPECT_EQ(printed.out, words);
    }
  }
}

TEST(Check, SaysTheSameAsJson) {
  const Printed printed = checked("pass", "warn", {"check", "-o", "jsonl"});
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_EQ(printed.out, "{\"code\":1,\"status\":\"WARNING\",\"summary\":\"c1 (why)\"}\n");
}

TEST(Check, TakesTheWorstOfReadinessAndBackups) {
  EXPECT_EQ(checked("warn", "unknown").exit_code, 3);
  EXPECT_EQ(checked("unknown", "fail").exit_code, 2);
  EXPECT_EQ(checked("fail", "unknown").exit_code, 2);
  EXPECT_EQ(checked("fail", "warn").out, "VIGIE CRITICAL - c1 (why), c1 (why)\n");
}

// A pager shows the beginning of the line.
TEST(Check, NamesTheWorstFirst) {
  const auto check_of = [](std::string_view id, std::string_view status) {
    return R"({"id":")" + std::string(id) + R"(","status":")" + std::string(status) +
           R"(","reason_code":"r"})";
  };
  Scripted program;
  program.has_daemon(program.configuration_sha256());
  program.answers(200, R"({"status":"warn","checks":[)" + check_of("a", "warn") + "]}");
  program.answers(200, R"({"status":"fail","checks":[)" + check_of("b", "unknown") + "," +
                           check_of("c", "warn") + "," + check_of("d", "fail") + "]}");
  EXPECT_EQ(program.run({"check"}).out, "VIGIE CRITICAL - d (r), b (r), a (r), c (r)\n");
}

TEST(Check, AnAcceptedWarningDoesNotCountAndIsTold) {
  const Printed printed = checked("pass", "warn", {"check", "--accept", "x", "--accept", "why"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_EQ(printed.out, "VIGIE OK - all other checks pass; accepted: c1 (why)\n");
  EXPECT_EQ(checked("pass", "warn", {"check", "--accept", "wh"}).exit_code, 1);
}

TEST(Check, OnlyAWarningCanBeAccepted) {
  EXPECT_EQ(checked("pass", "fail", {"check", "--accept", "why"}).exit_code, 2);
  EXPECT_EQ(checked("unknown", "pass", {"check", "--accept", "why"}).exit_code, 3);
  EXPECT_EQ(checked("fail", "warn", {"check", "--accept", "why"}).exit_code, 2);
}

TEST(Check, IsCriticalWithoutADaemon) {
  Scripted program;
  const Printed printed = program.run({"check"});
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_EQ(printed.out, "VIGIE CRITICAL - no_daemon\n");
}

TEST(Check, IsUnknownWhenTheDaemonGivesNoStatus) {
  Scripted program;
  program.has_daemon(program.configuration_sha256());
  const Printed printed = program.run({"check"});
  EXPECT_EQ(printed.exit_code, 3);
  EXPECT_EQ(printed.out, "VIGIE UNKNOWN - internal_error\n");
}

TEST(Check, IsUnknownForWhoeverMayNotLookIntoTheStateFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may look everywhere";
  Scripted program;
  program.has_daemon(program.configuration_sha256());
  std::filesystem::permissions(program.state(), std::filesystem::perms::none);
  EXPECT_EQ(program.run({"check"}).out, "VIGIE UNKNOWN - file_permission\n");
  std::filesystem::permissions(program.state(), std::filesystem::perms::owner_all);
}

TEST(RunShow, EndsWithZeroAsLongAsTheRunHasNotEnded) {
  for (const auto& [state, code] :
       {std::pair("queued", 0), std::pair("running", 0), std::pair("succeeded", 0),
        std::pair("failed", 1), std::pair("could_not_verify", 3)}) {
    Scripted program;
    program.answers(200, run_of(state));
    EXPECT_EQ(program.run({"run", "show", "r1"}).exit_code, code) << state;
  }
}

TEST(RunShow, SaysWhenItWasUnderWhichIdAndWhereItsLogIs) {
  Scripted program;
  program.answers(200,
                  run_of("failed", R"(,"started_at":"2026-11-20T02:00:00Z",)"
                                   R"("ended_at":"2026-11-20T02:00:07Z","duration_s":7,)"
                                   R"("correlation_id":"c-1","log":"/var/lib/vigie/runs/r1")"));
  const std::string out = program.run({"run", "show", "r1"}).out;
  for (const char* part : {"2026-11-20 02:00:00Z", "2026-11-20 02:00:07Z", "c-1", "runs/r1"})
    EXPECT_THAT(out, HasSubstr(part));
}

TEST(ExitCode, OfARunIsThatOfItsEnd) {
  const auto code = [](const std::string& run) {
    return run_exit_code(parse_json(run).value().as_object());
  };
  EXPECT_EQ(code(run_of("succeeded")), 0);
  EXPECT_EQ(code(run_of("could_not_verify")), 3);
  EXPECT_EQ(code(run_of("cancelled")), 130);
  EXPECT_EQ(code(run_of("interrupted")), 130);
  EXPECT_EQ(code(run_of("failed")), 1);
  EXPECT_EQ(code(run_of("failed", R"(,"error":{"code":"database_unreachable"})")),
            find_error_info("database_unreachable")->exit_code);
}

TEST(ProgressLine, HasBytesRateAndRemainingTime) {
  jobs::RunRow row;
  row.state = jobs::RunState::running;
  row.progress = {.phase = "dump", .done = 1U << 20, .total = 4U << 20, .rate = 1U << 20};
  EXPECT_EQ(progress_line(jobs::to_json(row, {}, Audience::everybody)),
            "dump [######..................]  1.0 MiB of about 4.0 MiB  1.0 MiB/s  about 3s left");
  row.progress->phase = "compare";
  EXPECT_EQ(progress_line(jobs::to_json(row, {}, Audience::everybody)),
            "compare [######..................]  1.0 MiB of 4.0 MiB  1.0 MiB/s  3s left");
}

TEST(ProgressLine, SaysThePhaseWhenNothingIsKnown) {
  const json::value run =
      parse_json(run_of("running", R"(,"progress":{"phase":"preflight"})")).value();
  EXPECT_EQ(progress_line(run.as_object()), "preflight");
  EXPECT_EQ(progress_line(parse_json(run_of("queued")).value().as_object()), "queued");
  const json::value ends = parse_json(run_of("running", R"(,"end_unrecorded_since":)"
                                                        R"("2026-11-20T02:00:00Z")"))
                               .value();
  EXPECT_EQ(progress_line(ends.as_object()), "has ended; its end is not recorded yet");
}

}  // namespace
}  // namespace vigie::cli
