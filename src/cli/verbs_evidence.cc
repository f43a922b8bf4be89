// vigie evidence …
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/evidence.h"
#include "cli/human_act.h"
#include "cli/paging.h"
#include "cli/restore_origin.h"
#include "jobs/kept_logs.h"
#include "ledger/named_log.h"

namespace vigie::cli {
namespace {

constexpr size_t kPage = 500;

std::string filtered_target(const Arguments& arguments) {
  std::string target = fmt::format("/v1/evidence?limit={}", kPage);
  for (const char* filter : {"kind", "backup", "from", "to"}) {
    const auto value = arguments.option(std::string("--") + filter);
    if (value) target += fmt::format("&{}={}", filter, percent_encode(*value));
  }
  return target;
}

Cell subject_cell(const json::object& entry) {
  const json::object* subject = find_object(entry, "subject");
  if (subject == nullptr || subject->empty()) return {"-", Tone::dim};
  for (const char* key : {"backup", "job", "database", "token", "run"}) {
    if (const Cell cell = text_cell(*subject, key); cell.text != "-") return cell;
  }
  return {"-", Tone::dim};
}

// One kind may hold an act and its contrary.
Cell kind_cell(const json::object& entry) {
  Cell kind = text_cell(entry, "kind");
  const json::object* subject = find_object(entry, "subject");
  const std::string act = subject == nullptr ? "" : text_of(*subject, "act");
  if (!act.empty()) kind.text += fmt::format(" ({})", printable(act, 40));
  return kind;
}

Cell run_cell(const json::object& entry) {
  const json::object* trigger = find_object(entry, "trigger");
  return trigger == nullptr ? Cell{"-", Tone::dim} : text_cell(*trigger, "run_id");
}

int evidence_list(Context& context) {
  return print_pages(
      context, filtered_target(context.arguments()),
      {{{"SEQ", true}, [](const json::object& o) { return count_cell(o, "seq"); }},
       {{"ENDED"}, [](const json::object& o) { return time_cell(o, "ended_at"); }},
       {{"KIND"}, kind_cell},
       {{"RESULT"}, [](const json::object& o) { return verdict_cell(o, "result"); }},
       {{"TOOK", true}, [](const json::object& o) { return seconds_cell(o, "duration_s"); }},
       {{"CODE"}, [](const json::object& o) { return text_cell(o, "error_code"); }},
       {{"OF"}, subject_cell},
       {{"RUN"}, run_cell}},
      "No entry fits.");
}

// An id has 32 hexadecimal digits; what is shorter and a number is an entry's place in the ledger.
std::optional<uint64_t> as_seq(std::string_view text) {
  uint64_t seq = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, seq);
  const bool whole = failure == std::errc() && stop == end;
  return whole && text.size() < 32 && seq > 0 ? std::optional(seq) : std::nullopt;
}

// The log of the entry's run, as it lies on this host now.
int show_log(Context& context, const json::object& entry) {
  const auto named = ledger::named_log(entry);
  if (!named)
    return context.report(
        Error(ErrorCode::evidence_not_found,
              {{"name", fmt::format("{} with a log", count_cell(entry, "seq").text)}}));
  const auto config = context.config();
  if (!config) return context.report(config.error());
  const auto folders = jobs::LogFolders::of((*config)->state.dir);
  const auto text = jobs::read_run_log(*context.hooks().files, folders, named->run);
  if (!text) return context.report(text.error());
  if (!*text)
    return context.report(
        Error(ErrorCode::file_not_found, {{"path", "the log of run " + named->run.str()}}));
  context.console().data(**text);
  if (jobs::holds_log(**text, named->log.bytes, named->log.sha256)) return 0;
  context.console().words("This is not the log that the entry names: it was changed");
  return 1;
}

int evidence_show(Context& context) {
  const std::string wanted = context.arguments().operand("ID");
  const auto seq = as_seq(wanted);
  const auto value = context.ask(
      {.target = seq ? fmt::format("/v1/evidence?limit=1&cursor={}", *seq - 1)
                     : fmt::format("/v1/evidence?limit=1&id={}", percent_encode(wanted))});
  if (!value) return context.report(value.error());
  const json::array* items = find_items(*value);
  // The entry behind a cursor is the next one that there is: perhaps not the one that was asked
  // for.
  if (items != nullptr && !items->empty() && items->front().is_object()) {
    if (!seq || count_cell(items->front().get_object(), "seq").text == wanted) {
      if (context.arguments().flag("--log")) return show_log(context, items->front().get_object());
      context.value(items->front());
      return 0;
    }
  }
  return context.report(Error(ErrorCode::evidence_not_found, {{"name", printable(wanted, 64)}}));
}

int evidence_ack(Context& context) {
  const auto value = context.ask({"POST", "/v1/evidence/acknowledgement", act_body(context)});
  if (!value) return context.report(value.error());
  if (context.as_table()) {
    context.console().words(
        "The damage of the ledger is acknowledged; the chain goes on behind it");
  } else {
    context.value(*value);
  }
  return 0;
}

int evidence_rotate_key(Context& context) {
  const auto value = context.ask({"POST", "/v1/evidence/key", act_body(context)});
  if (!value) return context.report(value.error());
  if (!context.as_table()) {
    context.value(*value);
    return 0;
  }
  const json::object empty;
  const json::object& change = value->is_object() ? value->get_object() : empty;
  context.console().words(fmt::format(
      "Checkpoints are signed with the key {} from now on; it was introduced by the key {}. Keep a "
      "copy of ledger.pub elsewhere",
      text_of(change, "new_key_id"), text_of(change, "old_key_id")));
  return 0;
}

std::vector<OptionSpec> verify_options() {
  std::vector<OptionSpec> options{
      {"--ledger", "FOLDER", "The same"},
      {"--from", "PLACE",
       "The copy in a store, a folder or s3://BUCKET/PREFIX; with FOLDER: that ledger, held "
       "against "
       "the checkpoints of the copy"},
      {"--owner", "ID", "With --from: whose copy, when several state folders have had the store"},
      {"--export", "FILE", "An export as JSON in the place of a ledger"},
      {"--public-key", "FILE",
       "The key that checkpoints must be signed with, known from elsewhere"}};
  const auto bucket = bucket_options();
  options.insert(options.begin() + 3, bucket.begin(), bucket.end());
  return options;
}

}  // namespace

