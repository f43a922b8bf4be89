// Result<T>: a value or an Error. The one error idiom of the project; exceptions stop, in the same
// file, at the border to a library that throws.
#pragma once

#include <tl/expected.hpp>

#include "base/error.h"

namespace vigie {

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}  // NOLINT
};

// return fail(ErrorCode::disk_full, {{"path", path}});
inline tl::unexpected<Error> fail(ErrorCode code, Parameters parameters = {}) {
  return tl::unexpected<Error>(Error(code, std::move(parameters)));
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace vigie

// Propagation, and nothing else: return the error of `expression` from this function, or go on
// (with its value).
#define VIGIE_CONCAT_(a, b) a##b
#define VIGIE_CONCAT(a, b) VIGIE_CONCAT_(a, b)
#define TRY(expression)                                                        \
  do {                                                                         \
    if (auto try_result_ = (expression); !try_result_)                         \
      return ::tl::unexpected<::vigie::Error>(std::move(try_result_).error()); \
  } while (false)
// `result` is declared here, `target` may be a declaration: neither takes parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define TRY_ASSIGN_(result, target, expression)                                    \
  auto result = (expression);                                                      \
  if (!result) return ::tl::unexpected<::vigie::Error>(std::move(result).error()); \
  target = std::move(*result)
// NOLINTEND(bugprone-macro-parentheses)
#define TRY_ASSIGN(target, expression) \
  TRY_ASSIGN_(VIGIE_CONCAT(try_result_, __LINE__), target, expression)
