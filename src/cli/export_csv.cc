// An export for a spreadsheet: RFC 4180, and nothing in it is taken for a formula.
#include <fmt/format.h>

#include <array>

#include "cli/export_writer.h"

namespace vigie::cli {
namespace {

constexpr std::string_view kTitles =
    "seq,started_at,ended_at,what,subject,duration_s,result,error_code,rto_s,rto_target_s,rpo_s,"
    "rpo_target_s,assertions_passed,assertions_failed,assertions_not_run,failed_assertions,"
    "deviations,by,actor,reason,ref,follow_up,correlation_id,entry_hash,log_sha256,log_bytes";
constexpr size_t kColumns = 26;

// A spreadsheet calculates what begins like this.
bool looks_like_formula(std::string_view text) {
  constexpr std::string_view kLeaders = "=+-@\t\r\n";
  return !text.empty() && kLeaders.find(text.front()) != std::string_view::npos;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  if (looks_like_formula(text)) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// Two fields, and as many empty ones as the table has more.
std::string head_row(std::string_view key, std::string_view value) {
  return fmt::format("{},{}{}\r\n", quoted(key), quoted(value), std::string(kColumns - 2, ','));
}

class CsvWriter final : public ExportWriter {
 public:
  std::string begin(const ExportHead& head) override {
    std::string out = head_row("Evidence", "vigie.evidence-export/1");
    for (const auto& [key, value] : head_lines(head)) out += head_row(key, value);
    return out + fmt::format("{}\r\n", kTitles);
  }

  std::string entry(const json::object& entry) override {
    const ExportFields f = export_fields(entry);
    const std::array<std::string, kColumns> cells{
        f.seq,
        quoted(f.started_at),
        quoted(f.ended_at),
        quoted(f.what),
        quoted(f.subject),
        f.duration_s,
        quoted(f.result),
        quoted(f.error_code),
        f.rto_s,
        f.rto_target_s,
        f.rpo_s,
        f.rpo_target_s,
        std::to_string(f.passed),
        std::to_string(f.failed),
        std::to_string(f.not_run),
        quoted(f.failed_checks),
        quoted(f.deviations),
        quoted(f.by),
        quoted(f.actor),
        quoted(f.reason),
        quoted(f.reference),
        quoted(f.follow_up),
        quoted(f.correlation_id),
        quoted(f.entry_hash),
        quoted(f.log_sha256),
        f.log_bytes,
    };
    return fmt::format("{}\r\n", fmt::join(cells, ","));
  }

  std::string end() override { return ""; }
};

}  // namespace

std::unique_ptr<ExportWriter> make_csv_writer() {
  return std::make_unique<CsvWriter>();
}

}  // namespace vigie::cli
