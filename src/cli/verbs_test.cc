#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "platform/lock_file.h"
#include "tests/support/cli_program.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using testing::Printed;
using testing::Script;
using testing::Scripted;

constexpr std::string_view kAccepted = R"({"run_id":"r1"})";

std::string run_of(std::string_view state, std::string_view rest = "") {
  return R"({"id":"r1","job":"nightly","state":")" + std::string(state) + "\"" + std::string(rest) +
         "}";
}

std::vector<std::string> targets(const Script& script) {
  std::vector<std::string> all;
  for (const Ask& ask : script.asked) all.push_back(ask.method + " " + ask.target);
  return all;
}

TEST(BackupRun, WaitsForTheEndAndSaysIt) {
  Scripted program;
  program.answers(202, kAccepted);
  program.answers(200, run_of("running"));
  program.answers(200, run_of("succeeded", R"(,"result":{"backup":"nightly.app-x"})"));
  const Printed printed = program.run({"backup", "run", "nightly", "--reason", "why"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.out, HasSubstr("nightly r1  succeeded"));
  EXPECT_THAT(printed.out, HasSubstr("nightly.app-x"));
  EXPECT_THAT(targets(program.script),
              ::testing::ElementsAre("POST /v1/backups/nightly/runs", "GET /v1/runs/r1",
                                     "GET /v1/runs/r1"));
  EXPECT_EQ(canonical_json(program.script.asked[0].body), R"({"reason":"why"})");
}

TEST(BackupRun, TellsEachBackupAndEachWarningOnALineOfItsOwn) {
  Scripted program;
  program.answers(202, kAccepted);
  program.answers(
      200, run_of("succeeded", R"(,"result":{"backups":["n.a-1","n.b-1"],"warnings":[)"
                               R"({"code":"c1","database":"a","detail":"Both would be lost."}]})"));
  const Printed printed = program.run({"backup", "run", "nightly"});
  EXPECT_THAT(printed.out, HasSubstr("  backups            n.a-1\n"
                                     "                     n.b-1\n"
                                     "  warnings           Both would be lost. (c1)\n"));
}

TEST(BackupRun, SaysWhyItFailedAndWhatToDo) {
  Scripted program;
  program.answers(202, kAccepted);
  program.answers(200, run_of("failed", R"(,"error":{"code":"disk_full","detail":"No space.",)"
                                        R"("next":"Make room."})"));
  const Printed printed = program.run({"backup", "run", "nightly"});
  EXPECT_EQ(printed.exit_code, find_error_info("disk_full")->exit_code);
  EXPECT_THAT(printed.words, HasSubstr("vigie: No space.\n  code disk_full; next: Make room."));
}

TEST(BackupRun, DoesNotWaitWhenToldSo) {
  Scripted program;
  program.has_daemon(program.configuration_sha256());
  program.answers(202, kAccepted);
  const Printed printed = program.run({"backup", "run", "nightly", "--no-wait"});
  EXPECT_EQ(printed.out, "r1\n");
  EXPECT_EQ(program.script.asked.size(), 1U);
}

TEST(BackupRun, DoesNotLoseARunThatOnlyThisProcessCouldDo) {
  for (const auto& words :
       {std::vector{"backup", "run", "nightly", "--no-wait"},
        std::vector{"backup", "verify", "nightly.app-20261120T020000Z", "--no-wait"},
        std::vector{"backup", "prune", "--no-wait"}}) {
    Scripted program;
    const Printed printed = program.run(words);
    EXPECT_EQ(printed.exit_code, 2);
    EXPECT_THAT(printed.words, HasSubstr("would end with this command. Leave out --no-wait"));
    EXPECT_TRUE(program.script.asked.empty());
    EXPECT_TRUE(program.opened.empty());
  }
}

TEST(BackupRun, AnInterruptionCancelsTheRunAndAwaitsItsEnd) {
  Scripted program;
  program.stop.request_stop();
  program.answers(202, kAccepted);
  program.answers(200, run_of("running"));
  program.answers(202, "{}");
  program.answers(200, run_of("cancelled"));
  EXPECT_EQ(program.run({"backup", "run", "nightly"}).exit_code, 130);
  EXPECT_EQ(targets(program.script).at(2), "DELETE /v1/runs/r1");
}

TEST(BackupRun, AnInterruptionThatComesTooLateTellsHowTheRunEnded) {
  Scripted program;
  program.stop.request_stop();
  program.answers(202, kAccepted);
  program.answers(200, run_of("running"));
  program.answers(409, R"({"code":"run_conflict","detail":"It has ended.","next":"Look."})");
  program.answers(200, run_of("succeeded"));
  EXPECT_EQ(program.run({"backup", "run", "nightly"}).exit_code, 0);
}

TEST(EvidenceAck, SaysWhyAndWhereItWasDecided) {
  Scripted program;
  program.answers(200, R"({"acknowledged":true})");
  const Printed printed = program.run({"evidence", "ack", "--reason", "disk", "--ref", "T-1"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(targets(program.script), ::testing::ElementsAre("POST /v1/evidence/acknowledgement"));
  EXPECT_EQ(canonical_json(program.script.asked[0].body), R"({"reason":"disk","ref":"T-1"})");
}

TEST(StoreAdopt, SaysWhichStoreAndWhy) {
  Scripted program;
  program.answers(200, R"({"adopted":true,"store":"local"})");
  const Printed printed = program.run({"store", "adopt", "local", "--reason", "host lost"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(targets(program.script), ::testing::ElementsAre("POST /v1/stores/local/adoption"));
  EXPECT_EQ(program.run({"store", "adopt", "local"}).exit_code, 2);
}

TEST(EvidenceAck, NeedsAReason) {
  Scripted program;
  EXPECT_EQ(program.run({"evidence", "ack"}).exit_code, 2);
  EXPECT_TRUE(program.script.asked.empty());
}

TEST(BackupRun, PutsNoNameIntoThePathAsItIs) {
  Scripted program;
  program.has_daemon(program.configuration_sha256());
  program.answers(202, kAccepted);
  (void)program.run({"backup", "run", "../x y?", "--no-wait"});
  EXPECT_EQ(program.script.asked.at(0).target, "/v1/backups/..%2Fx%20y%3F/runs");
}

TEST(Refusal, IsPrintedInTheWordsOfTheOtherSide) {
  Scripted program;
  program.answers(409, R"({"code":"run_conflict","detail":"It runs.","next":"Wait."})");
  const Printed printed = program.run({"backup", "run", "nightly"});
  const ErrorInfo* info = find_error_info("run_conflict");
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(printed.exit_code, info->exit_code);
  EXPECT_THAT(printed.words, HasSubstr("It runs."));
  EXPECT_THAT(printed.words, HasSubstr("code run_conflict; next: Wait."));
}

TEST(Refusal, OfAnUnknownCodeIsAnInternalErrorWithTheStatus) {
  Scripted program;
  program.answers(418, R"({"code":"teapot"})");
  const Printed printed = program.run({"backup", "show", "x"});
  EXPECT_EQ(printed.exit_code, find_error_info("internal_error")->exit_code);
  EXPECT_THAT(printed.words, HasSubstr("418"));
}

TEST(Alone, WhatOnlyReadsOpensTheStateToRead) {
  Scripted program;
  program.answers(200, R"({"items":[],"next_cursor":null})");
  EXPECT_EQ(program.run({"backup", "list"}).exit_code, 0);
  EXPECT_THAT(program.opened, ::testing::ElementsAre(Access::read));
}

TEST(Alone, OpensTheStateToWriteWhenTheFirstWriteComes) {
  Scripted program;
  program.answers(200, R"({"items":[{"id":"a"}],"next_cursor":null})");
  program.answers(202, kAccepted);
  program.answers(200, run_of("succeeded"));
  EXPECT_EQ(program.run({"backup", "verify", "--all"}).exit_code, 0);
  EXPECT_THAT(program.opened, ::testing::ElementsAre(Access::read, Access::write));
}

TEST(Alone, ReadsBesideAnOwnerThatDoesNotAnswerAndSaysSo) {
  Scripted program;
  std::filesystem::create_directories(program.state());
  const auto lock = platform::LockFile::acquire(program.state() + "/lock").value();
  program.has_daemon("");
  program.answers(200, R"({"items":[],"next_cursor":null})");
  const Printed printed = program.run({"backup", "list"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(program.opened, ::testing::ElementsAre(Access::read_beside));
  EXPECT_THAT(printed.words, HasSubstr("does not answer; this is what it wrote down"));
}

TEST(Daemon, IsToldApartWhenItRunsWithAnotherConfiguration) {
  Scripted same;
  same.has_daemon(same.configuration_sha256());
  same.answers(200, R"({"items":[{"id":"a"}],"next_cursor":null})");
  EXPECT_EQ(same.run({"backup", "list"}).words, "");
  EXPECT_TRUE(same.opened.empty());

  Scripted other;
  other.has_daemon(std::string(64, '0'));
  other.answers(200, R"({"items":[{"id":"a"}],"next_cursor":null})");
  const Printed printed = other.run({"backup", "list"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.words, HasSubstr("runs with another configuration than"));
}

TEST(BackupList, ReadsPageAfterPage) {
  Scripted program;
  program.answers(200, R"({"items":[{"id":"a"}],"next_cursor":"c 1"})");
  program.answers(200, R"({"items":[{"id":"b"}],"next_cursor":null})");
  const Printed printed = program.run({"backup", "list", "--job", "n&m", "-o", "jsonl"});
  EXPECT_EQ(printed.out, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
  EXPECT_THAT(targets(program.script),
              ::testing::ElementsAre("GET /v1/backups?limit=500&job=n%26m",
                                     "GET /v1/backups?limit=500&job=n%26m&cursor=c%201"));
}

TEST(BackupList, RefusesAPageThatLeadsToItself) {
  Scripted program;
  for (int i = 0; i < 3; ++i) program.answers(200, R"({"items":[],"next_cursor":"c"})");
  EXPECT_EQ(program.run({"backup", "list"}).exit_code,
            find_error_info("internal_error")->exit_code);
  EXPECT_EQ(program.script.asked.size(), 2U);
}

TEST(BackupList, IsAJsonArrayEvenWhenItIsEmpty) {
  Scripted program;
  program.answers(200, R"({"items":[],"next_cursor":null})");
  const Printed printed = program.run({"backup", "list", "-o", "json"});
  EXPECT_EQ(printed.out, "[]\n");
  EXPECT_EQ(printed.words, "");
}

TEST(BackupList, SaysInATableHowToGetTheFirstOne) {
  Scripted program;
  program.answers(200, R"({"items":[],"next_cursor":null})");
  EXPECT_THAT(program.run({"backup", "list"}).words, HasSubstr("vigie backup run JOB"));
}

TEST(BackupList, IsOneTableAndOneArrayOverManyPages) {
  const auto pages = [](Scripted& program) {
    program.answers(200, R"({"items":[{"id":"a"},{"id":"b"}],"next_cursor":"b"})");
    program.answers(200, R"({"items":[{"id":"a long one"}],"next_cursor":null})");
  };
  Scripted json;
  pages(json);
  const auto array = parse_json(json.run({"backup", "list", "-o", "json"}).out);
  ASSERT_TRUE(array);
  EXPECT_EQ(array->as_array().size(), 3U);

  Scripted table;
  pages(table);
  const std::string out = table.run({"backup", "list"}).out;
  EXPECT_EQ(std::ranges::count(out, '\n'), 4);  // its titles once
  EXPECT_THAT(out, HasSubstr("a long one"));
}

TEST(BackupShow, SuggestsTheBackupThatLooksMostLikeIt) {
  Scripted program;
  program.answers(404, R"({"code":"backup_not_found","detail":"None.","next":"List."})");
  program.answers(200, R"({"items":[]})");  // of expiries
  program.answers(200, R"({"items":[{"id":"nightly.app-20261120T020000Z"},{"id":"x"}]})");
  const Printed printed = program.run({"backup", "show", "nightly.app-20261120T020001Z"});
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr("Did you mean nightly.app-20261120T020000Z?"));
}

TEST(BackupShow, SaysOfAnExpiredOneWhichEntryTellsOfIt) {
  Scripted program;
  program.answers(404, R"({"code":"backup_not_found","detail":"None.","next":"List."})");
  program.answers(200, R"({"items":[{"seq":17,"kind":"retention"}]})");
  const Printed printed = program.run({"backup", "show", "nightly.app-20261120T020000Z"});
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr("It has expired: vigie evidence show 17\n"));
  EXPECT_THAT(program.script.asked.back().target,
              HasSubstr("kind=retention&limit=1&backup=nightly.app-20261120T020000Z"));
}

TEST(BackupList, TellsAMistypedJobFromOneWithoutBackups) {
  const auto words = [](const char* job) {
    Scripted program;
    program.answers(200, R"({"items":[],"next_cursor":null})");
    return program.run({"backup", "list", "--job", job}).words;
  };
  EXPECT_THAT(words("nightly"), HasSubstr("No backup fits.\n"));
  EXPECT_THAT(words("nighlty"), HasSubstr("there is no job nighlty. Did you mean nightly?"));
}

TEST(BackupRun, SuggestsTheJobThatLooksMostLikeIt) {
  for (const auto& words :
       {std::vector{"backup", "run", "nighlty"}, std::vector{"backup", "prune", "--job", "nighlty"},
        std::vector{"backup", "prune", "--dry-run", "--job", "nighlty"}}) {
    Scripted program;
    program.answers(404, R"({"code":"backup_job_not_found","detail":"None.","next":"List."})");
    EXPECT_THAT(program.run(words).words, HasSubstr("Did you mean nightly?"));
  }
}

TEST(BackupShow, LeavesTheManifestToJson) {
  constexpr std::string_view kBackup =
      R"({"id":"a","job":"nightly","rows":7,"holds":[],"manifest":{"tables":[]}})";
  Scripted table;
  table.answers(200, kBackup);
  const std::string out = table.run({"backup", "show", "a"}).out;
  EXPECT_THAT(out, HasSubstr("nightly"));
  EXPECT_EQ(out.find("manifest"), std::string::npos);
  EXPECT_EQ(out.find("holds"), std::string::npos);
  Scripted json;
  json.answers(200, kBackup);
  EXPECT_THAT(json.run({"backup", "show", "a", "-o", "json"}).out, HasSubstr("manifest"));
}

TEST(BackupShow, SaysSizesTimesAndWhatIsBelowInWordsForPeople) {
  Scripted program;
  program.answers(200, R"({"id":"a","raw_bytes":94783829,"duration_s":75.5,"pinned":false,)"
                       R"("verified_at":"2026-11-20T02:00:03.123456Z",)"
                       R"("last_verification":{"result":"passed","mode":"full","error_code":null,)"
                       R"("at":"2026-11-20T02:00:03.123456Z"},"holds":[]})");
  const std::string out = program.run({"backup", "show", "a"}).out;
  EXPECT_THAT(out, HasSubstr("  raw_bytes          90.4 MiB\n"));
  EXPECT_THAT(out, HasSubstr("  duration_s         1m15s\n"));
  EXPECT_THAT(out, HasSubstr("  pinned             false\n"));
  EXPECT_THAT(out, HasSubstr("  verified_at        2026-11-20 02:00:03Z\n"));
  EXPECT_THAT(out, HasSubstr("  last_verification  result passed, mode full, "
                             "at 2026-11-20 02:00:03Z\n"));
}

TEST(Refusal, OfTheCommandLinePointsToTheHelpOfItsVerb) {
  Scripted program;
  const Printed printed = program.run({"backup", "verify"});
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr("next: vigie backup verify --help"));
}

// As it is printed, the step would look at another file.
TEST(Refusal, NamesTheConfigurationThatWasGivenInTheNextStep) {
  testing::TempFolder folder;
  const std::string path = (folder / "mine.yaml").string();
  Hooks hooks;
  hooks.files = &platform::real_file_system();
  const auto words = [&] {
    const Printed printed = testing::run_program({"backup", "list", "-c", path.c_str()}, hooks);
    EXPECT_EQ(printed.exit_code, 2);
    return printed.words;
  };
  EXPECT_THAT(words(), HasSubstr("There is no configuration: " + path));
  std::ofstream(path) << "no: configuration\n";
  EXPECT_THAT(words(), HasSubstr("next: vigie check-config -c " + path + "\n"));
}

TEST(Refusal, OfAParameterPointsToOurOwnHelp) {
  Scripted program;
  program.answers(400, R"({"code":"http_invalid_parameter","detail":"next: expected a number.",)"
                       R"("next":"see openapi.yaml"})");
  const Printed printed = program.run({"schedule", "list", "--next", "x"});
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr("next: vigie schedule list --help"));
}

TEST(BackupVerify, NeedsABackupOrAll) {
  Scripted program;
  EXPECT_EQ(program.run({"backup", "verify"}).exit_code, 2);
  EXPECT_TRUE(program.script.asked.empty());
}

TEST(BackupVerify, OfAllIsNotLeftToTheDaemon) {
  Scripted program;
  EXPECT_EQ(program.run({"backup", "verify", "--all", "--no-wait"}).exit_code, 2);
  EXPECT_TRUE(program.script.asked.empty());
}

TEST(BackupVerify, OfAllABadOneWeighsMoreThanAnUnclearOne) {
  Scripted program;
  program.answers(200, R"({"items":[{"id":"a"},{"id":"b"}],"next_cursor":null})");
  program.answers(202, kAccepted);
  program.answers(200, run_of("failed"));
  program.answers(202, kAccepted);
  program.answers(200, run_of("could_not_verify"));
  EXPECT_EQ(program.run({"backup", "verify", "--all"}).exit_code, 1);
}

TEST(BackupVerify, OfAllIsOneJsonArray) {
  Scripted program;
  program.answers(200, R"({"items":[{"id":"a"},{"id":"b"}],"next_cursor":null})");
  for (int i = 0; i < 2; ++i) {
    program.answers(202, kAccepted);
    program.answers(200, run_of("succeeded"));
  }
  const auto runs = parse_json(program.run({"backup", "verify", "--all", "-o", "json"}).out);
  ASSERT_TRUE(runs);
  EXPECT_EQ(runs->as_array().size(), 2U);

  Scripted none;
  none.answers(200, R"({"items":[],"next_cursor":null})");
  EXPECT_EQ(none.run({"backup", "verify", "--all", "-o", "json"}).out, "[]\n");
}

TEST(EvidenceList, NamesTheCodeAndTheRun) {
  Scripted program;
  program.answers(200, R"({"items":[{"seq":7,"kind":"backup","error_code":"dump_failed",)"
                       R"("trigger":{"run_id":"r1"}}],"next_cursor":null})");
  const std::string out = program.run({"evidence", "list"}).out;
  EXPECT_THAT(out, HasSubstr("dump_failed"));
  EXPECT_THAT(out, HasSubstr("r1"));
}

TEST(EvidenceList, TellsAPinFromItsEnd) {
  Scripted program;
  program.answers(200, R"({"items":[{"seq":7,"kind":"hold","subject":{"act":"unpin"}}],)"
                       R"("next_cursor":null})");
  EXPECT_THAT(program.run({"evidence", "list"}).out, HasSubstr("hold (unpin)"));
}

TEST(EvidenceShow, AsksForAnIdByTheFilter) {
  Scripted program;
  const std::string id = "0123456789abcdef0123456789abcdef";
  program.answers(200, R"({"items":[{"seq":7}],"next_cursor":null})");
  EXPECT_EQ(program.run({"evidence", "show", id.c_str()}).out, "{\n  \"seq\": 7\n}\n");
  EXPECT_EQ(program.script.asked.at(0).target, "/v1/evidence?limit=1&id=" + id);
}

TEST(EvidenceShow, AsksForANumberByTheCursorBeforeIt) {
  Scripted program;
  program.answers(200, R"({"items":[{"seq":7}],"next_cursor":"7"})");
  EXPECT_EQ(program.run({"evidence", "show", "7"}).exit_code, 0);
  EXPECT_EQ(program.script.asked.at(0).target, "/v1/evidence?limit=1&cursor=6");
}

TEST(EvidenceShow, DoesNotTakeTheNextEntryForTheOneThatIsMissing) {
  Scripted program;
  program.answers(200, R"({"items":[{"seq":9}],"next_cursor":null})");
  const Printed printed = program.run({"evidence", "show", "7"});
  EXPECT_EQ(printed.exit_code, find_error_info("evidence_not_found")->exit_code);
  EXPECT_EQ(printed.out, "");
}

Printed grants_for(std::string_view databases, std::vector<const char*> words) {
  testing::TempFolder folder;
  const std::string path = (folder / "vigie.yaml").string();
  std::ofstream(path) << databases << "stores: {local: {path: /nowhere}}\n"
                      << "backups: {nightly: {databases: all, store: local}}\n";
  Hooks hooks;
  hooks.files = &platform::real_file_system();
  words.insert(words.begin(), "grants");
  words.insert(words.end(), {"--role", "dump", "-c", path.c_str()});
  return testing::run_program(std::move(words), hooks);
}

std::string grants_with(std::string_view databases, std::vector<const char*> words) {
  const Printed printed = grants_for(databases, std::move(words));
  return printed.exit_code == 0 ? printed.out : printed.words;
}

TEST(Grants, AreForTheRoleThatTheDatabasesAreAskedAs) {
  const std::string same =
      "databases: {a: {dsn: \"dbname=a user=backup\"}, b: {dsn: \"dbname=b user=backup\"}}\n";
  EXPECT_THAT(grants_with(same, {}), HasSubstr("CREATE ROLE \"backup\" LOGIN"));
  EXPECT_THAT(grants_with(same, {"--name", "x"}), HasSubstr("CREATE ROLE \"x\" LOGIN"));
  EXPECT_THAT(grants_with("databases: {a: {dsn: \"dbname=a\"}}\n", {}),
              HasSubstr("CREATE ROLE \"vigie\" LOGIN"));
}

TEST(Grants, AskForTheRoleWhenTheDatabasesAreAskedAsSeveral) {
  EXPECT_THAT(grants_with("databases: {a: {dsn: \"dbname=a user=x\"}, b: {dsn: \"dbname=b "
                          "user=y\"}}\n",
                          {}),
              HasSubstr("asked as x and as y: say --name"));
}

TEST(Grants, SayThatTheDatabasesAreOnSeveralServers) {
  const auto words_of = [](std::string_view second, std::vector<const char*> words) {
    const Printed printed = grants_for(fmt::format("databases: {{a: {{dsn: \"host=/x dbname=a\"}}, "
                                                   "b: {{dsn: \"host={} dbname=b\"}}}}\n",
                                                   second),
                                       std::move(words));
    EXPECT_EQ(printed.exit_code, 0);
    EXPECT_THAT(printed.out, HasSubstr("CREATE ROLE"));
    return printed.words;
  };
  EXPECT_EQ(words_of("/x", {}), "");
  EXPECT_THAT(words_of("/y", {}), HasSubstr("--database"));
  EXPECT_EQ(words_of("/y", {"--database", "a"}), "");
}

TEST(CheckConfig, PrintsAnExampleThatIsValid) {
  const Printed printed = testing::run_program({"check-config", "--example"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_TRUE(config::parse(printed.out, "example").config);
}

TEST(TokenCreate, PrintsTheTokenAloneOnStdout) {
  Scripted program;
  program.answers(201, R"({"token":"vgt_x","id":"0123","scope":"read","expires_at":null})");
  const Printed printed = program.run({"token", "create", "--name", "grafana"});
  EXPECT_EQ(printed.out, "vgt_x\n");
  EXPECT_EQ(canonical_json(program.script.asked.at(0).body),
            R"({"expires_in":"90d","name":"grafana","scope":"read"})");
}

}  // namespace
}  // namespace vigie::cli
