#include "ledger/entry.h"

namespace vigie::ledger {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::failed:
      return "failed";
    case Outcome::skipped:
      return "skipped";
    case Outcome::could_not_verify:
      break;
  }
  return "could_not_verify";
}

Outcome outcome_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return Outcome::passed;
    case Verdict::failed:
      return Outcome::failed;
    case Verdict::could_not_verify:
      break;
  }
  return Outcome::could_not_verify;
}

void Entry::ended_with(const Error& error) {
  result = outcome_of(error.info().verdict);
  error_code = error.info().name;
  Error named = error;
  if (!trigger.run_id.empty()) named.with("run", trigger.run_id.str());
  follow_up = named.remedy(Audience::everybody);
}

}  // namespace vigie::ledger
