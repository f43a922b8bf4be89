// vigie durability …
#include <fmt/format.h>

#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/entry_print.h"
#include "cli/human_act.h"
#include "cli/run_wait.h"

namespace vigie::cli {
namespace {

// What is typed has to say whom it hurts; a proof that observes hurts nobody.
int durability_run(Context& context) {
  const Arguments& arguments = context.arguments();
  json::object body = act_body(context);
  body["interrupt"] = arguments.option("--yes-interrupt").value_or("");
  return start_and_wait(
      context,
      {"POST", fmt::format("/v1/durability/{}/runs", percent_encode(arguments.operand("PROOF"))),
       std::move(body)});
}

Result<json::array> all_proofs(Context& context) {
  TRY_ASSIGN(const auto report, context.ask({.target = "/restore/status"}));
  const json::object* const data = find_object(report.as_object(), "data");
  const json::array* const proofs = data == nullptr ? nullptr : find_array(*data, "durability");
  return proofs == nullptr ? json::array() : *proofs;
}

// Of a proof that observes: its witness wrote it.
Cell last_row_cell(const json::object& proof) {
  const json::object* const observer = find_object(proof, "observer");
  return time_cell(observer == nullptr ? json::object() : *observer, "last_row_at");
}

std::string never_run_words(const json::object& proof, const std::string& name) {
  if (text_of(proof, "mode") == "observe")
    return fmt::format("{} has seen no restart of the server yet; its last row: {}", name,
                       last_row_cell(proof).text);
  return fmt::format("{0} was never run: vigie durability run {0} --yes-interrupt DATABASE", name);
}

int durability_list(Context& context) {
  const auto proofs = all_proofs(context);
  if (!proofs) return context.report(proofs.error());
  const auto text = [](std::string_view key) {
    return [key](const json::object& o) { return text_cell(o, key); };
  };
  const auto count = [](std::string_view key) {
    return [key](const json::object& o) { return count_cell(o, key); };
  };
  context.list(*proofs,
               {{{"PROOF"}, text("name")},
                {{"DATABASE"}, text("database")},
                {{"FAULT"}, text("fault")},
                {{"LAST"}, [](const json::object& o) { return time_cell(o, "at"); }},
                {{"DOWN", true}, [](const json::object& o) { return seconds_cell(o, "down_s"); }},
                {{"ACKNOWLEDGED", true}, count("acknowledged")},
                {{"LOST", true}, count("lost")},
                {{"LAST ROW"}, last_row_cell},
                {{"RESULT"}, [](const json::object& o) { return verdict_cell(o, "result"); }}},
               "No durability proof is configured: durability: in vigie.yaml");
  return 0;
}

int durability_show(Context& context) {
  const auto proofs = all_proofs(context);
  if (!proofs) return context.report(proofs.error());
  const std::string name = context.arguments().operand("PROOF");
  for (const json::value& item : *proofs) {
    const json::object& proof = item.as_object();
    if (text_of(proof, "name") != name) continue;
    const std::string id = text_of(proof, "evidence_id");
    if (!id.empty()) return show_entry(context, id);
    context.console().words(never_run_words(proof, name));
    return 0;
  }
  return context.report(Error(ErrorCode::durability_not_found, {{"name", printable(name, 64)}}));
}

}  // namespace

std::vector<VerbSpec> durability_verbs() {
  return {
      {"durability run",
       "Interrupts PostgreSQL on purpose, unless the proof only observes, and looks whether all "
       "that it had acknowledged is there",
       "  vigie durability run app --yes-interrupt app\n"
       "  vigie durability run app-observed\n",
       {{"PROOF", "Its name in vigie.yaml"}},
       {{"--yes-interrupt", "DATABASE",
         "The database whose server is interrupted: its name; not for a proof that observes"},
        {"--no-wait", "", "Only start it in the daemon; print the run's id"},
        reason_option(false),
        reference_option()},
       durability_run},
      {"durability list",
       "The proofs: when each ran last, what was acknowledged, what was lost",
       "  vigie durability list\n",
       {},
       {},
       durability_list},
      {"durability show",
       "The newest result of a proof, and what its fault can show and what not",
       "  vigie durability show app\n",
       {{"PROOF", "Its name in vigie.yaml"}},
       {},
       durability_show},
  };
}

}  // namespace vigie::cli
