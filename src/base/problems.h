// The list of all mistakes and warnings in a text that a person wrote, each with its place, what
// was expected there, and the nearest valid name. Parsers go on after a mistake, so that one look
// finds them all.
//
// What stands here is shown to people and logged. A value of the file is never quoted (a secret
// may have been put in the wrong place); keys are, made printable and cut.
#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/result.h"

namespace vigie {

struct Place {
  size_t line = 0;  // both from 1; columns count characters
  size_t column = 0;
  auto operator<=>(const Place&) const = default;  // NOLINT: clang-tidy 14 errs, no pointer
};

enum class Severity : unsigned char { mistake, warning };

struct Problem {
  Severity severity = Severity::mistake;
  ErrorCode code = ErrorCode::config_value;
  Place place;
  std::string field;     // "backups.nightly.schedule"; empty for the whole file
  std::string found;     // what is wrong, in fixed words: "is not a key here"
  std::string expected;  // what would be right; may be empty
  std::string nearest;   // the nearest valid name; may be empty

  // "vigie.yaml:12:5: backups.nightly.shedule is not a key here; expected one of …; did you mean
  // schedule?"
  std::string text(std::string_view file) const;
};

// One thread at a time.
class Problems {
 public:
  explicit Problems(std::string file, size_t max_listed = limits::kProblems)
      : file_(std::move(file)), max_listed_(max_listed) {}

  // While it lives, what is added lies below `name`.
  class Scope {
   public:
    Scope(Problems& problems, std::string_view name);
    ~Scope() { problems_.path_.resize(length_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Problems& problems_;
    size_t length_;  // of the path before
  };

  // Fills in the field from the scopes; the same problem at the same place counts once.
  void add(Problem problem);
  void mistake(Place place, ErrorCode code, std::string found, std::string expected,
               std::string nearest = {});
  // A value that is not what the key wants.
  void wrong_value(Place place, std::string expected, std::string nearest = {});
  void warning(Place place, std::string found, std::string expected);

  const std::string& file() const { return file_; }
  bool has_mistakes() const { return mistakes_ > 0; }
  size_t mistakes() const { return mistakes_; }  // also those beyond the listed ones
  size_t warnings() const { return warnings_; }
  std::vector<Problem> sorted() const;  // by place

  // config_invalid with the number and the first mistake. Precondition: has_mistakes().
  Error as_error() const;

 private:
  std::string file_;
  size_t max_listed_;
  std::string path_;
  std::vector<Problem> listed_;
  size_t mistakes_ = 0;
  size_t warnings_ = 0;
};

}  // namespace vigie
