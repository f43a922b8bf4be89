// What an observer must know again after its own restart, or the machine's. Format, and the order
// in which it is written: docs/formats/observed-1.md.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "platform/file_system.h"
#include "proof/server_settings.h"

namespace vigie::proof {

// By what a restart is seen. An empty text could not be read, and is compared with nothing.
struct ServerIdentity {
  ClusterIdentity cluster;
  std::string postmaster_started_at;
  std::string boot_id;              // of this host
  std::string statistics_began_at;  // the server's own: anew after each crash recovery
  std::string pod_uid;              // that it runs in, by the Kubernetes API

  json::object to_json() const;
  bool operator==(const ServerIdentity&) const = default;
};

struct RetiredRows {
  std::string key;
  bool kept = false;  // rows were wrong: for whoever looks
};

struct ObserverState {
  std::string key;          // of the rows that are written now; 32 hexadecimal digits
  std::string lineage;      // of all its keys; empty: none was drawn yet
  uint64_t generation = 0;  // the key's number in it
  SystemTime began_at;
  ServerIdentity server;
  std::optional<ServerIdentity> previous;  // before its last restart
  uint64_t before_restart = 0;             // the highest number acknowledged by then; 0: none, or
                                           // the restart proved nothing
  std::string unsafe;                      // a setting that was off; empty: none
  std::vector<RetiredRows> retired;        // whose tables and logs are not removed yet
};

// Where one proof has its files.
class ObserverFiles {
 public:
  ObserverFiles(platform::FileSystem& files, platform::Path folder, std::string proof)
      : files_(files), folder_(std::move(folder)), proof_(std::move(proof)) {}

  // Nothing: it has never observed. Errors: file_*, file_corrupt.
  Result<std::optional<ObserverState>> read() const;
  // Durable when it returns.
  Result<> write(const ObserverState& state) const;
  platform::Path log(std::string_view key) const;
  // Logs of which the state does not know: a crash has left them.
  Result<> remove_strays(const ObserverState& state) const;
  // Fine when it is gone.
  Result<> remove_log(std::string_view key) const;
  // Durable when it returns.
  Result<> make_folder() const;

 private:
  platform::Path path() const { return folder_ / (proof_ + ".observed"); }
  platform::FileSystem& files_;
  const platform::Path folder_;
  const std::string proof_;
};

inline constexpr std::string_view kObservedTables = "observed_";
// "observed_" and the first 12 digits.
std::string observed_table(std::string_view key);
// The key of a generation.
std::string generation_key(std::string_view lineage, uint64_t generation);
// The generations behind that of `state` whose tables are among `tables`: at most 10,000 behind.
std::vector<uint64_t> later_generations(const ObserverState& state,
                                        const std::set<std::string>& tables);

}  // namespace vigie::proof
