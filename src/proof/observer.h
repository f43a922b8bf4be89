// A witness that hurts nobody: one row after the other in a slow rhythm, and when the server has
// restarted, for whatever reason, a look whether everything that it had acknowledged is there.
//
// What was acknowledged is remembered outside the server (observer_state.h, witness_log.h), so that
// it is compared also after a restart of Vigie or of the machine. One process has one observer for
// each proof.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/work.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "platform/turns.h"
#include "proof/durability.h"
#include "proof/observer_state.h"
#include "proof/pods.h"
#include "proof/view.h"
#include "proof/witness_log.h"
#include "proof/witness_table.h"

namespace vigie::proof {

// So many rows, and then the next generation: neither table nor log grows for ever.
inline constexpr uint64_t kMostObservedRows = 10'000;
// Of those that were wrong, so many are kept.
inline constexpr size_t kWrongRowsKept = 3;
// Of tables that cannot be dropped, so many are tried again.
inline constexpr size_t kMostRetired = 20;

// How old the last acknowledged row may be when the server restarts, for a verdict: ten rows' time
// and a minute. A machine needs longer to come back.
inline constexpr int kRowsOfSilence = 10;
inline constexpr Duration kMostSilence = std::chrono::minutes(1);
inline constexpr Duration kMachineStart = std::chrono::minutes(5);

// A comparison that is evidence.
struct Observation {
  DurabilityReport report;
  std::optional<ServerIdentity> before;  // of the restart; nothing: it is not known
  ServerIdentity after;
  bool node = false;       // the machine has restarted as well, and the server is on it
  bool recovery = false;   // the same postmaster has recovered from a crash of one of its processes
  bool replaced = false;   // it runs in another pod now
  std::optional<Pod> pod;  // that it runs in now; nothing: it is not known
  SystemTime started_at;
  SystemTime ended_at;
};

struct ObserverTools {
  platform::FileSystem& files;
  platform::PgConnector& postgres;
  const platform::Clock& clock;
  std::function<std::string()> boot_id;
  // Durable when it returns.
  std::function<Result<>(const Observation&, const Work&)> record;
  std::function<void(const ObserverView&)> publish;  // after each step
  // Once when it ceases to write, and why; once with nothing when it writes again.
  std::function<void(const std::optional<Error>&)> tell;
  // A table that it could not drop, once for each: it goes on, and tries again.
  std::function<void(const std::string& table, const Error&)> warn;
  uint64_t most_rows = kMostObservedRows;
  PodFinder find_pod;  // empty: the proof names none
};

// The server, as one session sees it. Times are in this host's clock.
struct SeenServer {
  ServerSettings settings;
  ServerIdentity identity;
  SystemTime at;
  SystemTime started_at;                    // its postmaster
  SystemTime statistics_began_at;           // of identity.statistics_began_at
  bool forgot_statistics = false;           // all of them at once, as after a crash recovery
  std::optional<Pod> pod;                   // that it runs in; nothing: it is not known
  std::vector<std::string> unknown_of_pod;  // sentences
};

// Thread-safe: observe() in a thread of its own, compare_now() from any.
class Observer {
 public:
  // Keeps nothing of the request but copies. Its folder is made when it is missing.
  Observer(const DurabilityRequest& request, ObserverTools tools);

  const std::string& name() const { return options_.name; }

  // Until it is stopped. What fails is tried again, at first after a second, then more rarely.
  void observe(const std::stop_token& stop);

  // One row, and before it whatever must stand before it: a session, a comparison. The error says
  // why the witness does not write.
  Result<> step(const std::stop_token& stop);

  // Compares and interrupts nobody. Error of the report: durability_unobserved when the server has
  // not restarted since the first row, which proves nothing and is not recorded. Errors of the
  // call: what keeps the witness from the server, and those of `record`.
  Result<DurabilityReport> compare_now(const Work& work);

 private:
  static constexpr uint32_t kWriter = 1;
  static Work own_work(const std::stop_token& stop);

  Result<> write_next(const std::stop_token& stop);
  Result<> be_ready(const std::stop_token& stop);
  Result<> open_rows();
  Result<> open_session(const std::stop_token& stop);
  Result<SeenServer> look_at_server(const std::stop_token& stop);
  Result<> look_at_pod(SeenServer& seen, const std::stop_token& stop);
  Result<> insert(const std::stop_token& stop);
  Result<> acknowledge(WitnessRow row, const std::string& unsafe);
  Result<> turn_over(const std::stop_token& stop);

  // What a new session finds.
  Result<> meet(const SeenServer& seen, const std::stop_token& stop);
  Result<> meet_again(const SeenServer& seen, const std::stop_token& stop);
  Result<> meet_after_damage(const SeenServer& seen, const std::stop_token& stop);
  Result<> meet_another_server(const SeenServer& seen, const std::stop_token& stop);
  Result<> meet_after_restart(const SeenServer& seen, const std::stop_token& stop);

  Result<> go_on(const std::stop_token& stop);
  Result<> remember(const SeenServer& seen);
  Observation nothing_compared(const SeenServer& seen, std::string reason) const;
  Result<Observation> compare(const SeenServer& seen, const std::stop_token& stop);
  void judge_silence(Observation& observation, SystemTime restarted_at) const;
  Result<> record_wrong_rows(Observation& observation, const SeenServer& seen, const Work& work);
  Result<bool> is_older_than_server(const WitnessVerdict& verdict, const std::stop_token& stop);
  Error unobserved(std::string reason) const;

  Result<> begin(const SeenServer& seen, bool keep_old, const std::stop_token& stop);
  ObserverState next_generation(const SeenServer& seen, bool keep_old);
  Result<> make_table(const std::stop_token& stop);
  Result<> save(ObserverState state);
  Result<> clear_retired(const std::stop_token& stop);
  Result<> clear(const RetiredRows& rows, const std::stop_token& stop);
  WitnessTable table() const;
  uint64_t acknowledged() const;
  void note(const Result<>& done, const std::stop_token& stop);
  CallLimits limits(const std::stop_token& stop) const;

  const DurabilityOptions options_;
  const platform::Dsn server_;
  const platform::Dsn dsn_;  // the witness's
  const ObserverFiles own_files_;
  const ObserverTools tools_;

  platform::Turns turns_;  // a step's or a comparison's; it guards all below
  std::unique_ptr<platform::PgConnection> session_;
  std::optional<ObserverState> state_;
  std::unique_ptr<WitnessLog> log_;  // null: neither read nor begun yet
  WitnessRecord record_;             // what the log says
  std::optional<Error> damage_;      // state or log cannot be read: nothing can be compared
  bool away_ = true;                 // this process has written no row yet
  std::vector<uint64_t> later_;      // generations that only the server knows of
  std::set<std::string> tried_;      // tables that cannot be dropped, in this generation
  std::set<std::string> told_;       // tables of which that was said
  std::optional<Error> trouble_;     // why it does not write
  ObserverView view_;
};

}  // namespace vigie::proof
