#include "ledger/matrix.h"

#include <algorithm>

#include "ledger/recorded.h"
#include "ledger/requirements.h"

namespace vigie::ledger {
namespace {

// Clocks of two machines differ a little; evidence of further in the future has no age.
constexpr Duration kSkew = std::chrono::minutes(5);

// An entry that we wrote names the shipped requirements of its kind. One of somebody's own file it
// cannot name, and speaks to it all the same.
bool speaks_to(const Noted& noted, std::string_view kind, const std::string& id) {
  if (std::ranges::find(noted.requirement_ids, id) != noted.requirement_ids.end()) return true;
  const auto shipped = requirements_of(kind);
  return std::ranges::find(shipped, id) == shipped.end();
}

bool is_newer(const Noted& noted, const std::optional<Noted>& than) {
  return !than || noted.seq > than->seq;
}

void take_newer(NewestOf& newest, const NewestOf& other) {
  if (other.last.seq > newest.last.seq) newest.last = other.last;
  if (other.deciding && is_newer(*other.deciding, newest.deciding))
    newest.deciding = other.deciding;
  if (other.last_failed && is_newer(*other.last_failed, newest.last_failed))
    newest.last_failed = other.last_failed;
}

// Nothing: there is no evidence of it.
class Evidence {
 public:
  Evidence(const Newest& newest, const std::string& id) : newest_(newest), id_(id) {}

  std::optional<NewestOf> about(std::string_view kind, std::string_view subject) const {
    const auto& subjects = newest_.of(kind);
    const auto found = subjects.find(subject);
    if (found == subjects.end() || !speaks_to(found->second.last, kind, id_)) return std::nullopt;
    return found->second;
  }
  std::optional<NewestOf> of_any(std::string_view kind) const {
    if (!is_own_kind(kind)) return about(kind, id_);
    std::optional<NewestOf> newest;
    for (const auto& [subject, one] : newest_.of(kind)) {
      if (!may_speak_to(subject, id_) || !speaks_to(one.last, kind, id_)) continue;
      if (!newest) newest.emplace();
      take_newer(*newest, one);
    }
    return newest;
  }

 private:
  const Newest& newest_;
  const std::string& id_;
};

Standing standing_of(const Noted& deciding, Duration max_age, SystemTime now) {
  if (deciding.result == Outcome::failed) return Standing::failing;
  const bool current = deciding.at <= now + kSkew && now - deciding.at <= max_age;
  return current ? Standing::met : Standing::stale;
}

void decide(MatrixPart& part, std::string_view kind, const Noted& deciding, SystemTime now) {
  part.kind = kind;
  part.evidence_id = deciding.id;
  part.validated_at = deciding.at;
  part.status = standing_of(deciding, part.max_age, now);
}

void judge(MatrixPart& part, const std::optional<NewestOf>& found, SystemTime now) {
  if (!found) return;
  if (found->deciding) decide(part, part.kind, *found->deciding, now);
  if (is_newer(found->last, found->deciding)) part.attempt = found->last;
}

// A job's failure stands against each of its databases.
std::string_view job_of(std::string_view subject) {
  return subject.substr(0, subject.find('.'));
}

void contradict(MatrixPart& part, const std::string& kind, const std::optional<NewestOf>& found,
                const std::optional<Noted>& validated, SystemTime now) {
  // Its own kind passing for another backup does not take it back.
  if (!found || !found->last_failed) return;
  if (is_newer(*found->last_failed, validated)) decide(part, kind, *found->last_failed, now);
}

MatrixPart part_about(const Requirement& requirement, const std::string& kind,
                      const AskedSubject& asked, const Evidence& evidence, SystemTime now) {
  MatrixPart part{.kind = kind, .subject = asked.name, .max_age = requirement.max_age};
  if (asked.max_age) part.max_age = std::max(part.max_age, *asked.max_age);
  const auto found = evidence.about(kind, asked.name);
  judge(part, found, now);
  const auto validated = found ? found->deciding : std::nullopt;
  for (const std::string& against : requirement.contradicted_by) {
    contradict(part, against, evidence.about(against, asked.name), validated, now);
    contradict(part, against, evidence.about(against, job_of(asked.name)), validated, now);
  }
  return part;
}

MatrixPart part_of_any(const Requirement& requirement, const std::string& kind,
                       const Evidence& evidence, SystemTime now) {
  MatrixPart part{.kind = kind, .subject = {}, .max_age = requirement.max_age};
  const auto found = evidence.of_any(kind);
  judge(part, found, now);
  for (const std::string& against : requirement.contradicted_by)
    contradict(part, against, evidence.of_any(against), found ? found->deciding : std::nullopt,
               now);
  return part;
}

bool worse(const MatrixPart& a, const MatrixPart& b) {
  if (a.status != b.status) return a.status < b.status;
  const auto ends = [](const MatrixPart& part) {
    return part.validated_at.value_or(SystemTime()) + part.max_age;
  };
  return ends(a) < ends(b);
}

std::vector<MatrixPart> parts_of(const MatrixPlan& plan, const Requirement& requirement,
                                 const Newest& newest, SystemTime now) {
  const Evidence evidence(newest, requirement.id);
  std::vector<MatrixPart> parts;
  for (const std::string& kind : requirement.validated_by) {
    const auto asked = plan.subjects.find(kind);
    if (asked == plan.subjects.end()) {
      parts.push_back(part_of_any(requirement, kind, evidence, now));
      continue;
    }
    for (const AskedSubject& one : asked->second)
      parts.push_back(part_about(requirement, kind, one, evidence, now));
    // Nothing is asked for: nothing is proved.
    if (asked->second.empty())
      parts.push_back({.kind = kind, .subject = {}, .max_age = requirement.max_age});
  }
  return parts;
}

MatrixRow row_of(const MatrixPlan& plan, const Requirement& requirement, const Newest& newest,
                 SystemTime now) {
  MatrixRow row{.requirement = requirement};
  row.parts = parts_of(plan, requirement, newest, now);
  if (!row.parts.empty()) row.decides = *std::ranges::min_element(row.parts, worse);
  row.status = row.evidence_status = row.decides.status;
  const auto waiver = std::ranges::find(plan.waivers, requirement.id, &Waiver::id);
  if (waiver == plan.waivers.end()) return row;
  row.waiver = *waiver;
  row.waived = waiver->in_force(now);
  if (row.waived && row.status != Standing::met) row.status = Standing::waived;
  return row;
}

}  // namespace

std::string_view to_string(Standing standing) {
  switch (standing) {
    case Standing::failing:
      return "failing";
    case Standing::stale:
      return "stale";
    case Standing::met:
      return "met";
    case Standing::waived:
      return "waived";
    case Standing::never:
      break;
  }
  return "never";
}

bool Waiver::in_force(SystemTime now) const {
  return now < std::chrono::sys_days(until) + std::chrono::days(1);
}

std::vector<MatrixRow> matrix(const MatrixPlan& plan, const Newest& newest, SystemTime now) {
  std::vector<MatrixRow> rows;
  rows.reserve(plan.requirements.size());
  for (const Requirement& one : plan.requirements) rows.push_back(row_of(plan, one, newest, now));
  return rows;
}

size_t count_unmet(std::span<const MatrixRow> rows) {
  return static_cast<size_t>(std::ranges::count_if(
      rows, [](const MatrixRow& row) { return row.requirement.required && row.unmet(); }));
}

}  // namespace vigie::ledger
