// vigie evidence record
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/hash.h"
#include "cli/cells.h"
#include "cli/evidence.h"

namespace vigie::cli {
namespace {

Result<double> parse_number(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (text.empty() || failure != std::errc() || stop != end)
    return fail(ErrorCode::usage, {{"reason", "--measure takes NAME=NUMBER, such as p95_ms=3.5."}});
  return number;
}

Result<json::object> measures(const Arguments& arguments) {
  json::object all;
  for (const std::string& one : arguments.all("--measure")) {
    const size_t sign = one.find('=');
    TRY_ASSIGN(
        const double number,
        parse_number(sign == std::string::npos ? "" : std::string_view(one).substr(sign + 1)));
    all[one.substr(0, sign)] = number;
  }
  return all;
}

struct Summed {
  std::string sha256;
  uint64_t bytes = 0;
};

Result<Summed> sum_of(platform::FileSystem& files, const platform::Path& path) {
  TRY_ASSIGN(const auto file, files.open_read(path));
  Summed summed;
  Sha256 hash;
  std::vector<unsigned char> buffer(size_t{1} << 20);
  while (true) {
    TRY_ASSIGN(const size_t got, file->read_at(summed.bytes, buffer));
    if (got == 0) break;
    hash.update(std::span(buffer).first(got));
    summed.bytes += got;
  }
  summed.sha256 = hex_encode(hash.finish());
  return summed;
}

Result<json::array> artefacts(Context& context) {
  json::array all;
  for (const std::string& one : context.arguments().all("--artefact")) {
    const platform::Path path(one);
    TRY_ASSIGN(const Summed summed, sum_of(*context.hooks().files, path));
    all.push_back(json::object{
        {"name", path.filename().string()}, {"sha256", summed.sha256}, {"bytes", summed.bytes}});
  }
  return all;
}

Result<json::object> report_body(Context& context) {
  const Arguments& arguments = context.arguments();
  json::object body;
  for (const auto& [option, key] :
       {std::pair("--kind", "kind"), std::pair("--result", "result"),
        std::pair("--summary", "summary"), std::pair("--started", "started_at"),
        std::pair("--ended", "ended_at"), std::pair("--reference", "ref")})
    if (const auto value = arguments.option(option)) body[key] = *value;
  json::array ids;
  for (const std::string& one : arguments.all("--requirement")) ids.emplace_back(one);
  body["requirement_ids"] = std::move(ids);
  TRY_ASSIGN(body["measures"], measures(arguments));
  TRY_ASSIGN(body["artefacts"], artefacts(context));
  return body;
}

int evidence_record(Context& context) {
  auto body = report_body(context);
  if (!body) return context.report(body.error());
  const auto recorded = context.ask({"POST", "/v1/evidence", *std::move(body)});
  if (!recorded) return context.report(recorded.error());
  if (!context.as_table()) {
    context.value(*recorded);
    return 0;
  }
  const json::object empty;
  const json::object& entry = recorded->is_object() ? recorded->get_object() : empty;
  context.console().words(fmt::format("Recorded: vigie evidence show {}", text_of(entry, "id")));
  return 0;
}

}  // namespace

VerbSpec evidence_record_verb() {
  return {
      "evidence record",
      "Adds what somebody else has found, such as a pipeline: it stands in the matrix",
      "  vigie evidence record --kind gitops_policy --requirement REQ-DRF-5 --result passed \\\n"
      "    --summary 'all images pinned' --artefact report.json --reference "
      "https://ci.example/job/42\n",
      {},
      {{"--kind", "KIND", "What was looked at; none that Vigie writes itself", {}, true},
       {.name = "--requirement",
        .value_name = "ID",
        .help = "Which requirement it speaks to; may be repeated",
        .required = true,
        .repeats = true},
       {"--result", "RESULT", "How it ended", "passed|failed|could_not_verify", true},
       {"--summary", "WORDS", "What was found, in a sentence", {}, true},
       {.name = "--measure",
        .value_name = "NAME=NUMBER",
        .help = "A figure; may be repeated",
        .repeats = true},
       {.name = "--artefact",
        .value_name = "FILE",
        .help = "A file whose name, SHA-256 and size are recorded; may be repeated",
        .repeats = true},
       {"--started", "TIME", "When it began (RFC 3339); left out: when it ended"},
       {"--ended", "TIME", "When it ended (RFC 3339); left out: now"},
       {"--reference", "URL", "Where more is to be read"}},
      evidence_record};
}

}  // namespace vigie::cli
