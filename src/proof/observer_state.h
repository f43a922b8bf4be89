// What an observer must know again after its own restart, or the machine's. Format, and the order
// in which it is written: docs/formats/observed-1.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "platform/file_system.h"

namespace vigie::proof {

// By what a restart is seen. An empty text could not be read, and is compared with nothing.
struct ServerIdentity {
  std::string system_identifier;
  std::string postmaster_started_at;
  std::string boot_id;  // of this host

  json::object to_json() const;
};

struct RetiredRows {
  std::string key;
  bool kept = false;  // rows were wrong: for whoever looks
};

struct ObserverState {
  std::string key;  // of the rows that are written now; 32 hexadecimal digits
  SystemTime began_at;
  ServerIdentity server;
  std::optional<ServerIdentity> previous;  // before its last restart
  uint64_t before_restart = 0;             // the highest number acknowledged by then
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

// "observed_" and the first 12 digits.
std::string observed_table(std::string_view key);

}  // namespace vigie::proof
