// vigie status, check, schedule list, trace, run …
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

struct Document {
  std::string kind;
  json::object body;
};

// readiness answers 503 with its document when it is not ready: that is an answer here.
Result<Document> read_document(Context& context, std::string kind, std::string_view target) {
  TRY_ASSIGN(auto answer, context.answer({.target = std::string(target)}));
  if (!answer.body.is_object() || find_array(answer.body.get_object(), "checks") == nullptr) {
    if (const auto refusal = refusal_of(answer)) return fail(refusal->info->code);
    return fail(ErrorCode::internal_error, {{"reason", "no status document"}});
  }
  return Document{std::move(kind), std::move(answer.body.get_object())};
}

Result<std::vector<Document>> read_documents(Context& context) {
  std::vector<Document> documents;
  for (const auto& [kind, target] :
       {std::pair("readiness", "/readiness"), std::pair("backups", "/backups/status"),
        std::pair("restore", "/restore/status")}) {
    TRY_ASSIGN(auto document, read_document(context, kind, target));
    documents.push_back(std::move(document));
  }
  return documents;
}

std::string with_unit(const json::object& check, std::string_view key) {
  const json::value* value = find_value(check, key);
  if (const json::object* observed = value == nullptr ? nullptr : value->if_object()) {
    const std::string unit = text_of(*observed, "unit");
    if (unit == "s") return seconds_cell(*observed, "value").text;
    if (unit == "bytes") return bytes_cell(*observed, "value").text;
    return text_cell(*observed, "value").text;
  }
  return text_cell(check, key).text;
}

void print_checks(Context& context, const Document& document) {
  const std::string status = text_of(document.body, "status");
  context.console().data(fmt::format("{}  {}\n",
                                     context.console().toned(document.kind, Tone::strong),
                                     context.console().toned(status, tone_of(status))));
  std::vector<Row> rows;
  for (const json::value& item : *find_array(document.body, "checks")) {
    if (!item.is_object()) continue;
    const json::object& check = item.get_object();
    rows.push_back({Cell{"  " + text_cell(check, "id").text}, verdict_cell(check, "status"),
                    text_cell(check, "reason_code"), Cell{with_unit(check, "observed")},
                    seconds_cell(check, "age_s")});
  }
  context.console().table({{"  CHECK"}, {"STATUS"}, {"REASON"}, {"OBSERVED", true}, {"AGE", true}},
                          rows);
}

int exit_of(std::string_view status) {
  if (status == "pass" || status == "warn") return 0;
  return status == "unknown" ? 3 : 1;
}

int status(Context& context) {
  const auto documents = read_documents(context);
  if (!documents) return context.report(documents.error());
  if (!context.as_table()) {
    json::object all;
    for (const Document& document : *documents) all[document.kind] = document.body;
    context.value(all);
  }
  int worst = 0;
  for (const Document& document : *documents) {
    if (context.as_table()) print_checks(context, document);
    // Drills do not exist yet for whoever has only backups: their "never" is told, and is no
    // failure of the backups.
    if (document.kind != "restore")
      worst = worse_exit(worst, exit_of(text_of(document.body, "status")));
  }
  return worst;
}

// Nagios: one line, and 0 ok, 1 warning, 2 critical, 3 unknown.
int nagios(std::string_view status) {
  if (status == "pass") return 0;
  if (status == "warn") return 1;
  return status == "fail" ? 2 : 3;
}

std::string reasons(const json::object& document) {
  std::string out;
  for (const json::value& item : *find_array(document, "checks")) {
    if (!item.is_object() || text_of(item.get_object(), "status") == "pass") continue;
    if (!out.empty()) out += ", ";
    out += fmt::format("{} ({})", printable(text_of(item.get_object(), "id"), 80),
                       printable(text_of(item.get_object(), "reason_code"), 60));
  }
  return out.empty() ? "all checks pass" : out;
}

