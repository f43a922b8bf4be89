// vigie evidence …
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/human_act.h"
#include "cli/paging.h"
#include "ledger/verify.h"

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
      context.value(items->front());
      return 0;
    }
  }
  return context.report(Error(ErrorCode::evidence_not_found, {{"name", printable(wanted, 64)}}));
}

json::value report_json(const ledger::VerifyReport& report) {
  json::array problems;
  for (const ledger::Problem& one : report.problems) {
    problems.push_back(json::object{
        {"segment", one.segment}, {"line", one.line}, {"seq", one.seq}, {"what", one.what}});
  }
  return json::object{
      {"result", to_string(report.verdict())}, {"entries", report.entries},
      {"segments", report.segments},           {"bytes", report.size.count},
      {"last_seq", report.last_seq},           {"head", report.head},
      {"problem_count", report.problem_count}, {"acknowledged", report.acknowledged},
      {"torn_bytes", report.torn.count},       {"problems", std::move(problems)}};
}

Cell chain_cell(const ledger::VerifyReport& report) {
  if (report.problem_count > 0) return {"broken", Tone::bad};
  return report.good() ? Cell{"whole", Tone::good} : Cell{"not there yet", Tone::warning};
}

// What is neither good nor broken, in words.
void print_remarks(Console& console, const ledger::VerifyReport& report) {
  if (!report.head.empty()) console.data(fmt::format("  head {}\n", report.head));
  if (report.torn.count > 0) {
    console.data(
        fmt::format("  {} of an entry that never counted, at the end: an append at work, "
                    "or one that was interrupted\n",
                    format_bytes(report.torn)));
  }
  if (report.acknowledged) console.data("  all of the damage was acknowledged\n");
  if (report.segments == 0) {
    console.words("There is no ledger in this folder: nothing was verified");
  } else if (report.verdict() == Verdict::could_not_verify) {
    console.words("The ledger has no entry yet: nothing was verified");
  }
}

void print_report(Console& console, const ledger::VerifyReport& report) {
  const Cell chain = chain_cell(report);
  console.data(fmt::format("{} entries in {} segment{}, {}; the chain is {}\n", report.entries,
                           report.segments, report.segments == 1 ? "" : "s",
                           format_bytes(report.size), console.toned(chain.text, chain.tone)));
  print_remarks(console, report);
  for (const ledger::Problem& one : report.problems) {
    console.data(fmt::format("  {} line {}: {}\n", one.segment, one.line, one.what));
  }
  if (report.problem_count > report.problems.size()) {
    console.data(fmt::format("  and {} more\n", report.problem_count - report.problems.size()));
  }
}

int exit_code_of(Verdict verdict) {
  if (verdict == Verdict::could_not_verify) return 3;
  return verdict == Verdict::passed ? 0 : 1;
}

int evidence_verify(Context& context) {
  std::string folder = context.arguments().option("--ledger").value_or("");
  if (folder.empty()) {
    const auto config = context.config();
    if (!config) return context.report(config.error());
    folder = (*config)->state.dir + "/ledger";
  }
  const auto report = ledger::verify(*context.hooks().files, folder, context.hooks().stop);
  if (!report) {
    const int code = context.report(report.error());
    return report.error().code() == ErrorCode::file_not_found ? 3 : code;  // no ledger, no verdict
  }
  if (!context.as_table()) {
    context.value(report_json(*report));
  } else {
    print_report(context.console(), *report);
  }
  return exit_code_of(report->verdict());
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
       "  vigie evidence show 42\n",
       {{"ID", "An entry's id or its number"}},
       {},
       evidence_show},
      {"evidence verify",
       "Reads the whole ledger and its chain of hashes; needs no daemon",
       "  vigie evidence verify\n  vigie evidence verify --ledger /mnt/copy/ledger\n",
       {},
       {{"--ledger", "FOLDER", "Another folder than that of the configuration"}},
       evidence_verify},
      {"evidence ack",
       "Says that the damage of the ledger was seen; its status passes again",
       "  vigie evidence ack --reason 'disk replaced' --ref OPS-42\n",
       {},
       {reason_option(true), reference_option()},
       evidence_ack},
  };
}

}  // namespace vigie::cli
