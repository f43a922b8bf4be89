// vigie evidence export, over entries of a real ledger, and the verification of what it wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/export_writer.h"
#include "ledger/checkpoints.h"
#include "ledger/ledger.h"
#include "platform/log.h"
#include "tests/support/cli_program.h"
#include "tests/support/contents.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

class EvidenceExport : public ::testing::Test {
 protected:
  EvidenceExport() {
    EXPECT_TRUE(checkpoints_.open());
    ledger_ = *ledger::Ledger::open(files_, home_, clock_, {16_MiB, {}});
  }
  void add(const ledger::Entry& entry) { ASSERT_TRUE(ledger_->append(entry)); }
  void sign() { ASSERT_TRUE(checkpoints_.make(*ledger_->view())); }

  // What a daemon would answer: twice the entries, each time behind what it says of checkpoints.
  void prepare() {
    const auto view = ledger_->view();
    const auto found =
        ledger::find_checkpoint(files_, folder_ / "checkpoints.jsonl", view->last_seq);
    json::object checkpoint{{"checkpoint", nullptr},
                            {"public_key", nullptr},
                            {"ledger", {{"last_seq", view->last_seq}, {"head", view->head}}}};
    if (found && *found) {
      checkpoint["checkpoint"] = (*found)->line;
      checkpoint["public_key"] = (*found)->public_key;
    }
    json::array items;
    const auto entries = ledger_->page({.limit = 1000});
    for (const json::object& entry : entries->entries) items.emplace_back(entry);
    const json::object page{{"items", items}, {"next_cursor", nullptr}};
    for (int pass = 0; pass < 2; ++pass) {
      program_.script.answers.push_back({200, checkpoint});
      program_.script.answers.push_back({200, page});
    }
  }
  std::string exported(const char* format) {
    prepare();
    const Printed printed = program_.run({"evidence", "export", "--format", format});
    EXPECT_EQ(printed.exit_code, 0) << printed.words;
    return printed.out;
  }
  Printed verified(const std::string& text, bool with_key = true) {
    write_bytes(folder_ / "export.json", text);
    const std::string file = folder_ / "export.json";
    const std::string key = folder_ / "ledger.pub";
    std::vector<const char*> words{"evidence", "verify", "--export", file.c_str()};
    if (with_key) words.insert(words.end(), {"--public-key", key.c_str()});
    return run(words);
  }
  Printed run(const std::vector<const char*>& words) { return program_.run(words); }

  platform::FileSystem& files_ = platform::real_file_system();
  TempFolder folder_;
  const platform::Path home_ = folder_ / "ledger";
  FakeClock clock_;
  ledger::Checkpoints checkpoints_{files_, home_, clock_};
  std::unique_ptr<ledger::Ledger> ledger_;
  Scripted program_;
};

ledger::Entry hostile() {
  ledger::Entry entry = backup_entry(1);
  entry.subject["job"] = "<script>alert(1)</script>";
  entry.reason = "=cmd|' /C calc'!A0";
  entry.reference = "+1";
  entry.deviations = {"line\nbreak", std::string("nul\0here", 8), "bad \xff byte",
                      "\"quoted\", &amp;"};
  entry.follow_up = "\t@SUM(1)";
  return entry;
}

TEST_F(EvidenceExport, CsvIsQuotedAndHoldsNoFormula) {
  add(hostile());
  const std::string csv = exported("csv");
  EXPECT_THAT(csv, HasSubstr("\"'=cmd|' /C calc'!A0\""));
  EXPECT_THAT(csv, HasSubstr("\"'+1\""));
  EXPECT_THAT(csv, HasSubstr("\"'\t@SUM(1)\""));
  EXPECT_THAT(csv, HasSubstr("line\nbreak; nul\\x00here; bad \\xff byte; \"\"quoted\"\", &amp;"));
  EXPECT_EQ(csv.find('\0'), std::string::npos);
  EXPECT_THAT(csv, HasSubstr("\r\n1,\"2026-11-20T00:01:00Z\",\"2026-11-20T00:01:20Z\",\"Backup\""));
  EXPECT_TRUE(csv.ends_with(",\"\",\r\n")) << "it names no log";
}

