// vigie restore …
#include <fmt/format.h>

#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/human_act.h"
#include "cli/numbers.h"
#include "cli/paging.h"
#include "cli/restore_from.h"
#include "cli/restore_origin.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

int usage(Context& context, std::string reason) {
  return context.report(Error(ErrorCode::usage, {{"reason", std::move(reason)}}));
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
  // The daemon has another working folder.
  for (const auto& [option, member] :
       {std::pair("--password-file", "password_file"), {"--identity", "identity_file"}})
    if (const auto file = arguments.option(option))
      body[member] = std::filesystem::absolute(*file).string();
  text("--overwrite", "overwrite");
  for (const auto& [option, member] : {std::pair("--globals", "globals"),
                                       {"--no-owner", "no_owner"},
                                       {"--rename", "keep_replaced"}})
    if (arguments.flag(option)) body[member] = true;
  const auto tables = arguments.all("--table");
  if (!tables.empty()) body["tables"] = json::array(tables.begin(), tables.end());
  return body;
}

int ask_for(Context& context, const char* target) {
  const Arguments& arguments = context.arguments();
  if (!arguments.option("--backup"))
    return usage(context, "Name a backup: --backup ID, or --backup latest.");
  if (arguments.option("--to").has_value() == arguments.option("--database").has_value())
    return usage(context, "Say where to: --to CONNECTION or --database NAME.");
  json::object body = body_of(context);
  if (const auto jobs = arguments.option("--jobs")) {
    const auto number = whole_number(*jobs);
    if (!number) return usage(context, "--jobs takes a number.");
    body["jobs"] = *number;
  }
  return start_and_wait(context, {"POST", target, std::move(body)});
}

int restore_run(Context& context) {
  if (context.arguments().option("--from")) return restore_from(context, FromWhat::restore);
  return ask_for(context, "/v1/restores");
}

int restore_plan(Context& context) {
  if (context.arguments().option("--from")) return restore_from(context, FromWhat::plan);
  return ask_for(context, "/v1/restores/plan");
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

// What a restore and its plan are told alike.
std::vector<OptionSpec> where_and_what() {
  std::vector<OptionSpec> options{
      {"--backup", "ID", "An id, JOB.DATABASE, JOB, or latest: the newest good one"},
      {"--from", "PLACE",
       "A folder of artefacts, or s3://BUCKET/PREFIX, where there is neither configuration nor "
       "state: after a lost host"},
      {"--to", "CONNECTION", "Where to, as dsn: in vigie.yaml; dbname is the new database"},
      {"--database", "NAME", "Where to: one of databases: in vigie.yaml"},
      {"--password-file", "FILE", "The password for --to, alone in a file of mode 0600"},
      {"--identity", "FILE",
       "The private key (age) of an encrypted backup, in a file of mode 0600"},
      {"--table", "SCHEMA.NAME", "The rows of this table alone; may be repeated", {}, false, true},
      {"--jobs", "N", "So many at once (default 2)"},
      {"--globals", "", "The roles too, as far as they do not exist"},
      {"--no-owner", "", "Leave owners and rights out"},
      {"--overwrite", "NAME", "Replace the database of that name, whatever it holds"},
      {"--rename", "", "Keep the database that is replaced, under another name"},
      {"--work-dir", "DIR", "With --from: where it is unpacked (default /var/tmp)"},
      {"--bindir", "DIR",
       "With --from: the client programs of the server's major, where they are not Debian's"}};
  const auto bucket = bucket_options();
  options.insert(options.begin() + 2, bucket.begin(), bucket.end());
  return options;
}

std::vector<OptionSpec> with_waiting(std::vector<OptionSpec> options) {
  options.push_back({"--no-wait", "", "Only start it in the daemon; print the run's id"});
  options.push_back(reason_option(false));
  options.push_back(reference_option());
  return options;
}

}  // namespace

std::vector<VerbSpec> restore_verbs() {
  return {
      {"restore run",
       "Restores a backup into a database, and compares every row",
       "  vigie restore run --backup latest --to 'host=/run/postgresql dbname=app_copy "
       "user=postgres'\n"
       "  vigie restore run --backup nightly.app-20261120T020000Z --database app --overwrite app "
       "--rename\n"
       "  vigie restore run --from /mnt/rescue/artefacts --globals --to 'host=/run/postgresql "
       "dbname=app "
       "user=postgres'\n"
       "  vigie restore run --from s3://backups/vigie --s3-endpoint https://s3.example.org "
       "--s3-credentials bucket.key --globals --to 'host=/run/postgresql dbname=app "
       "user=postgres'\n",
       {},
       with_waiting(where_and_what()),
       restore_run},
      {"restore plan",
       "What a restore would do, and whether it would be refused; changes nothing",
       "  vigie restore plan --backup latest --to 'host=/run/postgresql dbname=app "
       "user=postgres'\n",
       {},
       where_and_what(),
       restore_plan},
      {"restore list",
       "What was restored, and whether it held what the backup holds",
       "  vigie restore list\n  vigie restore list --output json\n",
       {},
       {},
       restore_list},
  };
}

}  // namespace vigie::cli
