// vigie drill …
#include <fmt/format.h>

#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/entry_print.h"
#include "cli/human_act.h"
#include "cli/numbers.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

int drill_run(Context& context) {
  const Arguments& arguments = context.arguments();
  json::object body = act_body(context);
  if (const auto backup = arguments.option("--backup")) body["backup"] = *backup;
  if (const auto into = arguments.option("--into")) {
    const auto major = whole_number(*into);
    if (!major)
      return context.report(
          Error(ErrorCode::usage, {{"reason", "--into takes a major version, such as 17."}}));
    body["into"] = *major;
  }
  return start_and_wait(
      context,
      {"POST", fmt::format("/v1/drills/{}/runs", percent_encode(arguments.operand("DRILL"))),
       std::move(body)});
}

const json::object& object_at(const json::object& from, std::string_view key) {
  static const json::object kNone;
  const json::object* const found = find_object(from, key);
  return found == nullptr ? kNone : *found;
}

void add_rows(const json::object& drill, json::array& rows) {
  const json::array* const databases = find_array(drill, "databases");
  if (databases == nullptr) return;
  for (const json::value& item : *databases) {
    if (!item.is_object()) continue;
    json::object row{{"drill", text_of(drill, "name")},
                     {"job", text_of(drill, "job")},
                     {"next_due_at", *find_value(drill, "next_due_at")}};
    for (const auto& [key, value] : item.get_object()) row[key] = value;
    rows.push_back(std::move(row));
  }
}

// One for each drill and database. The exit status is of what could not be asked.
Result<json::array> all_drills(Context& context) {
  TRY_ASSIGN(const auto report, context.ask({.target = "/restore/status"}));
  json::array rows;
  const json::array* const drills = find_array(object_at(report.as_object(), "data"), "drills");
  if (drills == nullptr) return rows;
  for (const json::value& drill : *drills)
    if (const auto* const object = drill.if_object()) add_rows(*object, rows);
  return rows;
}

int drill_list(Context& context) {
  const auto rows = all_drills(context);
  if (!rows) return context.report(rows.error());
  const auto text = [](std::string_view key) {
    return [key](const json::object& o) { return text_cell(o, key); };
  };
  const auto objective = [](std::string_view key) {
    return [key](const json::object& o) {
      return seconds_cell(object_at(object_at(o, "last"), key), "observed_s");
    };
  };
  context.list(
      *rows,
      {{{"DRILL"}, text("drill")},
       {{"DATABASE"}, text("name")},
       {{"LAST"}, [](const json::object& o) { return time_cell(object_at(o, "last"), "at"); }},
       {{"BACKUP"},
        [](const json::object& o) { return text_cell(object_at(o, "last"), "backup_id"); }},
       {{"RTO", true}, objective("rto")},
       {{"RPO", true}, objective("rpo")},
       {{"RESULT"},
        [](const json::object& o) { return verdict_cell(object_at(o, "last"), "result"); }},
       {{"NEXT"}, [](const json::object& o) { return time_cell(o, "next_due_at"); }}},
      "No drill is configured: drills: in vigie.yaml");
  return 0;
}

// Empty: there is none.
Result<json::object> entry_at(Context& context, const json::object& drill, std::string_view key) {
  const std::string id = text_of(object_at(drill, key), "evidence_id");
  if (id.empty()) return json::object();
  return read_entry(context, id);
}

// Of one database: its newest drill and, apart from it, its newest rehearsal.
Result<> show_drill(Context& context, const json::object& drill) {
  TRY_ASSIGN(json::object last, entry_at(context, drill, "last"));
  TRY_ASSIGN(const json::object rehearsal, entry_at(context, drill, "last_rehearsal"));
  const std::string name = text_of(drill, "drill");
  if (last.empty()) context.console().words(name + " was never run: vigie drill run " + name);
  if (!context.as_table() && !rehearsal.empty()) last["last_rehearsal"] = rehearsal;
  if (!last.empty()) print_entry(context, last);
  if (!context.as_table() || rehearsal.empty()) return {};
  context.console().data("\nThe last rehearsal, which counts as no drill:\n");
  print_entry(context, rehearsal);
  return {};
}

int drill_show(Context& context) {
  const auto rows = all_drills(context);
  if (!rows) return context.report(rows.error());
  const std::string name = context.arguments().operand("DRILL");
  int exit = -1;
  for (const json::value& row : *rows) {
    const json::object& drill = row.get_object();
    if (text_of(drill, "drill") != name) continue;
    const auto shown = show_drill(context, drill);
    exit = std::max(exit, shown ? 0 : context.report(shown.error()));
  }
  if (exit >= 0) return exit;
  return context.report(Error(ErrorCode::drill_not_found, {{"name", printable(name, 64)}}));
}

}  // namespace

std::vector<VerbSpec> drill_verbs() {
  return {
      {"drill run",
       "Restores a backup into a scratch server, looks at it from every side, and throws it away",
       "  vigie drill run weekly\n  vigie drill run weekly --into 17    # rehearse an upgrade\n",
       {{"DRILL", "Its name in vigie.yaml"}},
       {{"--backup", "ID", "This backup, whatever the drill would pick"},
        {"--into", "MAJOR", "A server of another major version, when it is installed"},
        {"--no-wait", "", "Only start it in the daemon; print the run's id"},
        reason_option(false),
        reference_option()},
       drill_run},
      {"drill list",
       "The drills: when each ran last, how long it took, how old the data was, how it ended",
       "  vigie drill list\n  vigie drill list --output json\n",
       {},
       {},
       drill_list},
      {"drill show",
       "The newest result of a drill, with every check, and apart from it the newest rehearsal",
       "  vigie drill show weekly\n",
       {{"DRILL", "Its name in vigie.yaml"}},
       {},
       drill_show},
  };
}

}  // namespace vigie::cli