std::vector<VerbSpec> evidence_verbs() {
  return {
      {"evidence list",
       "What happened, oldest first: backups, verifications, expiry, human acts",
       "  vigie evidence list --kind backup --from 2026-11-01T00:00:00Z\n  vigie evidence list -o "
       "jsonl | jq .result\n",
       {},
       {{"--kind", "KIND", "Only entries of this kind"},
        {"--backup", "ID", "Only entries about this backup"},
        {"--from", "TIME", "Ended at or after (RFC 3339)"},
        {"--to", "TIME", "Ended at or before (RFC 3339)"}},
       evidence_list},
      {"evidence show",
       "One entry, whole",
       "  vigie evidence show 42\n  vigie evidence show 42 --log\n",
       {{"ID", "An entry's id or its number"}},
       {{"--log", "", "The log of its run instead, held against the hash that the entry names"}},
       evidence_show},
      {"evidence verify",
       "Reads the whole ledger, its chain of hashes and its signed checkpoints; needs no daemon",
       "  vigie evidence verify\n  vigie evidence verify /mnt/copy --public-key ledger.pub\n"
       "  vigie evidence verify --from s3://backups/vigie --s3-endpoint https://s3.example.org "
       "--s3-credentials bucket.key\n  vigie evidence verify --from /mnt/store --ledger "
       "/var/lib/vigie/ledger\n",
       {{"FOLDER", "A copy: the folder that holds ledger/, or ledger/ itself", false}},
       verify_options(),
       evidence_verify},
      {"evidence export",
       "One file for an auditor: what happened in a period, to read, to print or to verify",
       "  vigie evidence export --from 2026-01-01T00:00:00Z --to 2026-04-01T00:00:00Z --file "
       "q1.html\n"
       "  vigie evidence export --format json --file all.json\n",
       {},
       {{"--format", "FORMAT", "html to read and print, csv for a spreadsheet, json to verify",
         "html|csv|json"},
        {"--from", "TIME", "Ended at or after (RFC 3339)"},
        {"--to", "TIME", "Ended at or before (RFC 3339)"},
        {"--kind", "KIND", "Only entries of this kind"},
        {"--file", "OUT", "A new file; - or left out: stdout"}},
       evidence_export},
      evidence_record_verb(),
      {"evidence rotate-key",
       "Replaces the key that signs checkpoints; the old one introduces it",
       "  vigie evidence rotate-key --reason 'yearly' --ref OPS-42\n",
       {},
       {reason_option(true), reference_option()},
       evidence_rotate_key},
      {"evidence ack",
       "Says that the damage of the ledger was seen; its status passes again",
       "  vigie evidence ack --reason 'disk replaced' --ref OPS-42\n",
       {},
       {reason_option(true), reference_option()},
       evidence_ack},
  };
}

}  // namespace vigie::cli