TEST_F(EvidenceExport, HtmlIsEscapedAndNamesNothingElsewhere) {
  add(hostile());
  sign();
  const std::string html = exported("html");
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(html, HasSubstr("nul\\x00here"));
  EXPECT_THAT(html, Not(HasSubstr("http:")));
  EXPECT_THAT(html, Not(HasSubstr("https:")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
  EXPECT_THAT(html, HasSubstr("@page"));
  EXPECT_THAT(html, HasSubstr(ledger_->view()->head));
  EXPECT_THAT(html, HasSubstr(checkpoints_.view()->key_id));
  EXPECT_TRUE(html.ends_with("</html>\n"));
}

TEST_F(EvidenceExport, TellsTargetsOfRecoveryAndAssertions) {
  ledger::Entry entry = backup_entry(1);
  entry.measures = {
      {"rto_s", 42.5}, {"rto_target_s", 3600}, {"rpo_s", 100}, {"rpo_target_s", 93600}};
  entry.assertions = {{"a", 1, 1, ledger::Outcome::passed},
                      {"b", 1, 2, ledger::Outcome::failed},
                      {"c", 1, {}, ledger::Outcome::skipped}};
  add(entry);
  EXPECT_THAT(exported("html"), HasSubstr("<td>42.5 of 3600</td><td>100 of 93600</td><td>1 passed, "
                                          "1 failed, 1 not run</td>"));
  EXPECT_THAT(exported("csv"), HasSubstr(",42.5,3600,100,93600,1,1,1,"));
}

TEST_F(EvidenceExport, NamesTheAssertionsThatFailed) {
  ledger::Entry entry = backup_entry(1);
  entry.assertions = {{"rows_app", 12, 11, ledger::Outcome::failed},
                      {"collation", "de", "de", ledger::Outcome::passed},
                      {"owner\x01", "a", {}, ledger::Outcome::failed}};
  add(entry);
  const std::string said = "rows_app: 12 expected, 11 found; owner\\x01: a expected, nothing found";
  EXPECT_THAT(exported("html"), HasSubstr("<b>Failed checks</b> " + said + "</span>"));
  EXPECT_THAT(exported("csv"), HasSubstr(",1,2,0,\"" + said + "\","));
}

TEST_F(EvidenceExport, OfVeryManyFailedAssertionsTheFirstAreNamed) {
  ledger::Entry entry = backup_entry(1);
  entry.assertions.assign(102, {"rows", 12, 11, ledger::Outcome::failed});
  add(entry);
  EXPECT_THAT(exported("csv"), HasSubstr("11 found; and more\","));
}

TEST_F(EvidenceExport, NamesTheLogOfARun) {
  const std::string hash(64, 'b');
  ledger_->attach_logs([&](const RunId&) { return ledger::RunLogRef{hash, Bytes{4711}}; });
  ledger::Entry entry = backup_entry(1);
  entry.trigger.run_id = new_run_id();
  add(entry);
  EXPECT_THAT(exported("csv"), HasSubstr("\"" + hash + "\",4711\r\n"));
  EXPECT_THAT(exported("html"), HasSubstr(hash + " (4711 bytes)"));
}

TEST_F(EvidenceExport, EachKindHasWords) {
  for (const std::string_view kind : ledger::kind::kEvery) EXPECT_NE(words_of_kind(kind), kind);
  EXPECT_EQ(words_of_kind("load_test"), "load_test") << "of somebody else";
}

TEST_F(EvidenceExport, JsonVerifiesByItself) {
  for (int i = 1; i <= 3; ++i) add(backup_entry(i));
  add(hostile());
  sign();
  const std::string text = exported("json");
  ASSERT_TRUE(parse_json(text));
  const Printed printed = verified(text);
  EXPECT_EQ(printed.exit_code, 0) << printed.out << printed.words;
  EXPECT_THAT(printed.out, HasSubstr("vouches for 4 of them"));
}

TEST_F(EvidenceExport, ADaemonSignsBeforeItIsAskedForEntries) {
  program_.has_daemon(program_.configuration_sha256());
  add(backup_entry(1));
  prepare();
  EXPECT_EQ(run({"evidence", "export"}).exit_code, 0);
  const auto& asked = program_.script.asked;
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[0].method + " " + asked[0].target, "POST /v1/evidence/checkpoint");
  EXPECT_EQ(asked[1].method, "GET");
}

// Whoever was killed has not signed what it wrote last.
TEST_F(EvidenceExport, WhatNobodyHasSignedIsExportedAndSaid) {
  add(backup_entry(1));
  sign();
  prepare();
  EXPECT_THAT(run({"evidence", "export"}).words, Not(HasSubstr("not signed")));
  program_.script.answers.clear();
  add(backup_entry(2));
  prepare();
  const Printed printed = run({"evidence", "export"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.words, HasSubstr("are not signed"));
}

TEST_F(EvidenceExport, WhatADaemonCannotSignIsExportedAndSaid) {
  program_.has_daemon(program_.configuration_sha256());
  add(backup_entry(1));
  prepare();
  program_.script.answers.push_front(
      {500, parse_json(R"({"code":"signing_key_invalid","detail":"the key is gone"})").value()});
  const Printed printed = run({"evidence", "export"});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.words, HasSubstr("could not be signed"));
  EXPECT_THAT(printed.words, HasSubstr("the key is gone"));
  EXPECT_THAT(printed.out, HasSubstr("</html>"));
}

TEST_F(EvidenceExport, AnEntryBehindTheCheckpointIsNotProven) {
  add(backup_entry(1));
  sign();
  add(backup_entry(2));
  const std::string text = exported("json");
  EXPECT_EQ(verified(text).exit_code, 3);
  EXPECT_EQ(verified(text, false).exit_code, 0) << "the hashes fit";
}

TEST_F(EvidenceExport, WhatWasChangedInAnExportShows) {
  for (int i = 1; i <= 3; ++i) add(backup_entry(i));
  sign();
  const std::string text = exported("json");
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = text;
    const size_t at = changed.find(from, changed.find("\"entries\":["));
    EXPECT_NE(at, std::string::npos);
    changed.replace(at, from.size(), to);
    return verified(changed);
  };
  EXPECT_EQ(with("\"passed\"", "\"failed\"").exit_code, 1);
  EXPECT_EQ(with("]}\n", "").exit_code, 1);
  EXPECT_EQ(with("]}\n", "]}\nmore\n").exit_code, 1);
  EXPECT_EQ(with("\n,\n", "\n").exit_code, 1);
  const size_t first = text.find('\n');
  const size_t second = text.find("\n,\n", first + 1);
  EXPECT_EQ(verified(text.substr(0, first + 1) + text.substr(second + 3)).exit_code, 1)
      << "an entry was taken out";
  EXPECT_EQ(verified("{}").exit_code, 1);
  EXPECT_EQ(verified("").exit_code, 1);
}

