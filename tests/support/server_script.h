// A script of scripts/ that starts servers for a test and makes the file `ready` when they answer.
// They end with this object, and also when the test binary is killed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "platform/process.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

class ServerScript {
 public:
  // The script's own folder, for it to be told; what it says stands in `output` there.
  const platform::Path& folder() const { return folder_.path(); }

  // By bash; returns when there is `ready`. False: it has ended, or takes longer than `patience`.
  bool start(const std::string& script, const std::vector<std::string>& arguments,
             Duration patience);

 private:
  TempFolder folder_;
  std::unique_ptr<platform::ProcessRunner> runner_ = platform::make_process_runner();
  std::unique_ptr<platform::Process> process_;
};

}  // namespace vigie::testing
