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
                    text_cell(check, "reason_code"), seconds_cell(check, "age_s"),
                    Cell{with_unit(check, "observed")}});
  }
  context.console().table({{"  CHECK"}, {"STATUS"}, {"REASON"}, {"AGE", true}, {"OBSERVED"}}, rows);
}

int exit_of(std::string_view status) {
  if (status == "pass" || status == "warn") return 0;
  return status == "unknown" ? 3 : 1;
}

// The status tells what became of runs, not which ones they were.
void say_how_to_find_runs(Context& context, const Document& document) {
  const bool any =
      std::ranges::any_of(*find_array(document.body, "checks"), [](const json::value& item) {
        const json::object* check = item.if_object();
        if (check == nullptr || text_of(*check, "status") == "pass") return false;
        const std::string id = text_of(*check, "id");
        return id.ends_with(".last_run") || id.ends_with(".preflight") || id.ends_with(".rpo");
      });
  if (any)
    context.console().words(
        "  why a run failed: vigie evidence list (column RUN), then vigie run show RUN");
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
    if (context.as_table()) say_how_to_find_runs(context, document);
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

int worse_nagios(int a, int b) {
  constexpr std::array<int, 4> kRank{0, 1, 3, 2};  // critical weighs more than unknown
  return kRank[static_cast<size_t>(a)] < kRank[static_cast<size_t>(b)] ? b : a;
}

int say_nagios(Context& context, int code, std::string_view words) {
  constexpr std::array<std::string_view, 4> kWords{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  const std::string_view status = kWords.at(static_cast<size_t>(code));
  if (context.as_table()) {
    context.console().data(fmt::format("VIGIE {} - {}\n", status, words));
  } else {
    context.value(json::object{{"status", status}, {"code", code}, {"summary", words}});
  }
  return code;
}

// What the line says of all the documents.
struct Summary {
  int code = 0;
  std::array<std::string, 4> troubles;  // by their Nagios code
  std::string accepted;                 // warnings that somebody knows of
};

void add_words(std::string& list, std::string_view words) {
  if (!list.empty() && !words.empty()) list += ", ";
  list += words;
}

// The worst first: a pager shows the beginning of the line.
std::string in_order(const Summary& summary) {
  std::string all;
  for (const size_t code : {2, 3, 1}) add_words(all, summary.troubles.at(code));
  return all;
}

bool is_accepted(const Arguments& arguments, const json::object& check) {
  return text_of(check, "status") == "warn" &&
         std::ranges::count(arguments.all("--accept"), text_of(check, "reason_code")) > 0;
}

void add_check(Summary& summary, const json::object& check, bool accepted) {
  const int code = nagios(text_of(check, "status"));
  if (code == 0) return;
  if (!accepted) summary.code = worse_nagios(summary.code, code);
  add_words(accepted ? summary.accepted : summary.troubles.at(static_cast<size_t>(code)),
            fmt::format("{} ({})", printable(text_of(check, "id"), 80),
                        printable(text_of(check, "reason_code"), 60)));
}

Result<Summary> summarise(Context& context) {
  Summary summary;
  for (const auto& [kind, target] :
       {std::pair("readiness", "/readiness"), std::pair("backups", "/backups/status")}) {
    TRY_ASSIGN(const auto document, read_document(context, kind, target));
    const json::array& checks = *find_array(document.body, "checks");
    if (checks.empty()) summary.code = worse_nagios(summary.code, 3);
    for (const json::value& item : checks) {
      if (!item.is_object()) continue;
      const json::object& check = item.get_object();
      add_check(summary, check, is_accepted(context.arguments(), check));
    }
  }
  return summary;
}

// Whoever may not look into the state folder knows nothing of a daemon.
Result<bool> has_daemon(Context& context) {
  TRY_ASSIGN(const config::Config* const config, context.config());
  const auto socket = context.hooks().files->info(platform::Path(config->state.dir) / "vigie.sock");
  if (!socket && socket.error().code() != ErrorCode::file_not_found) return fail(socket.error());
  TRY_ASSIGN(const bool alone, context.alone());
  return !alone;
}

int check(Context& context) {
  const auto daemon = has_daemon(context);
  if (!daemon) return say_nagios(context, 3, daemon.error().info().name);
  // Nothing starts by itself: whatever else may be said of the backups, they end here.
  if (!*daemon) return say_nagios(context, 2, "no_daemon");
  const auto summary = summarise(context);
  if (!summary) return say_nagios(context, 3, summary.error().info().name);
  const std::string troubles = in_order(*summary);
  std::string words = troubles.empty() ? "all checks pass" : troubles;
  if (!summary->accepted.empty()) {
    if (troubles.empty()) words = "all other checks pass";
    words += "; accepted: " + summary->accepted;
  }
  return say_nagios(context, summary->code, words);
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
                {{"KIND"}, [](const json::object& o) { return text_cell(o, "kind"); }},
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
    print_run(context, value->get_object(), RunDetails::all);
  } else {
    context.value(*value);
  }
  if (!value->is_object()) return 1;
  return has_ended(value->get_object()) ? run_exit_code(value->get_object()) : 0;
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
      {"check",
       "One line for Nagios and its like",
       "  vigie check\n  vigie check --accept no_copy_off_host\n",
       {},
       {{.name = "--accept",
         .value_name = "REASON",
         .help = "A warning with this reason does not count; may be repeated",
         .repeats = true}},
       check},
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
       "Stops a run, which removes what it has made",
       "  vigie run cancel RUN --reason 'wrong database'\n",
       {{"RUN", "The run's id"}},
       {reason_option(false), reference_option()},
       run_cancel},
  };
}

}  // namespace vigie::cli
