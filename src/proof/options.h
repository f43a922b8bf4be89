// drills:, durability: and amcheck: in vigie.yaml.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/yaml_fields.h"
#include "platform/postgres.h"

namespace vigie::proof {

// Which of a job's good backups is restored.
enum class Pick : unsigned char { newest, oldest, random };

// What is looked at beside the rows, which always are.
enum class DrillCheck : unsigned char { objects, constraints, sequences, settings, freshness };

enum class ScratchType : unsigned char {
  local,   // a server of our own, made for the drill and gone after it
  server,  // one that is there, and was given away for drills
};

std::string_view name_of(ScratchType type);  // as vigie.yaml has it

struct ScratchOptions {
  ScratchType type = ScratchType::local;
  int jobs = 2;  // of pg_restore, and sessions that compare
  // local
  std::string dir;                // absolute; each drill has a folder in it
  std::string user = "postgres";  // whom the server runs as when this process is root
  // server
  platform::Dsn dsn;            // its dbname does not count
  std::string marker_database;  // on it: whoever made that has said that the server may be wiped
};

// The newest value of a column must not be older than `within` when the drill runs.
struct FreshnessOptions {
  std::string table;   // "public.orders", as SQL writes it
  std::string column;  // as SQL writes it
  Duration within{};
};

// A query with one value for an answer.
struct SqlAssertion {
  std::string name;
  std::string sql;
  std::string equals;  // as text
};

// Where the private key of encrypted backups comes from; neither: there is none.
struct IdentitySource {
  std::string file;                  // absolute; a secret file
  std::vector<std::string> command;  // a program and its arguments that print it

  bool named() const { return !file.empty() || !command.empty(); }
};

struct DrillOptions {
  std::string name;
  std::string job;       // of backups:
  std::string database;  // one of the job's; empty: each of them, one after another
  Pick pick = Pick::newest;
  std::string from;  // a store of the job's copies; empty: where its backups are written to
  ScratchOptions scratch;
  Duration rto_target{};  // zero: none
  Duration rpo_target{};  // zero: none
  std::set<DrillCheck> checks{DrillCheck::objects, DrillCheck::constraints, DrillCheck::sequences,
                              DrillCheck::settings, DrillCheck::freshness};
  std::optional<FreshnessOptions> freshness;
  std::vector<SqlAssertion> assertions;
  IdentitySource identity;
  bool canary = true;  // damaged copies are put before the same checks, each time

  Place place;
  Place job_place;
  Place database_place;
  Place from_place;

  // Takes its own keys out of the drill's mapping; the schedule's are jobs::TimingOptions's.
  static DrillOptions parse(const std::string& name, yaml::Fields& fields);
};

// What befalls the server. A killed process does not test fsync: only a lost machine does.
enum class Fault : unsigned char {
  postmaster_kill,    // SIGKILL to the postmaster and all its processes
  fast_restart,       // SIGINT, as pg_ctl stop -m fast
  immediate_restart,  // SIGQUIT, as pg_ctl stop -m immediate
  service_restart,    // `restart.command` asks the service's manager
  container_restart,  // `restart.command` asks whatever runs the container
  command,            // whatever else `restart.command` does
  pod_delete,         // its pod is deleted by the API of Kubernetes
  node_reboot,        // the machine, by `restart.reboot`; the next start of Vigie compares
};
constexpr bool is_by_command(Fault fault) {
  return fault == Fault::service_restart || fault == Fault::container_restart ||
         fault == Fault::command;
}

// Which pod is deleted, or looked at, and by which API.
struct KubernetesOptions {
  std::string name_space;  // empty: the kubeconfig's, or that of the pod that Vigie runs in
  std::string pod;         // its name; or
  std::string selector;    // labels; exactly one running pod that has them is deleted
  std::string kubeconfig;  // absolute, a secret file; empty: Vigie runs in a pod of that cluster
  // Until what has not ended is killed. Never zero: the API would forget the pod at once, and let
  // another start on the volume that it may still write to.
  Duration grace = std::chrono::seconds(1);

  bool names_one() const { return !pod.empty() || !selector.empty(); }
  // Takes all keys of the mapping.
  static KubernetesOptions parse(yaml::Fields& fields);
};

// How acknowledged rows are put to the test.
enum class DurabilityMode : unsigned char {
  fault,    // the server is interrupted on purpose
  observe,  // rows are written all the time, and compared when the server has restarted by itself
};

inline constexpr int kMostWriters = 64;

struct DurabilityOptions {
  std::string name;
  std::string database;  // of databases:, whose server is proved
  DurabilityMode mode = DurabilityMode::fault;
  Duration interval = std::chrono::seconds(1);  // of mode observe: between two rows
  std::string user;                             // the witness's role; empty: as in dsn
  std::string password_file;
  int writers = 4;
  Duration duration = std::chrono::seconds(20);  // of writing before the fault
  Fault fault = Fault::postmaster_kill;
  std::vector<std::string> start;  // a program and its arguments that bring the server back; empty:
                                   // something else does
  std::vector<std::string> command;  // of the faults that is_by_command()
  KubernetesOptions kubernetes;      // of Fault::pod_delete and, if one is named, of mode observe
  std::vector<std::string> reboot;   // of Fault::node_reboot
  Duration recovery_timeout = std::chrono::minutes(5);
  std::string interrupt;  // the word that a schedule needs: the database's name

  Place place;
  Place database_place;

  static DurabilityOptions parse(const std::string& name, yaml::Fields& fields);
};

// A look for damage in the database itself.
struct AmcheckOptions {
  std::string name;
  std::string database;  // of databases:
  std::string user;      // empty: as in dsn
  std::string password_file;
  bool heapallindexed = true;  // whether every row that should be in an index is
  int jobs = 1;                // of pg_amcheck: so many relations at a time

  Place place;
  Place database_place;

  static AmcheckOptions parse(const std::string& name, yaml::Fields& fields);
};

}  // namespace vigie::proof
