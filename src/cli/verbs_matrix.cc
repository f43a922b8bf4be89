// vigie matrix, self-check run
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/human_act.h"
#include "cli/paging.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

constexpr size_t kMostText = 60;   // of a requirement's sentence in a table
constexpr size_t kMostNamed = 20;  // requirements in one sentence

bool is_required(const json::object& row) {
  const json::value* const required = find_value(row, "required");
  return required != nullptr && *required == json::value(true);
}

bool is_unmet(const json::object& row) {
  const std::string status = text_of(row, "status");
  return status != "met" && status != "waived";
}

// A pipeline may never have recorded it, and nobody asks for it.
bool is_silent(const json::object& row) {
  return !is_required(row) && text_of(row, "status") == "never" &&
         !find_value(row, "last_attempt")->is_object();
}

Cell status_cell(const json::object& row) {
  const std::string status = text_of(row, "status");
  if (status == "met") return {status, Tone::good};
  if (status == "failing") return {status, Tone::bad};
  if (status == "waived") return {status, Tone::dim};
  return {status, is_required(row) ? Tone::warning : Tone::dim};
}

Cell sentence_cell(const json::object& row) {
  const std::string text = text_of(row, "text");
  return {text.size() > kMostText ? printable(text, kMostText) : printable(text)};
}

void print_table(Context& context, const json::array& rows) {
  const auto text = [](std::string_view key) {
    return [key](const json::object& o) { return text_cell(o, key); };
  };
  const auto seconds = [](std::string_view key) {
    return [key](const json::object& o) { return seconds_cell(o, key); };
  };
  context.list(
      rows, {{{"REQUIREMENT"}, text("id")},
             {{"STATUS"}, status_cell},
             {{"GATE"}, [](const json::object& o) { return Cell{is_required(o) ? "yes" : "-"}; }},
             {{"AGE", true}, seconds("age_s")},
             {{"MOST", true}, seconds("max_age_s")},
             {{"BY"}, text("kind")},
             {{"OF"}, text("subject")},
             {{"EVIDENCE"}, text("evidence_id")},
             {{"WHAT"}, sentence_cell}});
}

std::vector<std::string> lines_of_waivers(const json::array& rows) {
  std::vector<std::string> lines;
  for (const json::value& item : rows) {
    const json::object& row = item.get_object();
    const json::object* const waiver = find_object(row, "waiver");
    if (waiver == nullptr) continue;
    const bool in_force = *find_value(*waiver, "in_force") == json::value(true);
    lines.push_back(fmt::format("{}: waived until {} by {}: {}{}", text_of(row, "id"),
                                text_of(*waiver, "until"), printable(text_of(*waiver, "by")),
                                printable(text_of(*waiver, "why")),
                                in_force ? "" : " (over: it counts for nothing)"));
  }
  return lines;
}

// "failing: REQ-BAK-1; stale: REQ-RST-1, REQ-OPS-1"
std::string unmet_by_status(const json::array& rows) {
  std::string words;
  for (const char* const status : {"failing", "never", "stale"}) {
    std::vector<std::string> ids;
    for (const json::value& item : rows)
      if (is_required(item.get_object()) && text_of(item.get_object(), "status") == status)
        ids.push_back(printable(text_of(item.get_object(), "id"), 63));
    if (ids.empty()) continue;
    const size_t more = ids.size() > kMostNamed ? ids.size() - kMostNamed : 0;
    ids.resize(ids.size() - more);
    words += fmt::format("{}{}: {}{}", words.empty() ? "" : "; ", status, fmt::join(ids, ", "),
                         more > 0 ? fmt::format(" and {} more", more) : "");
  }
  return words;
}

struct Judged {
  json::array rows;
  size_t required = 0;
  size_t unmet = 0;  // of those
};

Result<Judged> read_matrix(Context& context) {
  TRY_ASSIGN(auto answer, context.ask({.target = "/v1/matrix"}));
  const json::array* const items = find_items(answer);
  if (items == nullptr) return fail(ErrorCode::internal_error, {{"reason", "no list"}});
  Judged judged;
  for (const json::value& item : *items) {
    if (!item.is_object()) continue;
    judged.rows.push_back(item);
    const bool required = is_required(item.get_object());
    judged.required += required ? 1 : 0;
    judged.unmet += required && is_unmet(item.get_object()) ? 1 : 0;
  }
  return judged;
}

void show_table(Context& context, const Judged& judged) {
  json::array shown;
  for (const json::value& item : judged.rows)
    if (context.arguments().flag("--all") || !is_silent(item.get_object())) shown.push_back(item);
  print_table(context, shown);
  for (const std::string& line : lines_of_waivers(judged.rows)) context.console().words(line);
  const size_t left_out = judged.rows.size() - shown.size();
  if (left_out > 0)
    context.console().words(fmt::format(
        "{} more that the gate does not ask for have no evidence: vigie matrix --all", left_out));
  context.console().words(fmt::format("{} of {} that the gate asks for are met or waived",
                                      judged.required - judged.unmet, judged.required));
}

int matrix(Context& context) {
  const auto judged = read_matrix(context);
  if (!judged) return context.report(judged.error());
  if (context.as_table())
    show_table(context, *judged);
  else
    context.list(judged->rows, {});
  if (!context.arguments().flag("--gate") || judged->unmet == 0) return 0;
  return context.report(
      Error(ErrorCode::requirements_unmet, {{"observed", std::to_string(judged->unmet)},
                                            {"expected", std::to_string(judged->required)},
                                            {"reason", unmet_by_status(judged->rows)}}));
}

int self_check_run(Context& context) {
  return start_and_wait(context, {"POST", "/v1/self-check/runs", act_body(context)});
}

}  // namespace

std::vector<VerbSpec> matrix_verbs() {
  return {
      {"matrix",
       "The requirements, and whether the evidence says that they are met",
       "  vigie matrix\n  vigie matrix --gate    # 1 when one is not met: for a pipeline\n  vigie "
       "matrix -o json | jq '.[] | select(.status == \"failing\")'\n",
       {},
       {{"--gate", "", "Ends with 1 when a requirement that the gate asks for is not met"},
        {"--all", "", "Also those without any evidence that the gate does not ask for"}},
       matrix},
      {"self-check run",
       "The program looks at itself: its answers, its errors, what it lets slip, how fast it is",
       "  vigie self-check run\n",
       {},
       {{"--no-wait", "", "Only start it in the daemon; print the run's id"},
        reason_option(false),
        reference_option()},
       self_check_run},
  };
}

}  // namespace vigie::cli
