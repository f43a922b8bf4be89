// The matrix of requirements: how each stands by the newest evidence, as a pure function of plain
// values. What each status means is docs/manual/matrix.md.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "ledger/newest.h"
#include "ledger/requirement.h"

namespace vigie::ledger {

// From bad to good, but the last: what is waived would be one of the first three.
enum class Standing : unsigned char { failing, never, stale, met, waived };
std::string_view to_string(Standing standing);
inline constexpr std::array kEveryStanding{Standing::met, Standing::failing, Standing::stale,
                                           Standing::never, Standing::waived};

// Somebody answers for it that a requirement is not met for a while.
struct Waiver {
  std::string id;  // of the requirement
  std::string by;
  std::string why;
  std::chrono::year_month_day until;  // in force until this day is over, in UTC

  bool in_force(SystemTime now) const;
};

// What the configuration asks evidence about.
struct AskedSubject {
  std::string name;                 // as subject_of() says it
  std::optional<Duration> max_age;  // when its own plan is slower than the requirement
};

// What the matrix is held against: of the configuration in force.
struct MatrixPlan {
  std::vector<Requirement> requirements;
  std::vector<Waiver> waivers;  // at most one of each requirement
  // Of a kind whose evidence is about several things: those that count, each of which must stand.
  // Of any other kind the newest entry counts, whatever it is about.
  std::map<std::string, std::vector<AskedSubject>, std::less<>> subjects;
};
using MatrixPlanPtr = std::shared_ptr<const MatrixPlan>;

// How one kind of evidence about one subject stands.
struct MatrixPart {
  std::string kind{};     // that decides: also one that contradicts
  std::string subject{};  // empty: of no one in particular
  Standing status = Standing::never;
  std::string evidence_id{};  // of what decides; empty: never
  std::optional<SystemTime> validated_at{};
  Duration max_age{};
  std::optional<Noted> attempt{};  // newer, and could not verify: it decides nothing
};

struct MatrixRow {
  Requirement requirement;  // `required`: the gate asks for it
  Standing status = Standing::never;
  Standing evidence_status = Standing::never;  // whatever is waived
  MatrixPart decides{};             // the worst part; of several the one that is stale first
  std::vector<MatrixPart> parts{};  // all, in the order of validated_by
  std::optional<Waiver> waiver{};   // also one that is not in force any more
  bool waived = false;              // it is in force

  bool unmet() const { return status != Standing::met && status != Standing::waived; }
};

// In the order of the requirements.
std::vector<MatrixRow> matrix(const MatrixPlan& plan, const Newest& newest, SystemTime now);

// How many of those that the gate asks for are not met.
size_t count_unmet(std::span<const MatrixRow> rows);

}  // namespace vigie::ledger
