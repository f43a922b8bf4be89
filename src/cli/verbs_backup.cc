// vigie backup …
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/ids.h"
#include "base/nearest.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/human_act.h"
#include "cli/paging.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

const std::string kAllBackups = "/v1/backups?limit=500";

std::string path_of(std::string_view id, std::string_view rest) {
  return fmt::format("/v1/backups/{}{}", percent_encode(id), rest);
}

bool says(const json::object& object, std::string_view key, bool what) {
  const json::value* value = find_value(object, key);
  return value != nullptr && value->is_bool() && value->get_bool() == what;
}

// What is out of the ordinary.
Cell marks_cell(const json::object& backup) {
  std::string marks = says(backup, "pinned", true) ? "pinned" : "";
  if (says(backup, "configured", false)) marks += marks.empty() ? "no job" : ", no job";
  return marks.empty() ? Cell{"", Tone::plain} : Cell{marks, Tone::strong};
}

std::vector<Context::ListColumn> backup_columns() {
  const auto text = [](std::string_view key) {
    return [key](const json::object& o) { return text_cell(o, key); };
  };
  return {{{"ID"}, text("id")},
          {{"TOOK", true}, [](const json::object& o) { return seconds_cell(o, "duration_s"); }},
          {{"ROWS", true}, [](const json::object& o) { return count_cell(o, "rows"); }},
          {{"RAW", true}, [](const json::object& o) { return bytes_cell(o, "raw_bytes"); }},
          {{"STORED", true}, [](const json::object& o) { return bytes_cell(o, "stored_bytes"); }},
          {{"RESULT"}, [](const json::object& o) { return verdict_cell(o, "result"); }},
          {{"VERIFIED"}, [](const json::object& o) { return time_cell(o, "verified_at"); }},
          {{""}, marks_cell}};
}

std::vector<std::string> all_jobs(Context& context) {
  std::vector<std::string> names;
  if (const auto config = context.config())
    for (const config::BackupJob& one : (*config)->backups) names.push_back(one.name());
  return names;
}

// Of a job that was taken out of the configuration there may be backups; of a mistyped one there
// are none.
std::string nothing_fits(Context& context) {
  const auto job = context.arguments().option("--job");
  const std::vector<std::string> jobs = all_jobs(context);
  if (!job || std::ranges::count(jobs, *job) > 0) return "No backup fits.";
  const std::string nearest = nearest_name(*job, jobs);
  return fmt::format("No backup fits, and there is no job {}.{}", printable(*job, 64),
                     nearest.empty() ? "" : fmt::format(" Did you mean {}?", nearest));
}

int backup_list(Context& context) {
  std::string filters;
  for (const char* filter : {"job", "database", "result"}) {
    const auto value = context.arguments().option(std::string("--") + filter);
    if (value) filters += fmt::format("&{}={}", filter, percent_encode(*value));
  }
  return print_pages(
      context, kAllBackups + filters, backup_columns(),
      filters.empty() ? "There is no backup yet: vigie backup run JOB" : nothing_fits(context));
}

Result<std::vector<std::string>> all_ids(Context& context) {
  std::vector<std::string> ids;
  TRY(each_page(context, kAllBackups, [&](const json::array& items) -> Result<> {
    for (const json::value& item : items)
      if (item.is_object()) ids.push_back(text_of(item.get_object(), "id"));
    return {};
  }));
  return ids;
}

// What `missing` looked for by this name.
std::vector<std::string> those_there_are(Context& context, const Error& missing) {
  if (missing.code() == ErrorCode::backup_job_not_found) return all_jobs(context);
  if (missing.code() != ErrorCode::backup_not_found) return {};
  return all_ids(context).value_or(std::vector<std::string>());
}

// The entry of the expiry that removed it; empty: none says so.
std::string expiry_of(Context& context, const std::string& id) {
  if (!BackupId::parse(id)) return {};
  const auto answer =
      context.ask({.target = "/v1/evidence?kind=retention&limit=1&backup=" + percent_encode(id)});
  const json::array* const entries = answer ? find_items(*answer) : nullptr;
  if (entries == nullptr || entries->empty() || !entries->front().is_object()) return {};
  return count_cell(entries->front().get_object(), "seq").text;
}

