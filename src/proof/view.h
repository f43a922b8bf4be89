// What others may see of the proof room: plain immutable values, published anew when something
// changes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/verdict.h"

namespace vigie::proof {

// A restore that came to an end, as its entry of the ledger tells.
struct RestoreView {
  std::string evidence_id;
  std::string backup;    // its id
  std::string database;  // that it was restored into
  Verdict result = Verdict::could_not_verify;
  std::string error_code;  // empty when passed
  SystemTime started_at;
  SystemTime ended_at;
  uint64_t rows = 0;  // that were read back and compared
  uint64_t tables = 0;
};

// A drill that came to an end, as its entry of the ledger tells. One for each database.
struct DrillResultView {
  std::string drill;
  std::string database;
  std::string evidence_id;
  std::string backup;  // its id; empty: there was none to restore
  std::string store;
  Verdict result = Verdict::could_not_verify;
  std::string error_code;  // empty when passed
  SystemTime started_at;
  SystemTime ended_at;
  uint64_t raw_bytes = 0;       // of what was restored; 0: it did not come that far
  std::optional<double> rto_s;  // from the stored bytes to a database that answers
  std::optional<double> rpo_s;  // how old the data was, of the newest good backup
  std::optional<double> rto_target_s;
  std::optional<double> rpo_target_s;
  size_t passed = 0;  // assertions
  size_t failed = 0;
  size_t not_run = 0;  // could not be made, or not asked for
  bool rehearsal = false;
};

// The fault of what was observed, and not asked for.
inline constexpr std::string_view kObservedFault = "observed";

// A durability proof that came to an end.
struct DurabilityView {
  std::string proof;
  std::string database;
  std::string evidence_id;
  std::string fault;
  Verdict result = Verdict::could_not_verify;
  std::string error_code;  // empty when passed
  SystemTime started_at;
  SystemTime ended_at;
  std::optional<uint64_t> acknowledged;  // this and the next: nothing when no rows were compared
  std::optional<uint64_t> lost;
  std::optional<double> down_s;  // from the fault until another postmaster answered
};

// A witness at work: what mode observe writes, and whether it does.
struct ObserverView {
  std::string proof;
  SystemTime since;       // the first row that is compared was written after it
  uint64_t rows = 0;      // acknowledged since
  uint64_t restarts = 0;  // of the server, seen by this process
  std::optional<SystemTime> last_row_at;
  std::optional<SystemTime> last_compared_at;     // by this process; with or without a restart
  std::optional<SystemTime> not_observing_since;  // nothing: it observes
  std::string error_code;                         // why it does not
};

// A look for damage in a database that came to an end.
struct AmcheckView {
  std::string check;
  std::string database;
  std::string evidence_id;
  Verdict result = Verdict::could_not_verify;
  std::string error_code;  // empty when passed
  SystemTime started_at;
  SystemTime ended_at;
  uint64_t tables = 0;   // that there were to look at
  uint64_t indexes = 0;  // B-trees
  uint64_t damaged = 0;  // of both
};

// What the configuration asks for.
struct AmcheckPlanView {
  std::string name;
  std::string database;
  Duration max_age{};  // as of DrillPlanView
};

struct DurabilityPlanView {
  std::string name;
  std::string database;
  bool observes = false;
  Duration silence{};  // of mode observe: how long without a row is too long
};

struct DrillPlanView {
  std::string name;
  std::string job;
  std::vector<std::string> databases;
  Duration max_age{};  // how old its newest result may be: the schedule's longest gap and the run
};

struct ProofView {
  SystemTime observed_at;
  std::optional<RestoreView> last_restore;  // the newest, whatever became of it
  std::map<std::string, double> restore_s;  // how long the newest took that passed, by database
  std::vector<DrillPlanView> drills;        // in the configuration's order
  // The newest first; of each drill and database at most kDrillsKept.
  std::vector<DrillResultView> results;
  // The same of rehearsals: what somebody has tried says nothing of what is in force.
  std::vector<DrillResultView> rehearsals;
  std::vector<DurabilityPlanView> durability_plans;  // in the configuration's order
  std::map<std::string, DurabilityView> durability;  // the newest of each, by name
  std::map<std::string, ObserverView> observers;     // those at work in this process, by name
  std::vector<AmcheckPlanView> amcheck_plans;        // in the configuration's order
  std::map<std::string, AmcheckView> amcheck;        // the newest of each, by name

  // The newest of that check, when it was of that very database; nullptr: none.
  const AmcheckView* newest(const AmcheckPlanView& plan) const {
    const auto found = amcheck.find(plan.name);
    const bool same = found != amcheck.end() && found->second.database == plan.database;
    return same ? &found->second : nullptr;
  }
  // The newest of a drill and database; nullptr: none.
  const DrillResultView* newest(std::string_view drill, std::string_view database) const;
  const DrillResultView* newest_rehearsal(std::string_view drill, std::string_view database) const;
};
inline constexpr size_t kDrillsKept = 10;

using ProofViewPtr = std::shared_ptr<const ProofView>;

}  // namespace vigie::proof
