#include "base/problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"

namespace vigie {
namespace {

bool same(const Problem& a, const Problem& b) {
  return a.place == b.place && a.code == b.code && a.field == b.field;
}

bool not_near(const Problem& a, const Problem& b) {
  return a.place < b.place;
}

}  // namespace

std::string Problem::text(std::string_view file) const {
  std::string out = fmt::format("{}:{}:{}: ", file, place.line, place.column);
  if (!field.empty()) out += field + " ";
  out += found;
  if (!expected.empty()) out += "; expected " + expected;
  if (!nearest.empty()) out += "; did you mean " + nearest + "?";
  return out;
}

Problems::Scope::Scope(Problems& problems, std::string_view name)
    : problems_(problems), length_(problems.path_.size()) {
  if (!problems.path_.empty()) problems.path_ += '.';
  problems.path_ += printable(name, 64);
}

void Problems::add(Problem problem) {
  if (problem.field.empty()) problem.field = path_;
  if (std::ranges::any_of(listed_, [&](const Problem& p) { return same(p, problem); })) return;
  ++(problem.severity == Severity::mistake ? mistakes_ : warnings_);
  if (listed_.size() < max_listed_) {
    listed_.push_back(std::move(problem));
  } else if (problem.severity == Severity::mistake) {
    // Warnings must not hide it.
    const auto warning =
        std::ranges::find(listed_.rbegin(), listed_.rend(), Severity::warning, &Problem::severity);
    if (warning != listed_.rend()) *warning = std::move(problem);
  }
}

void Problems::mistake(Place place, ErrorCode code, std::string found, std::string expected,
                       std::string nearest) {
  add({Severity::mistake,
       code,
       place,
       {},
       std::move(found),
       std::move(expected),
       std::move(nearest)});
}

void Problems::wrong_value(Place place, std::string expected, std::string nearest) {
  mistake(place, ErrorCode::config_value, "has a value that is not valid", std::move(expected),
          std::move(nearest));
}

void Problems::warning(Place place, std::string found, std::string expected) {
  add({Severity::warning,
       ErrorCode::config_value,
       place,
       {},
       std::move(found),
       std::move(expected),
       {}});
}

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> out = listed_;
  std::ranges::stable_sort(out, not_near);
  return out;
}

Error Problems::as_error() const {
  const std::vector<Problem> all = sorted();
  const auto first = std::ranges::find(all, Severity::mistake, &Problem::severity);
  return Error(
      ErrorCode::config_invalid,
      {{"observed", mistakes_ == 1 ? "1 mistake" : std::to_string(mistakes_) + " mistakes"},
       {"reason", first == all.end() ? std::string() : first->text(file_)}});
}

}  // namespace vigie
