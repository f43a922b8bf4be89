// An export to read and to print: one file without scripts, links or anything from elsewhere.
#include <fmt/format.h>

#include "cli/export_writer.h"

namespace vigie::cli {
namespace {

constexpr std::string_view kTop = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Evidence</title>
<style>
:root { color-scheme: light; }
body { font: 14px/1.4 system-ui, sans-serif; color: #111; background: #fff; margin: 2em auto; max-width: 75em; padding: 0 1em; }
h1 { font-size: 1.5em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25em .5em; border-bottom: 1px solid #bbb; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #111; }
.entries { table-layout: fixed; margin-top: 1.5em; }
.entries .detail td { border-bottom: 1px solid #111; font-size: .85em; white-space: pre-line; }
.entries .detail span { margin-right: 1em; }
.entries .main td { border-bottom: 0; }
.head th { width: 16em; font-weight: 600; }
.hash { font-family: ui-monospace, monospace; font-size: .85em; }
.passed { color: #05600a; font-weight: 600; }
.failed { color: #a50000; font-weight: 600; }
.could_not_verify, .skipped { color: #7a4b00; font-weight: 600; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  body { font-size: 9pt; margin: 0; max-width: none; padding: 0; }
  thead { display: table-header-group; }
  tbody { break-inside: avoid; }
}
</style>
</head>
<body>
<h1>Evidence</h1>
)";

constexpr std::string_view kTable = R"(<table class="entries">
<colgroup><col style="width:6%"><col style="width:15%"><col style="width:16%"><col style="width:22%"><col style="width:8%"><col style="width:12%"><col style="width:7%"><col style="width:7%"><col style="width:7%"></colgroup>
<thead><tr><th>No.</th><th>Ended</th><th>What</th><th>Of</th><th>Took (s)</th><th>Result</th><th>RTO (s)</th><th>RPO (s)</th><th>Checks</th></tr></thead>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// A class of ours only: what the entry says is not put into an attribute.
std::string_view class_of(std::string_view result) {
  for (const std::string_view known : {"passed", "failed", "could_not_verify", "skipped"}) {
    if (result == known) return known;
  }
  return "unknown";
}

std::string against(const std::string& value, const std::string& target) {
  if (value.empty()) return "";
  return target.empty() ? escaped(value) : fmt::format("{} of {}", escaped(value), escaped(target));
}

std::string checks_of(const ExportFields& f) {
  if (f.passed + f.failed + f.not_run == 0) return "";
  return fmt::format("{} passed, {} failed, {} not run", f.passed, f.failed, f.not_run);
}

void add(std::string& out, std::string_view title, const std::string& text) {
  if (!text.empty()) out += fmt::format("<span><b>{}</b> {}</span> ", title, escaped(text));
}

std::string who(const ExportFields& f) {
  return f.actor.empty() ? f.by : fmt::format("{} ({})", f.by, f.actor);
}

std::string details_of(const ExportFields& f) {
  std::string out;
  add(out, "Started", f.started_at);
  add(out, "Code", f.error_code);
  add(out, "Failed checks", f.failed_checks);
  add(out, "Deviations", f.deviations);
  add(out, "By", who(f));
  add(out, "Why", f.reason);
  add(out, "Ref", f.reference);
  add(out, "Follow-up", f.follow_up);
  add(out, "Correlation", f.correlation_id);
  if (!f.log_sha256.empty())
    add(out, "Log", fmt::format("{} ({} bytes)", f.log_sha256, f.log_bytes));
  return out + fmt::format("<span class=\"hash\">{}</span>", escaped(f.entry_hash));
}

class HtmlWriter final : public ExportWriter {
 public:
  std::string begin(const ExportHead& head) override {
    std::string out(kTop);
    out += "<table class=\"head\">\n";
    for (const auto& [key, value] : head_lines(head))
      out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(key),
                         escaped(value));
    return out + "</table>\n" + std::string(kTable);
  }

  std::string entry(const json::object& entry) override {
    const ExportFields f = export_fields(entry);
    return fmt::format(
        "<tbody><tr class=\"main\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n"
        "<tr class=\"detail\"><td></td><td colspan=\"8\">{}</td></tr></tbody>\n",
        escaped(f.seq), escaped(f.ended_at), escaped(f.what), escaped(f.subject),
        escaped(f.duration_s), class_of(f.result), escaped(f.result),
        against(f.rto_s, f.rto_target_s), against(f.rpo_s, f.rpo_target_s), checks_of(f),
        details_of(f));
  }

  std::string end() override { return "</table>\n</body>\n</html>\n"; }
};

}  // namespace

std::unique_ptr<ExportWriter> make_html_writer() {
  return std::make_unique<HtmlWriter>();
}

}  // namespace vigie::cli
