// The matrix of requirements over the real binary: it fills by itself, a pipeline adds its own, the
// gate opens and closes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/documents.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;

class MatrixTest : public ::testing::Test {
 protected:
  MatrixTest() { host_.configure("host=/nowhere dbname=app user=vigie", {}); }

  // `requirements`: the section's mapping.
  void require(const std::string& requirements) {
    host_.write("vigie.yaml", host_.read("vigie.yaml") + "requirements: " + requirements + "\n");
  }
  json::object row(const std::string& id) {
    const auto rows = parse_json(host_.run({"matrix", "-o", "json"}).out);
    if (!rows || !rows->is_array()) return {};
    for (const json::value& one : rows->get_array())
      if (one.at("id").as_string() == id) return one.as_object();
    return {};
  }
  std::string status(const std::string& id) {
    const json::object found = row(id);
    return found.empty() ? "not there" : std::string(found.at("status").as_string());
  }
  Ran record(const std::string& kind, const std::string& id, const std::string& result) {
    return host_.run({"evidence", "record", "--kind", kind, "--requirement", id, "--result", result,
                      "--summary", "as the pipeline saw it", "--measure", "panels=12"});
  }

  VigieHost host_;
};

TEST_F(MatrixTest, TheDaemonLooksAtItselfAndTheMatrixFills) {
  EXPECT_EQ(status("REQ-OPS-2"), "never");
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_TRUE(eventually([&] { return status("REQ-EVD-2") == "met"; }, std::chrono::seconds(60)))
      << host_.log();
  for (const char* id : {"REQ-OPS-1", "REQ-OPS-2", "REQ-OPS-3", "REQ-BAK-4"})
    EXPECT_EQ(status(id), "met") << id << host_.run({"evidence", "list", "-o", "jsonl"}).out;
  EXPECT_EQ(status("REQ-BAK-1"), "never");
  Documents documents;
  documents.expect("matrix-1.schema.json", host_.ask("/v1/matrix").body);
  EXPECT_EQ(documents.mistakes(), "");
}

TEST_F(MatrixTest, WhatIsKnownIsKnownAfterTheNextStart) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_EQ(record("dashboards", "REQ-API-3", "passed").status, 0);
  const json::object before = row("REQ-API-3");
  host_.signal(SIGKILL);
  host_.wait();
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(row("REQ-API-3").at("evidence_id"), before.at("evidence_id"));
  EXPECT_EQ(status("REQ-API-3"), "met");
}

TEST_F(MatrixTest, TheGateAsksForWhatItIsToldTo) {
  require("{gate: [REQ-API-3]}");
  const Ran closed = host_.run({"matrix", "--gate"});
  EXPECT_EQ(closed.status, 1);
  EXPECT_THAT(closed.err, HasSubstr("never: REQ-API-3"));
  EXPECT_EQ(record("dashboards", "REQ-API-3", "passed").status, 0);
  EXPECT_EQ(host_.run({"matrix", "--gate"}).status, 0);
  EXPECT_EQ(record("dashboards", "REQ-API-3", "failed").status, 0);
  EXPECT_THAT(host_.run({"matrix", "--gate"}).err, HasSubstr("failing: REQ-API-3"));
}

TEST_F(MatrixTest, AWaiverOpensItUntilItIsOver) {
  require(
      "{gate: [REQ-API-3], waivers: [{id: REQ-API-3, by: CTO, why: later, until: 9999-12-31}]}");
  EXPECT_EQ(host_.run({"matrix", "--gate"}).status, 0);
  EXPECT_EQ(status("REQ-API-3"), "waived");
}

TEST_F(MatrixTest, NobodyForgesABackup) {
  const Ran refused = record("backup", "REQ-BAK-1", "passed");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("kind"));
  EXPECT_EQ(status("REQ-BAK-1"), "never");
}

TEST_F(MatrixTest, WhatWasRecordedSaysSo) {
  ASSERT_EQ(record("dashboards", "REQ-API-3", "passed").status, 0);
  const Ran shown =
      host_.run({"evidence", "show", std::string(row("REQ-API-3").at("evidence_id").as_string()),
                 "-o", "json"});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.out, HasSubstr("\"recorded\": true"));
  EXPECT_THAT(shown.out, HasSubstr("as the pipeline saw it"));
}

TEST_F(MatrixTest, WithoutADaemonHealthIsNotMeasuredAndTheRestIs) {
  const Ran looked = host_.run({"self-check", "run"});
  EXPECT_EQ(looked.status, 3) << looked.err;
  EXPECT_EQ(status("REQ-OPS-1"), "met");
  EXPECT_EQ(status("REQ-OPS-2"), "never");
}

}  // namespace
}  // namespace vigie::testing