int report_about(Context& context, const Error& error, const std::string& wanted) {
  const int code = context.report(error);
  if (error.code() == ErrorCode::backup_not_found) {
    const std::string expiry = expiry_of(context, wanted);
    if (!expiry.empty()) {
      context.console().words(fmt::format("  It has expired: vigie evidence show {}", expiry));
      return code;
    }
  }
  const std::string nearest = nearest_name(wanted, those_there_are(context, error));
  if (!nearest.empty()) context.console().words(fmt::format("  Did you mean {}?", nearest));
  return code;
}

// Without a daemon they end with this command, so it waits for them. A backup is none the worse for
// a copy that could not be made.
int wait_for_copies(Context& context, const std::string& id, int code) {
  const auto run = wait_and_print(context, id);
  if (!run) return worse_exit(code, context.report(run.error()));
  const int copied = run_exit_code(*run);
  if (copied == 130) return worse_exit(code, copied);
  if (copied != 0 && !context.as_table())
    context.console().words(
        fmt::format("vigie: the copies could not be brought up to date; next: {}",
                    context.with_our_file("vigie run show " + id)));
  return code;
}

int follow_copies(Context& context, const json::object& run, int code) {
  const json::object* const result = find_object(run, "result");
  const std::string id = result == nullptr ? "" : text_of(*result, "copy_run");
  if (id.empty()) return code;
  const auto alone = context.alone();
  if (alone && *alone) return wait_for_copies(context, id, code);
  if (context.as_table())
    context.console().words(fmt::format("  copies follow in a run of their own: {}",
                                        context.with_our_file("vigie run show " + id)));
  return code;
}

int backup_run(Context& context) {
  const std::string job = context.arguments().operand("JOB");
  return start_and_wait(
      context, {"POST", path_of(job, "/runs"), act_body(context)},
      [&](const Error& error) { return report_about(context, error, job); }, {},
      [&](const json::object& run, int code) { return follow_copies(context, run, code); });
}

int backup_copy(Context& context) {
  const std::string job = context.arguments().operand("JOB");
  return start_and_wait(context, {"POST", path_of(job, "/copies"), act_body(context)},
                        [&](const Error& error) { return report_about(context, error, job); });
}

// For people without the manifest, which may name thousands of tables.
int backup_show(Context& context) {
  const std::string id = context.arguments().operand("ID");
  auto value = context.ask({.target = path_of(id, "")});
  if (!value) return report_about(context, value.error(), id);
  if (!context.as_table() || !value->is_object()) {
    context.value(*value);
    return 0;
  }
  json::object& backup = value->get_object();
  backup.erase("manifest");
  context.console().data(text_of(backup, "id") + "\n");
  context.fields(backup);
  context.console().words("  -o json shows its manifest as well");
  return 0;
}

Ask verification_of(Context& context, const std::string& id) {
  json::object body = act_body(context);
  body["mode"] = context.arguments().flag("--quick") ? "quick" : "full";
  return {"POST", path_of(id, "/verifications"), std::move(body)};
}

int verify_one(Context& context, const std::string& id) {
  return start_and_wait(context, verification_of(context, id),
                        [&](const Error& error) { return report_about(context, error, id); });
}

int verify_all(Context& context) {
  const auto ids = all_ids(context);
  if (!ids) return context.report(ids.error());
  if (ids->empty()) context.console().words("There is no backup yet: vigie backup run JOB");
  // One array of all runs; as a table, each is printed when it has ended.
  ListPrinter runs(context.console(), context.arguments().output, {});
  int worst = 0;
  for (const std::string& id : *ids) {
    if (context.hooks().stop.stop_requested()) worst = 130;
    if (worst == 130) break;
    const auto report = [&](const Error& error) {
      if (error.code() != ErrorCode::backup_not_found) return context.report(error);
      context.console().words(fmt::format("{}: it has expired meanwhile", id));
      return 0;
    };
    const int code = start_and_wait(context, verification_of(context, id), report,
                                    [&](const json::value& run) { runs.add({run}); });
    worst = worse_exit(worst, code);
  }
  runs.end("");
  return worst;
}

int backup_verify(Context& context) {
  const std::string id = context.arguments().operand("ID");
  const bool all = context.arguments().flag("--all");
  // The daemon lets one verification of a job wait behind another, and no more.
  if (all && context.arguments().flag("--no-wait"))
    return context.report(Error(
        ErrorCode::usage, {{"reason",
                            "--all reads one backup after another, and waits for each: leave out "
                            "--no-wait."}}));
  if (all) return verify_all(context);
  if (!id.empty()) return verify_one(context, id);
  return context.report(Error(ErrorCode::usage, {{"reason", "Name a backup, or say --all."}}));
}

