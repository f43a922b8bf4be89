#include "config/report.h"

#include <fmt/format.h>

namespace vigie::config {
namespace {

std::string_view in_words(Severity severity) {
  return severity == Severity::mistake ? "mistake" : "warning";
}

std::string counted(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object as_object(const Problem& problem) {
  return {{"severity", in_words(problem.severity)},
          {"code", error_info(problem.code).name},
          {"line", problem.place.line},
          {"column", problem.place.column},
          {"field", problem.field},
          {"found", problem.found},
          {"expected", text_or_null(problem.expected)},
          {"nearest", text_or_null(problem.nearest)}};
}

}  // namespace

std::string as_text(const Loaded& loaded) {
  const Problems& problems = loaded.problems;
  const std::vector<Problem> all = problems.sorted();
  std::string out;
  for (const Problem& problem : all)
    out += fmt::format("{}: {}\n", in_words(problem.severity), problem.text(problems.file()));
  if (problems.mistakes() + problems.warnings() > all.size()) out += "… and more\n";
  if (!problems.has_mistakes() && problems.warnings() == 0)
    return out + fmt::format("{} is valid\n", problems.file());
  return out + fmt::format("{}: {}, {}\n", problems.file(), counted(problems.mistakes(), "mistake"),
                           counted(problems.warnings(), "warning"));
}

json::value as_json(const Loaded& loaded) {
  json::array list;
  for (const Problem& problem : loaded.problems.sorted()) list.push_back(as_object(problem));
  return json::object{{"file", loaded.problems.file()},
                      {"valid", loaded.config.has_value()},
                      {"mistakes", loaded.problems.mistakes()},
                      {"warnings", loaded.problems.warnings()},
                      {"problems", std::move(list)}};
}

}  // namespace vigie::config
