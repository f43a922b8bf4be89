// Whoever acts may say why, and where it was decided; both stand in the evidence.
#pragma once

#include "base/json.h"
#include "cli/context.h"

namespace vigie::cli {

inline OptionSpec reason_option(bool required) {
  return {"--reason", "WORDS", "Why; it stands in the evidence", {}, required};
}
inline OptionSpec reference_option() {
  return {"--ref", "TICKET", "Where it was decided"};
}

// {reason, ref} as far as they were given.
inline json::object act_body(const Context& context) {
  json::object body;
  if (const auto reason = context.arguments().option("--reason")) body["reason"] = *reason;
  if (const auto reference = context.arguments().option("--ref")) body["ref"] = *reference;
  return body;
}

}  // namespace vigie::cli