std::string joined(const json::array& words) {
  std::string out;
  for (const json::value& word : words) {
    if (!out.empty()) out += "; ";
    out += word.is_string() ? printable(word.get_string()) : "";
  }
  return out;
}

int print_plan(Context& context) {
  const auto job = context.arguments().option("--job");
  const auto value =
      context.ask({.target = "/v1/retention/plan" + (job ? "?job=" + percent_encode(*job) : "")});
  if (!value) return report_about(context, value.error(), job.value_or(""));
  const json::array* items = find_items(*value);
  const auto decision = [](const json::object& o) {
    const bool keep = text_of(o, "decision") == "keep";
    return Cell{keep ? "keep" : "expire", keep ? Tone::good : Tone::warning};
  };
  const auto reasons = [](const json::object& o) {
    const json::array* words = find_array(o, "reasons");
    return Cell{words == nullptr ? "" : joined(*words)};
  };
  context.list(
      items == nullptr ? json::array() : *items,
      {{{"ID"}, [](const json::object& o) { return text_cell(o, "id"); }},
       {{"STORED", true}, [](const json::object& o) { return bytes_cell(o, "stored_bytes"); }},
       {{"DECISION"}, decision},
       {{"WHY"}, reasons}},
      "There is no backup yet: nothing expires.");
  return 0;
}

int backup_prune(Context& context) {
  if (context.arguments().flag("--dry-run")) return print_plan(context);
  json::object body = act_body(context);
  const auto job = context.arguments().option("--job");
  if (job) body["job"] = *job;
  return start_and_wait(
      context, {"POST", "/v1/retention/runs", std::move(body)},
      [&](const Error& error) { return report_about(context, error, job.value_or("")); });
}

int act_on(Context& context, const std::string& id, std::string_view method, std::string_view rest,
           std::string_view done, const ShowFn& show = {}) {
  const auto value = context.ask({std::string(method), path_of(id, rest), act_body(context)});
  if (!value) return report_about(context, value.error(), id);
  if (context.as_table()) {
    context.console().words(fmt::format("{} {}", id, done));
  } else if (show) {
    show(*value);
  } else {
    context.value(*value);
  }
  return 0;
}

int act_on_backup(Context& context, std::string_view method, std::string_view rest,
                  std::string_view done) {
  return act_on(context, context.arguments().operand("ID"), method, rest, done);
}

int backup_pin(Context& context) {
  return act_on_backup(context, "PUT", "/pin", "is pinned: nothing expires it");
}
int backup_unpin(Context& context) {
  return act_on_backup(context, "DELETE", "/pin", "is no longer pinned");
}
int store_adopt(Context& context) {
  const std::string name = context.arguments().operand("NAME");
  const auto value =
      context.ask({"POST", "/v1/stores/" + percent_encode(name) + "/adoption", act_body(context)});
  if (!value) return context.report(value.error());
  if (context.as_table()) {
    context.console().words(fmt::format("{} belongs to this state folder from now on", name));
  } else {
    context.value(*value);
  }
  return 0;
}

Result<std::vector<std::string>> lost_ids(Context& context) {
  TRY_ASSIGN(const auto status, context.ask({.target = "/backups/status"}));
  std::vector<std::string> ids;
  const json::object* const document = status.if_object();
  const json::object* const data = document == nullptr ? nullptr : find_object(*document, "data");
  const json::array* const lost = data == nullptr ? nullptr : find_array(*data, "lost");
  if (lost == nullptr) return ids;
  for (const json::value& one : *lost)
    if (one.is_object()) ids.push_back(text_of(one.get_object(), "backup_id"));
  return ids;
}

constexpr std::string_view kGivenUp = "is given up as lost";

// A store that is gone for good takes hundreds with it.
int acknowledge_lost(Context& context) {
  const auto ids = lost_ids(context);
  if (!ids) return context.report(ids.error());
  if (ids->empty()) context.console().words("No backup is lost.");
  ListPrinter answers(context.console(), context.arguments().output, {});
  int worst = 0;
  for (const std::string& id : *ids) {
    if (context.hooks().stop.stop_requested()) worst = 130;
    if (worst == 130) break;
    const int code = act_on(context, id, "POST", "/loss", kGivenUp,
                            [&](const json::value& answer) { answers.add({answer}); });
    worst = worse_exit(worst, code);
  }
  answers.end("");
  return worst;
}

