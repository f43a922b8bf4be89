// A host on which the real binary is at work: a folder with vigie.yaml, state and store, commands
// that run to their end, and a daemon that can be killed. For the tests in tests/e2e.
//
// One thread at a time. What still runs ends with the object, and when the test binary is killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "platform/descriptor.h"
#include "platform/postgres.h"
#include "tests/support/contents.h"
#include "tests/support/eventually.h"
#include "tests/support/hanging_calls.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

struct Ran {
  int status = -1;  // exit status; 128 + signal when a signal ended it
  std::string out;
  std::string err;
  bool killed() const { return status == 137; }
};

struct HttpSaid {
  int status = 0;
  std::string body;
};

class VigieHost {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  explicit VigieHost(platform::Path binary = VIGIE_BINARY);
  ~VigieHost();
  VigieHost(const VigieHost&) = delete;
  VigieHost& operator=(const VigieHost&) = delete;

  // Writes vigie.yaml: one store, the database `app`, the job `nightly` with `job` added to it
  // (lines of its mapping, without indentation). `password_file`: empty for none.
  void configure(const std::string& dsn, const std::vector<std::string>& job,
                 const std::string& password_file = "");
  // Adds to it the drill `weekly` of that job, on a scratch server below `scratch`, with `drill`
  // added to it as above.
  void add_drill(const platform::Path& scratch, const std::vector<std::string>& drill);
  // The checks of the newest drill: id -> result. Empty: there was none.
  std::map<std::string, std::string> drill_checks();
  // Gets a copy of what another host, on which nothing runs, has in its state and its store.
  void copy_from(const VigieHost& other) const;
  void write(const std::string& name, const std::string& text, mode_t mode = 0600);
  std::string read(const std::string& name) const;
  // What is started from now on asks `calls`, which outlives it.
  void hold_calls_by(HangingCalls& calls) { calls_ = &calls; }

  // Runs `vigie WORDS… -c vigie.yaml` to its end, at most a minute.
  Ran run(const std::vector<std::string>& words, const Environment& more = {});

  // Starts `vigie serve` and waits until it says that it is ready. False: it ended, or a minute
  // passed.
  bool serve(const Environment& more = {});
  // Starts a command and does not wait.
  void start(const std::vector<std::string>& words, const Environment& more = {});
  pid_t pid() const { return pid_; }
  void signal(int signal) const;
  // Its exit status as in Ran; -1 when it did not end within `patience`.
  int wait(std::chrono::milliseconds patience = std::chrono::minutes(1));
  bool says(const std::string& word, std::chrono::milliseconds patience);  // to its service manager
  std::string log() const { return read("log"); }  // of what was started last

  using Headers = std::vector<std::pair<std::string, std::string>>;
  HttpSaid ask(const std::string& target, const std::string& method = "GET",
               const std::string& body = "", const Headers& headers = {});
  // Has the daemon begin a backup: the run's id; empty when it refuses.
  std::string start_run(const std::string& job = "nightly");
  std::string state_of(const std::string& run);  // as the daemon says; empty when it does not

  platform::Path folder() const { return folder_.path(); }
  platform::Path state() const { return folder_ / "state"; }
  platform::Path store() const { return folder_ / "artefacts"; }

  // The ids that have a manifest in the store, and the folders that have none.
  std::set<std::string> stored() const;
  std::set<std::string> debris() const;
  // The command lines of those pg_dump and pg_dumpall that run and whose environment holds this
  // text.
  static std::vector<std::string> dump_processes(const std::string& environment);

 private:
  pid_t spawn(const std::vector<std::string>& words, const Environment& more,
              const platform::Path& out, const platform::Path& err) const;

  TempFolder folder_;
  platform::Path binary_;
  platform::Descriptor notices_;  // what a daemon tells its service manager
  pid_t pid_ = -1;
  HangingCalls* calls_ = nullptr;
};

}  // namespace vigie::testing
