// Key pairs of the real age, for tests.
#pragma once

#include <string>

#include "platform/process_output.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

class AgeKeys {
 public:
  AgeKeys() {
    platform::Command make;
    make.program = "/usr/bin/age-keygen";
    make.arguments = {"-o", file().string()};
    (void)platform::run_to_end(*runner_, make, MonoTime::max(), {});
    platform::Command tell;
    tell.program = "/usr/bin/age-keygen";
    tell.arguments = {"-y", file().string()};
    const auto said = platform::run_for_text(*runner_, tell, {4096}, MonoTime::max(), {});
    recipient_ = said ? said->output.substr(0, said->output.find('\n')) : "";
  }

  platform::Path file() const { return folder_.path() / "key.txt"; }  // mode 0600
  const std::string& recipient() const { return recipient_; }
  // For searches: it must be found nowhere.
  std::string secret() const {
    const std::string text =
        platform::read_file(platform::real_file_system(), file(), {4096}).value();
    return text.substr(text.find("AGE-SECRET-KEY-1"), 40);
  }

 private:
  TempFolder folder_;
  std::unique_ptr<platform::ProcessRunner> runner_ = platform::make_process_runner();
  std::string recipient_;
};

}  // namespace vigie::testing
