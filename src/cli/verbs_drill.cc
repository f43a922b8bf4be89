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

// Of one database: the entries of its newest drill and, apart from it, of its newest rehearsal.
struct Shown {
  std::string database;
  json::object last;
  json::object rehearsal;
};

// A drill without databases is none.
Result<std::vector<Shown>> entries_of(Context& context, const std::string& name) {
  TRY_ASSIGN(const json::array rows, all_drills(context));
  std::vector<Shown> found;
  for (const json::value& row : rows) {
    const json::object& drill = row.get_object();
    if (text_of(drill, "drill") != name) continue;
    TRY_ASSIGN(json::object last, entry_at(context, drill, "last"));
    TRY_ASSIGN(json::object rehearsal, entry_at(context, drill, "last_rehearsal"));
    found.push_back({text_of(drill, "name"), std::move(last), std::move(rehearsal)});
  }
  if (found.empty()) return fail(ErrorCode::drill_not_found, {{"name", printable(name, 64)}});
  return found;
}

json::value or_null(const json::object& entry) {
  return entry.empty() ? json::value() : json::value(entry);
}

json::object as_json(const std::string& name, const std::vector<Shown>& all) {
  json::array databases;
  for (const Shown& one : all)
    databases.push_back({{"database", one.database},
                         {"last", or_null(one.last)},
                         {"last_rehearsal", or_null(one.rehearsal)}});
  return {{"drill", name}, {"databases", std::move(databases)}};
}

void print(Context& context, const std::string& name, const Shown& one) {
  if (one.last.empty())
    context.console().words(
        fmt::format("{} was never run of {}: vigie drill run {}", name, one.database, name));
  else
    print_entry(context, one.last);
  if (one.rehearsal.empty()) return;
  context.console().data("\nThe last rehearsal, which counts as no drill:\n");
  print_entry(context, one.rehearsal);
}

int drill_show(Context& context) {
  const std::string name = context.arguments().operand("DRILL");
  const auto all = entries_of(context, name);
  if (!all) return context.report(all.error());
  if (!context.as_table()) {
    context.value(as_json(name, *all));
    return 0;
  }
  for (const Shown& one : *all) {
    if (&one != &all->front()) context.console().data("\n");
    print(context, name, one);
  }
  return 0;
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
