// vigie evidence verify
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "cli/cells.h"
#include "cli/evidence.h"
#include "cli/evidence_logs.h"
#include "cli/restore_origin.h"
#include "ledger/export_verify.h"
#include "ledger/signed_verify.h"
#include "store/evidence_files.h"

namespace vigie::cli {
namespace {

json::array problems_json(const std::vector<ledger::Problem>& all) {
  json::array problems;
  for (const ledger::Problem& one : all) {
    problems.push_back(json::object{
        {"segment", one.segment}, {"line", one.line}, {"seq", one.seq}, {"what", one.what}});
  }
  return problems;
}

json::value newest_json(const ledger::Checkpoint& newest) {
  if (newest.size == 0) return nullptr;
  return json::object{{"size", newest.size},
                      {"head", newest.head},
                      {"at", format_rfc3339(newest.at)},
                      {"key_id", newest.key_id},
                      {"sig", newest.signature}};
}

json::object checkpoints_json(const ledger::SignedReport& report) {
  const ledger::CheckpointReport& found = report.checkpoints;
  return {{"there", found.there},
          {"checkpoints", found.checkpoints},
          {"matched", found.matched},
          {"key_id", found.key_id.empty() ? json::value(nullptr) : json::value(found.key_id)},
          {"key_given", report.key_given},
          {"trusted", found.trusted},
          {"newest", newest_json(found.newest)},
          {"problem_count", found.problem_count},
          {"problems", problems_json(found.problems)}};
}

struct Report {
  ledger::SignedReport ledger;
  LogReport logs;

