// Errors are values. An Error is a stable code of the registry (errors.yaml) and the parameters of
// that code's template; its text is made from both when somebody reads it, for an audience, so that
// an error's text can hold nothing but the fixed words of the registry and the parameters that the
// registry allows.
//
// Never put a password, a connection string, a row's values, SQL with values or another program's
// free text into a parameter.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error_codes.h"
#include "base/verdict.h"

namespace vigie {

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;         // the stable code as others see it
  std::string_view error_class;  // validation, authentication, …
  int http_status;
  int exit_code;
  Verdict verdict;  // of a run that ended with this error
  bool retryable;
  std::string_view title;
  std::string_view detail;  // template: {parameter}
  std::string_view remedy;  // template: {parameter}
  std::string_view runbook;
};

// Who reads: parameters that name paths, hosts, processes and database objects are for operators
// only.
enum class Audience : unsigned char { everybody, operators };

using Parameters = std::vector<std::pair<std::string, std::string>>;

class Error {
 public:
  explicit Error(ErrorCode code, Parameters parameters = {})
      : code_(code), parameters_(std::move(parameters)) {}

  ErrorCode code() const { return code_; }
  const ErrorInfo& info() const;
  const Parameters& parameters() const { return parameters_; }
  // The parameter's value, or an empty view. Lives as long as this Error.
  std::string_view parameter(std::string_view name) const;

  std::string detail(Audience audience) const;  // one sentence
  std::string remedy(Audience audience) const;  // what to do next

  // Adds a parameter that only an outer layer knows (a job, a run), unless it is set already.
  Error& with(std::string_view name, std::string value);

 private:
  ErrorCode code_;
  Parameters parameters_;
};

const ErrorInfo& error_info(ErrorCode code);
// nullptr when no code has that name.
const ErrorInfo* find_error_info(std::string_view name);

std::span<const ErrorInfo> error_table();
std::span<const std::string_view> operator_parameters();

}  // namespace vigie
