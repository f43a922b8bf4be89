// vigie amcheck …
#include <fmt/format.h>

#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/entry_print.h"
#include "cli/human_act.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

int amcheck_run(Context& context) {
  return start_and_wait(context, {"POST",
                                  fmt::format("/v1/amcheck/{}/runs",
                                              percent_encode(context.arguments().operand("CHECK"))),
                                  act_body(context)});
}

Result<json::array> all_checks(Context& context) {
  TRY_ASSIGN(const auto report, context.ask({.target = "/backups/status"}));
  const json::object* const data = find_object(report.as_object(), "data");
  const json::array* const checks = data == nullptr ? nullptr : find_array(*data, "amcheck");
  return checks == nullptr ? json::array() : *checks;
}

int amcheck_list(Context& context) {
  const auto checks = all_checks(context);
  if (!checks) return context.report(checks.error());
  const auto text = [](std::string_view key) {
    return [key](const json::object& o) { return text_cell(o, key); };
  };
  const auto count = [](std::string_view key) {
    return [key](const json::object& o) { return count_cell(o, key); };
  };
  context.list(
      *checks,
      {{{"CHECK"}, text("name")},
       {{"DATABASE"}, text("database")},
       {{"LAST"}, [](const json::object& o) { return time_cell(o, "at"); }},
       {{"TOOK", true}, [](const json::object& o) { return seconds_cell(o, "duration_s"); }},
       {{"TABLES", true}, count("tables")},
       {{"INDEXES", true}, count("indexes")},
       {{"DAMAGED", true}, count("damaged")},
       {{"RESULT"}, [](const json::object& o) { return verdict_cell(o, "result"); }}},
      "No database is looked at for damage: amcheck: in vigie.yaml");
  return 0;
}

int amcheck_show(Context& context) {
  const auto checks = all_checks(context);
  if (!checks) return context.report(checks.error());
  const std::string name = context.arguments().operand("CHECK");
  for (const json::value& item : *checks) {
    const json::object& check = item.as_object();
    if (text_of(check, "name") != name) continue;
    const std::string id = text_of(check, "evidence_id");
    if (!id.empty()) return show_entry(context, id);
    context.console().words(fmt::format("{0} was never run: vigie amcheck run {0}", name));
    return 0;
  }
  return context.report(
      Error(ErrorCode::http_invalid_parameter,
            {{"argument", "check"}, {"expected", "a name of amcheck: in vigie.yaml"}}));
}

}  // namespace

std::vector<VerbSpec> amcheck_verbs() {
  return {
      {"amcheck run",
       "Looks for damage in a database itself: every table and B-tree index, by pg_amcheck",
       "  vigie amcheck run app\n",
       {{"CHECK", "Its name in vigie.yaml"}},
       {{"--no-wait", "", "Only start it in the daemon; print the run's id"},
        reason_option(false),
        reference_option()},
       amcheck_run},
      {"amcheck list",
       "The databases that are looked at: when each was last, how many relations are damaged",
       "  vigie amcheck list\n",
       {},
       {},
       amcheck_list},
      {"amcheck show",
       "The newest result of a check",
       "  vigie amcheck show app\n",
       {{"CHECK", "Its name in vigie.yaml"}},
       {},
       amcheck_show},
  };
}

}  // namespace vigie::cli