  Verdict verdict() const { return logs.problem_count > 0 ? Verdict::failed : ledger.verdict(); }
};

json::value report_json(const Report& whole) {
  const ledger::SignedReport& all = whole.ledger;
  const ledger::VerifyReport& report = all.ledger;
  return json::object{
      {"result", to_string(whole.verdict())},  {"entries", report.entries},
      {"segments", report.segments},           {"bytes", report.size.count},
      {"last_seq", report.last_seq},           {"head", report.head},
      {"problem_count", report.problem_count}, {"acknowledged", report.acknowledged},
      {"torn_bytes", report.torn.count},       {"problems", problems_json(report.problems)},
      {"checkpoints", checkpoints_json(all)},  {"run_logs", to_json(whole.logs)}};
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

void print_problems(Console& console, const std::vector<ledger::Problem>& problems,
                    uint64_t count) {
  for (const ledger::Problem& one : problems) {
    const std::string line = one.line > 0 ? fmt::format(" line {}", one.line) : "";
    console.data(fmt::format("  {}{}: {}\n", one.segment, line, one.what));
  }
  if (count > problems.size())
    console.data(fmt::format("  and {} more\n", count - problems.size()));
}

std::string_view trust_of(const ledger::SignedReport& report) {
  if (report.checkpoints.trusted) return "the key that was given signs them";
  return report.key_given ? "the key that was given does not sign them"
                          : "worth as much as the key: give the one that you know, --public-key";
}

Cell checkpoints_cell(const ledger::CheckpointReport& found) {
  if (found.problem_count > 0) return {"do not fit", Tone::bad};
  return {"fit", Tone::good};
}

void print_checkpoints(Console& console, const ledger::SignedReport& report) {
  const ledger::CheckpointReport& found = report.checkpoints;
  if (found.checkpoints == 0 && found.problem_count == 0) {
    if (report.key_given) console.words("There is no checkpoint: nothing shows a cut tail");
    return;
  }
  const Cell cell = checkpoints_cell(found);
  console.data(fmt::format("{} checkpoint{} of key {}: they {}; {}\n", found.checkpoints,
                           found.checkpoints == 1 ? "" : "s",
                           found.key_id.empty() ? "?" : found.key_id,
                           console.toned(cell.text, cell.tone), trust_of(report)));
  if (found.newest.size > 0) {
    console.data(fmt::format("  the newest, of {}, covers the entries up to {}\n",
                             format_rfc3339(found.newest.at), found.newest.size));
  }
  print_problems(console, found.problems, found.problem_count);
}

void print_report(Console& console, const Report& whole) {
  const ledger::SignedReport& all = whole.ledger;
  const ledger::VerifyReport& report = all.ledger;
  const Cell chain = chain_cell(report);
  console.data(fmt::format("{} entries in {} segment{}, {}; the chain is {}\n", report.entries,
                           report.segments, report.segments == 1 ? "" : "s",
                           format_bytes(report.size), console.toned(chain.text, chain.tone)));
  print_remarks(console, report);
  print_problems(console, report.problems, report.problem_count);
  print_checkpoints(console, all);
  print(console, whole.logs);
}

bool names_a_folder(Context& context) {
  return !context.arguments().operand("FOLDER").empty() ||
         context.arguments().option("--ledger").has_value();
}

Result<std::string> folder_of(Context& context) {
  const std::string given = context.arguments().operand("FOLDER");
  const auto option = context.arguments().option("--ledger");
  if (!given.empty() && option)
    return fail(ErrorCode::usage, {{"reason", "FOLDER and --ledger are the same: say one."}});
  if (!given.empty()) return given;
  if (option) return *option;
  TRY_ASSIGN(const config::Config* const config, context.config());
  return config->state.dir + "/ledger";
}

Result<std::optional<ledger::PublicKey>> given_key(Context& context) {
  const auto file = context.arguments().option("--public-key");
  if (!file) return std::optional<ledger::PublicKey>();
  TRY_ASSIGN(auto key, ledger::read_public_key(*context.hooks().files, *file));
  return std::optional(key);
}

// Which copy of those in a store: a store that changed hands holds several.
Result<std::string> owner_of(Context& context, platform::FileSystem& copies) {
  const auto owners = store::evidence_owners(copies);
  const std::string wanted = context.arguments().option("--owner").value_or("");
  if (owners.empty())
    return fail(ErrorCode::file_not_found, {{"path", std::string(store::kEvidenceFolder)}});
  if (wanted.empty() && owners.size() == 1) return owners.front();
  if (std::ranges::find(owners, wanted) != owners.end()) return wanted;
  return fail(
      ErrorCode::usage,
      {{"reason", fmt::format("Say whose copy it is, --owner: here lie those of {}.",
                              printable(fmt::format("{}", fmt::join(owners, ", ")), 400))}});
}

Result<Report> verified_at(Context& context, platform::FileSystem& files,
                           const ledger::LedgerPlace& place,
                           const std::optional<ledger::PublicKey>& key) {
  LogChecker logs(files, place.ledger.parent_path());
  TRY_ASSIGN(auto report,
             ledger::verify_signed(files, place, key, context.hooks().stop,
                                   [&](const ledger::LineView& entry) { logs.see(entry); }));
  return Report{std::move(report), logs.report()};
}

// The copy in a store; or the ledger of this host, held against the checkpoints of that copy.
Result<Report> verified_from_store(Context& context, const std::optional<ledger::PublicKey>& key) {
  TRY_ASSIGN(const Origin origin, origin_of(context));
  TRY_ASSIGN(const auto copies, store::evidence_files(origin.store));
  TRY_ASSIGN(const std::string owner, owner_of(context, *copies));
  ledger::LedgerPlace place = ledger::place_of(*copies, platform::Path("/") / owner);
  if (!names_a_folder(context)) return verified_at(context, *copies, place, key);
  platform::FileSystem& files = *context.hooks().files;
  TRY_ASSIGN(const std::string folder, folder_of(context));
  place.ledger = ledger::place_of(files, folder).ledger;
  place.beside = copies.get();
  return verified_at(context, files, place, key);
}

Result<Report> verified(Context& context) {
  platform::FileSystem& files = *context.hooks().files;
  TRY_ASSIGN(const auto key, given_key(context));
  if (context.arguments().option("--from")) return verified_from_store(context, key);
  TRY_ASSIGN(const std::string folder, folder_of(context));
  return verified_at(context, files, ledger::place_of(files, folder), key);
}

json::value export_json(const ledger::ExportReport& report, bool key_given) {
  return json::object{{"result", to_string(report.verdict(key_given))},
                      {"entries", report.entries},
                      {"gaps", report.gaps},
                      {"vouched", report.vouched},
                      {"key_given", key_given},
                      {"trusted", report.signed_by_key},
                      {"checkpoint", newest_json(report.checkpoint)},
                      {"problem_count", report.problem_count},
                      {"problems", problems_json(report.problems)}};
}

void print_export(Console& console, const ledger::ExportReport& report, bool key_given) {
  const bool good = report.problem_count == 0;
  console.data(fmt::format("{} entries; {}\n", report.entries,
                           good ? console.toned("each is what its hash says", Tone::good)
                                : console.toned("not what was exported", Tone::bad)));
  if (report.gaps > 0)
    console.data(fmt::format("  entries of the ledger are left out in {} places\n", report.gaps));
  if (report.reached && report.signed_by_key) {
    console.data(
        fmt::format("  the checkpoint of entry {}, signed with the given key, vouches for "
                    "{} of them\n",
                    report.checkpoint.size, report.vouched));
  } else if (good) {
    console.words(key_given ? "No checkpoint of the given key reaches these entries"
                            : "Without --public-key nothing shows that they were not made up");
  }
  for (const ledger::Problem& one : report.problems)
    console.data(fmt::format("  line {}: {}\n", one.line, one.what));
}

// 3 when every hash fits, and the key that was given vouches for a part only.
int verify_exported(Context& context, const std::string& file) {
  const auto key = given_key(context);
  if (!key) return context.report(key.error());
  const auto report =
      ledger::verify_export(*context.hooks().files, file, *key, context.hooks().stop);
  if (!report) return context.report(report.error());
  if (context.as_table())
    print_export(context.console(), *report, key->has_value());
  else
    context.value(export_json(*report, key->has_value()));
  return exit_code_of(report->verdict(key->has_value()));
}

}  // namespace

int exit_code_of(Verdict verdict) {
  if (verdict == Verdict::could_not_verify) return 3;
  return verdict == Verdict::passed ? 0 : 1;
}

int evidence_verify(Context& context) {
  if (const auto file = context.arguments().option("--export"))
    return verify_exported(context, *file);
  const auto report = verified(context);
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

}  // namespace vigie::cli
