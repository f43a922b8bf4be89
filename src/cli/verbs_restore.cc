// vigie restore …
#include <fmt/format.h>

#include <charconv>

#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/human_act.h"
#include "cli/paging.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

int usage(Context& context, std::string reason) {
  return context.report(Error(ErrorCode::usage, {{"reason", std::move(reason)}}));
}

// Nothing when it is no number; the other side knows the range.
std::optional<int64_t> number_of(const std::string& text) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

json::object body_of(const Context& context) {
  const Arguments& arguments = context.arguments();
  json::object body = act_body(context);
  const auto text = [&](std::string_view option, std::string_view member) {
    if (const auto value = arguments.option(option)) body[member] = *value;
  };
  text("--backup", "backup");
  text("--to", "dsn");
  text("--database", "database");
  text("--password-file", "password_file");
  text("--overwrite", "overwrite");
  for (const auto& [option, member] : {std::pair("--globals", "globals"),
                                       {"--no-owner", "no_owner"},
                                       {"--rename", "keep_replaced"}})
    if (arguments.flag(option)) body[member] = true;
  const auto tables = arguments.all("--table");
  if (!tables.empty()) body["tables"] = json::array(tables.begin(), tables.end());
  return body;
}

int restore_run(Context& context) {
  const Arguments& arguments = context.arguments();
  if (arguments.option("--to").has_value() == arguments.option("--database").has_value())
    return usage(context, "Say where to: --to CONNECTION or --database NAME.");
  json::object body = body_of(context);
  if (const auto jobs = arguments.option("--jobs")) {
    const auto number = number_of(*jobs);
    if (!number) return usage(context, "--jobs takes a number.");
    body["jobs"] = *number;
  }
  return start_and_wait(context, {"POST", "/v1/restores", std::move(body)});
}

int restore_list(Context& context) {
  const auto text = [](std::string_view key) {
    return [key](const json::object& entry) {
      const json::object* const subject = find_object(entry, "subject");
      return subject == nullptr ? Cell{"-"} : text_cell(*subject, key);
    };
  };
  const auto rows = [](const json::object& entry) {
    const json::object* const measures = find_object(entry, "measures");
    return measures == nullptr ? Cell{"-"} : count_cell(*measures, "rows");
  };
  return print_pages(
      context, "/v1/evidence?limit=500&kind=restore",
      {{{"ENTRY", true}, [](const json::object& o) { return count_cell(o, "seq"); }},
       {{"AT"}, [](const json::object& o) { return time_cell(o, "started_at"); }},
       {{"BACKUP"}, text("backup")},
       {{"INTO"}, text("target")},
       {{"TOOK", true}, [](const json::object& o) { return seconds_cell(o, "duration_s"); }},
       {{"ROWS", true}, rows},
       {{"RESULT"}, [](const json::object& o) { return verdict_cell(o, "result"); }}},
      "Nothing was ever restored: vigie restore run --backup latest --to CONNECTION");
}

}  // namespace

std::vector<VerbSpec> restore_verbs() {
  return {
      {"restore run",
       "Restores a backup into a database, and compares every row",
       "  vigie restore run --backup latest --to 'host=/run/postgresql dbname=app_copy "
       "user=postgres'\n"
       "  vigie restore run --backup nightly.app-20261120T020000Z --database app --overwrite app "
       "--rename\n",
       {},
       {{"--backup", "ID", "An id, JOB.DATABASE, JOB, or latest: the newest good one", {}, true},
        {"--to", "CONNECTION", "Where to, as dsn: in vigie.yaml; dbname is the new database"},
        {"--database", "NAME", "Where to: one of databases: in vigie.yaml"},
        {"--password-file", "FILE", "The password for --to, alone in a file of mode 0600"},
        {"--table",
         "SCHEMA.NAME",
         "The rows of this table alone; may be repeated",
         {},
         false,
         true},
        {"--jobs", "N", "So many at once (default 2)"},
        {"--globals", "", "The roles too, as far as they do not exist"},
        {"--no-owner", "", "Leave owners and rights out"},
        {"--overwrite", "NAME", "Replace the database of that name, whatever it holds"},
        {"--rename", "", "Keep the database that is replaced, under another name"},
        {"--no-wait", "", "Only start it in the daemon; print the run's id"},
        reason_option(false),
        reference_option()},
       restore_run},
      {"restore list",
       "What was restored, and whether it held what the backup holds",
       "  vigie restore list\n  vigie restore list --output json\n",
       {},
       {},
       restore_list},
  };
}

}  // namespace vigie::cli