TEST_F(EvidenceExport, AnotherKeyDoesNotVouch) {
  add(backup_entry(1));
  sign();
  const std::string text = exported("json");
  write_bytes(folder_ / "ledger.pub", ledger::SigningKey::generate().public_key().pem());
  EXPECT_EQ(verified(text).exit_code, 1);
}

TEST_F(EvidenceExport, AFileIsWholeOrNotThereAndReplacesNone) {
  add(backup_entry(1));
  const std::string file = folder_ / "out.csv";
  const std::vector<const char*> words{"evidence", "export", "--format",
                                       "csv",      "--file", file.c_str()};
  EXPECT_NE(run(words).exit_code, 0) << "the script has no answer";
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".out.csv.tmp"));
  prepare();
  EXPECT_EQ(run(words).exit_code, 0);
  EXPECT_THAT(contents(file), HasSubstr("vigie.evidence-export/1"));
  prepare();
  EXPECT_EQ(run(words).exit_code, 5);
}

TEST_F(EvidenceExport, HoldsNoSecretThatTheProcessKnows) {
  const std::string canary = "kanarienvogel-4711";
  platform::known_secrets().add(Secret(canary));
  ledger::Entry entry = backup_entry(1);
  entry.reason = "because of " + canary;
  entry.deviations = {"it said " + canary};
  add(entry);
  for (const char* format : {"csv", "html", "json"})
    EXPECT_THAT(exported(format), Not(HasSubstr(canary))) << format;
  for (const char* format : {"csv", "html", "json"})
    EXPECT_THAT(exported(format), Not(HasSubstr("PRIVATE KEY"))) << format;
}

TEST_F(EvidenceExport, AsksForThePeriodAndTheKind) {
  prepare();
  EXPECT_EQ(
      run({"evidence", "export", "--kind", "backup", "--from", "2026-11-01T00:00:00Z"}).exit_code,
      0);
  ASSERT_EQ(program_.script.asked.size(), 4U);
  EXPECT_EQ(program_.script.asked[1].target,
            "/v1/evidence?limit=500&kind=backup&from=2026-11-01T00%3A00%3A00Z");
}

}  // namespace
}  // namespace vigie::cli
