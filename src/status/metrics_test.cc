#include "status/metrics.h"

#include <gtest/gtest.h>

#include "status/metrics_writer.h"
#include "tests/support/status_samples.h"

namespace vigie::status {
namespace {

const SystemTime kNow = parse_rfc3339("2026-11-20T00:00:00Z").value();

HttpFigures figures() {
  HttpFigures http;
  http.connections_open = 2;
  http.by_code = {{200, 5}, {404, 1}};
  return http;
}

std::string render(MetricsFormat format) {
  return render_metrics(testing::sample_views(kNow), figures(), kNow, format);
}

TEST(Metrics, NamesTheTimeOfTheLastSuccess) {
  EXPECT_NE(render(MetricsFormat::prometheus)
                .find("vigie_backup_last_success_timestamp_seconds{job_name=\"nightly\","
                      "database=\"app\"} 1795125600\n"),
            std::string::npos)
      << render(MetricsFormat::prometheus);
}

TEST(Metrics, GivesEachFamilyOneHelpAndOneType) {
  const auto text = render(MetricsFormat::prometheus);
  std::vector<std::string> families;
  for (size_t at = 0; (at = text.find("# TYPE ", at)) != std::string::npos; ++at)
    families.push_back(text.substr(at + 7, text.find(' ', at + 7) - at - 7));
  EXPECT_GE(families.size(), 20u);
  auto unique = families;
  std::ranges::sort(unique);
  EXPECT_EQ(std::ranges::adjacent_find(unique), unique.end());
}

TEST(Metrics, EndsOpenMetricsAndNamesItsCountersWithoutSuffix) {
  const auto text = render(MetricsFormat::open_metrics);
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_NE(text.find("# TYPE vigie_http_requests counter\n"), std::string::npos);
  EXPECT_NE(text.find("vigie_http_requests_total{code=\"404\"} 1\n"), std::string::npos);
}

TEST(Metrics, SaysExactlyOneStatusOfEachKind) {
  const auto text = render(MetricsFormat::prometheus);
  EXPECT_NE(text.find("vigie_status{kind=\"backups\",status=\"pass\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("vigie_status{kind=\"backups\",status=\"fail\"} 0\n"), std::string::npos);
}

TEST(Metrics, SayHowEachRequirementStands) {
  ledger::LineView line;
  line.seq = 1;
  line.kind = "evidence_verify";
  line.ended_at = "2026-11-19T23:00:00Z";
  line.result = "passed";
  line.requirement_ids = R"(["REQ-EVD-1"])";
  line.subject = R"({"type":"ledger"})";
  auto newest = std::make_shared<ledger::Newest>();
  newest->note(line);
  auto views = testing::sample_views(kNow);
  auto ledger = std::make_shared<ledger::LedgerView>(*views.ledger);
  ledger->newest = newest;
  views.ledger = ledger;
  auto plan = std::make_shared<ledger::MatrixPlan>();
  for (const char* kind : {"evidence_verify", "matrix"})
    plan->requirements.push_back({.id = kind == std::string("matrix") ? "REQ-EVD-2" : "REQ-EVD-1",
                                  .text = "t",
                                  .validated_by = {kind},
                                  .max_age = std::chrono::hours(26)});
  views.requirements = plan;
  const auto text = render_metrics(views, figures(), kNow, MetricsFormat::prometheus);
  for (const char* sample : {"vigie_requirement_status{id=\"REQ-EVD-1\",status=\"met\"} 1\n",
                             "vigie_requirement_status{id=\"REQ-EVD-2\",status=\"met\"} 0\n",
                             "vigie_requirement_status{id=\"REQ-EVD-2\",status=\"never\"} 1\n",
                             "vigie_requirement_validated_timestamp_seconds{id=\"REQ-EVD-1\"} ",
                             "\nvigie_requirements_unmet 1\n"})
    EXPECT_NE(text.find(sample), std::string::npos) << sample << text;
}

// The sample lines of that name.
bool has_sample(const status::Views& views, std::string_view name) {
  const auto text = render_metrics(views, figures(), kNow, MetricsFormat::prometheus);
  return text.find("\n" + std::string(name) + "{") != std::string::npos;
}

TEST(Metrics, HasNoSampleOfWhatIsNotKnown) {
  auto views = testing::sample_views(kNow);
  auto backups = testing::sample_backups(kNow);
  views.backups = backups;
  for (const auto* name : {"vigie_store_available_bytes", "vigie_store_reserve_bytes",
                           "vigie_store_reachable", "vigie_backup_artefacts"})
    EXPECT_TRUE(has_sample(views, name)) << name;
  backups->jobs[0].reconciled_at.reset();
  backups->stores[0].reachable = false;
  for (const auto* name :
       {"vigie_store_available_bytes", "vigie_store_reserve_bytes", "vigie_backup_artefacts"})
    EXPECT_FALSE(has_sample(views, name)) << name;
  EXPECT_TRUE(has_sample(views, "vigie_store_reachable"));
  backups->stores[0].observed_at.reset();
  EXPECT_FALSE(has_sample(views, "vigie_store_reachable"));
}

TEST(Metrics, HasNoSpaceOfAStoreThatDoesNotKnowIt) {
  auto views = testing::sample_views(kNow);
  auto backups = testing::sample_backups(kNow);
  backups->stores[0].knows_space = false;
  views.backups = backups;
  EXPECT_TRUE(has_sample(views, "vigie_store_reachable"));
  EXPECT_FALSE(has_sample(views, "vigie_store_available_bytes"));
  EXPECT_FALSE(has_sample(views, "vigie_store_reserve_bytes"));
}

TEST(Metrics, CallsNothingGoodThatNobodyHasVerified) {
  auto views = testing::sample_views(kNow);
  auto backups = testing::sample_backups(kNow);
  backups->artefacts[0].last_verification.reset();
  backups->artefacts[0].fully_verified_at.reset();
  views.backups = backups;
  const auto text = render_metrics(views, figures(), kNow, MetricsFormat::prometheus);
  const auto count = [&](const std::string& state) {
    const auto at = text.find("state=\"" + state + "\"} ");
    return at == std::string::npos ? std::string() : text.substr(text.find("} ", at) + 2, 1);
  };
  EXPECT_EQ(count("good"), "1");
  EXPECT_EQ(count("unverified"), "1");
}

TEST(Metrics, EscapesLabels) {
  EXPECT_EQ(escape_label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
  EXPECT_EQ(escape_label("\xff").find('\xff'), std::string::npos);
}

}  // namespace
}  // namespace vigie::status