int backup_ack(Context& context) {
  const std::string id = context.arguments().operand("ID");
  const bool lost = context.arguments().flag("--lost");
  if (!lost && id.empty())
    return context.report(Error(ErrorCode::usage, {{"reason", "Name a backup, or say --lost."}}));
  if (id.empty()) return acknowledge_lost(context);
  return lost ? act_on(context, id, "POST", "/loss", kGivenUp)
              : act_on(context, id, "POST", "/acknowledgement", "is acknowledged");
}

const OptionSpec kNoWait{"--no-wait", "", "Only start it in the daemon; print the run's id"};
const OperandSpec kJob{"JOB", "A job of backups: in vigie.yaml"};
const OperandSpec kBackup{"ID", "A backup: JOB.DATABASE-20261120T020000Z"};

std::vector<VerbSpec> run_verbs() {
  return {
      {"backup run",
       "Takes, seals and verifies a backup now; its copies follow in a run of their own",
       "  vigie backup run nightly\n  vigie backup run nightly --reason 'before the migration' "
       "--ref OPS-42\n",
       {kJob},
       {kNoWait, reason_option(false), reference_option()},
       backup_run},
  };
}

std::vector<VerbSpec> looking_verbs() {
  return {
      {"backup list",
       "The backups that there are, newest first",
       "  vigie backup list\n  vigie backup list --job nightly --output json\n",
       {},
       {{"--job", "JOB", "Only this job's"},
        {"--database", "NAME", "Only of this database"},
        {"--result", "RESULT", "Only these", "passed|failed|could_not_verify"}},
       backup_list},
      {"backup show",
       "Everything about one backup, with its manifest",
       "  vigie backup show nightly.app-20261120T020000Z\n",
       {kBackup},
       {},
       backup_show},
      {"backup verify",
       "Reads a backup again: hashes, decompression, rows, fingerprints",
       "  vigie backup verify nightly.app-20261120T020000Z\n  vigie backup verify --all --quick\n",
       {{kBackup.name, kBackup.help, false}},
       {{"--quick", "", "Only presence, sizes and the manifest"},
        {"--all", "", "Every backup, one after another"},
        kNoWait,
        reason_option(false),
        reference_option()},
       backup_verify},
      {"backup copy",
       "Brings a job's copies in its further stores up to date, and reads them back",
       "  vigie backup copy nightly\n",
       {kJob},
       {kNoWait, reason_option(false), reference_option()},
       backup_copy},
  };
}

std::vector<VerbSpec> keeping_verbs() {
  const std::vector<OptionSpec> why{reason_option(true), reference_option()};
  return {
      {"backup prune",
       "Removes what retention no longer keeps",
       "  vigie backup prune --dry-run\n  vigie backup prune --job nightly\n",
       {},
       {{"--dry-run", "", "Only print the plan, with a reason for each"},
        {"--job", "JOB", "Only this job's"},
        kNoWait,
        reason_option(false),
        reference_option()},
       backup_prune},
      {"backup pin",
       "Keeps a backup whatever retention says",
       "  vigie backup pin nightly.app-20261120T020000Z --reason 'year end'\n",
       {kBackup},
       why,
       backup_pin},
      {"backup unpin",
       "Gives a pinned backup back to retention",
       "  vigie backup unpin nightly.app-20261120T020000Z --reason 'audit is over'\n",
       {kBackup},
       why,
       backup_unpin},
      {"backup ack",
       "Acknowledges a backup that does not fit the one before, so that retention goes on, or a "
       "lost one; gives up a damaged copy that nothing good is left of",
       "  vigie backup ack nightly.app-20261120T020000Z --reason 'old orders were archived'\n  "
       "vigie backup ack --lost --reason 'the old disk is gone'\n",
       {{kBackup.name, kBackup.help, false}},
       {{"--lost", "",
         "The backup is lost for good; without ID, every one that is gone from its store"},
        reason_option(true),
        reference_option()},
       backup_ack},
      {"store adopt",
       "Says that a store belongs to this state folder from now on",
       "  vigie store adopt local --reason 'the host was lost' --ref OPS-42\n",
       {{"NAME", "A store of the configuration"}},
       {reason_option(true), reference_option()},
       store_adopt},
  };
}

}  // namespace

std::vector<VerbSpec> backup_verbs() {
  std::vector<VerbSpec> all = run_verbs();
  for (const auto& part : {looking_verbs(), keeping_verbs()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace vigie::cli
