// A PostgreSQL of our own for one drill: made in a folder, reached by a unix socket in there alone,
// gone afterwards. It is made for speed, not for keeping: nothing in it is synced.
//
// What a drill left that ended with its process is recognised by the marker file and removed by the
// next one; its server ended with the process (platform/process.h). A folder that holds anything
// else is never touched. Format: docs/formats/scratch-1.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/work.h"
#include "platform/clock.h"
#include "platform/lock_file.h"
#include "platform/postgres.h"
#include "platform/postgres_clients.h"
#include "platform/process.h"
#include "proof/options.h"

namespace vigie::proof {

struct ScratchRequest {
  platform::Path folder;      // of this drill alone; its parent is there or is made
  platform::Clients clients;  // of find_server()
  std::string user;           // whom it runs as when this process is root
  std::string preload;        // shared_preload_libraries, as the source has it
  unsigned jobs = 2;          // of pg_restore
};

// One thread. The destructor ends the server at once and removes the folder.
class ScratchServer {
 public:
  // Errors: scratch_in_use, scratch_failed, file_*, process_*, cancelled, deadline_exceeded.
  static Result<std::unique_ptr<ScratchServer>> start(platform::FileSystem& files,
                                                      platform::ProcessRunner& processes,
                                                      platform::PgConnector& postgres,
                                                      const platform::Clock& clock,
                                                      ScratchRequest request, const Work& work);
  ~ScratchServer();
  ScratchServer(const ScratchServer&) = delete;
  ScratchServer& operator=(const ScratchServer&) = delete;

  // Of a database in it; as a superuser.
  platform::Dsn dsn(const std::string& database) const;

 private:
  ScratchServer(platform::FileSystem& files, platform::ProcessRunner& processes,
                ScratchRequest request);
  Result<> take_folder();
  Result<> make_folder();
  Result<> make_cluster(const Work& work);
  Result<> launch(const Work& work);
  Result<> wait_until_it_answers(platform::PgConnector& postgres, const platform::Clock& clock,
                                 const Work& work);
  Error failed(std::string_view program, std::string reason) const;

  platform::FileSystem& files_;
  platform::ProcessRunner& processes_;
  const ScratchRequest request_;
  std::optional<platform::LockFile> lock_;
  bool ours_ = false;  // the folder was made by this object
  std::unique_ptr<platform::Process> server_;
};

platform::Path scratch_folder_of(const DrillOptions& options);

// Removes what a drill has left that ended with its process; fine when there is nothing. A folder
// in use, or of somebody else, stays. Errors: scratch_in_use, file_*.
Result<> clear_scratch_folder(platform::FileSystem& files, const platform::Path& folder);

// Settings that the server is started with; pure.
std::vector<std::string> scratch_settings(const ScratchRequest& request);

}  // namespace vigie::proof