int check(Context& context) {
  const auto document = read_document(context, "backups", "/backups/status");
  if (!document) {
    context.console().data(fmt::format("VIGIE UNKNOWN - {}\n", document.error().info().name));
    return 3;
  }
  const int code = nagios(text_of(document->body, "status"));
  constexpr std::array<std::string_view, 4> kWords{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  context.console().data(
      fmt::format("VIGIE {} - {}\n", kWords[static_cast<size_t>(code)], reasons(document->body)));
  return code;
}

int schedule_list(Context& context) {
  const std::string next = context.arguments().option("--next").value_or("10");
  const auto value = context.ask({.target = "/v1/schedule?next=" + percent_encode(next)});
  if (!value) return context.report(value.error());
  const json::array* items = find_items(*value);
  context.list(items == nullptr ? json::array() : *items,
               {{{"DUE"}, [](const json::object& o) { return time_cell(o, "due_at"); }},
                {{"LOCAL"}, [](const json::object& o) { return text_cell(o, "local"); }},
                {{"JOB"}, [](const json::object& o) { return text_cell(o, "job"); }},
                {{"SCHEDULE"}, [](const json::object& o) { return text_cell(o, "schedule"); }}},
               "No job has a schedule.");
  return 0;
}

int trace(Context& context) {
  const auto value =
      context.ask({.target = "/v1/trace/" + percent_encode(context.arguments().operand("ID"))});
  if (!value) return context.report(value.error());
  const json::array* items = find_items(*value);
  context.list(items == nullptr ? json::array() : *items,
               {{{"AT"}, [](const json::object& o) { return time_cell(o, "at"); }},
                {{"WHAT"}, [](const json::object& o) { return text_cell(o, "what"); }},
                {{"ID"}, [](const json::object& o) { return text_cell(o, "id"); }},
                {{"RESULT"}, [](const json::object& o) { return verdict_cell(o, "result"); }},
                {{"DETAIL"}, [](const json::object& o) { return text_cell(o, "detail"); }}});
  return 0;
}

int run_show(Context& context) {
  const auto value =
      context.ask({.target = "/v1/runs/" + percent_encode(context.arguments().operand("RUN"))});
  if (!value) return context.report(value.error());
  if (context.as_table() && value->is_object()) {
    print_run(context, value->get_object());
  } else {
    context.value(*value);
  }
  return value->is_object() ? run_exit_code(value->get_object()) : 1;
}

int run_cancel(Context& context) {
  const std::string id = context.arguments().operand("RUN");
  const auto value = context.ask({"DELETE", "/v1/runs/" + percent_encode(id), act_body(context)});
  if (!value) return context.report(value.error());
  if (!context.as_table()) context.value(*value);
  if (context.as_table()) context.console().words(fmt::format("Run {} is being cancelled.", id));
  return 0;
}

}  // namespace

std::vector<VerbSpec> status_verbs() {
  return {
      {"status",
       "How everything stands, check by check",
       "  vigie status\n  vigie status -o json\n",
       {},
       {},
       status},
      {"check", "One line for Nagios and its like", "  vigie check\n", {}, {}, check},
      {"schedule list",
       "What is due next",
       "  vigie schedule list --next 20\n",
       {},
       {{"--next", "N", "How many (default 10, at most 100)"}},
       schedule_list},
      {"trace",
       "Everything that carries one correlation id, in order of time",
       "  vigie trace 0f6a3c5d9b1e4a7c8d2f60718293a4b5\n",
       {{"ID", "A correlation id, or a run's id"}},
       {},
       trace},
      {"run show",
       "How a run stands",
       "  vigie run show RUN\n",
       {{"RUN", "The run's id"}},
       {},
       run_show},
      {"run cancel",
       "Stops a run; what was begun is undone",
       "  vigie run cancel RUN --reason 'wrong database'\n",
       {{"RUN", "The run's id"}},
       {reason_option(false), reference_option()},
       run_cancel},
  };
}

}  // namespace vigie::cli
