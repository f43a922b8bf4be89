// A command line in a test: the program's own parser and verbs, what they printed, and, where the
// answers of a daemon matter, a Backend that gives scripted ones and notes the questions.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/context.h"
#include "platform/clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

struct Printed {
  int exit_code = 0;
  std::string out;
  std::string words;
};

// Not for two at once: it captures the process's stdout and stderr.
inline Printed run_program(std::vector<const char*> words, const cli::Hooks& hooks = {}) {
  words.insert(words.begin(), "vigie");
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Printed printed;
  printed.exit_code = cli::run(static_cast<int>(words.size()), words.data(), hooks);
  printed.out = ::testing::internal::GetCapturedStdout();
  printed.words = ::testing::internal::GetCapturedStderr();
  return printed;
}

// The other side, as a script.
struct Script {
  std::deque<cli::Answer> answers;
  std::vector<cli::Ask> asked;
  std::string configuration_sha256;
};

class ScriptedBackend final : public cli::Backend {
 public:
  explicit ScriptedBackend(Script& script) : script_(script) {}
  Result<cli::Answer> ask(const cli::Ask& ask) override {
    script_.asked.push_back(ask);
    if (script_.answers.empty()) return fail(ErrorCode::internal_error, {{"reason", "script"}});
    cli::Answer answer = std::move(script_.answers.front());
    script_.answers.pop_front();
    return answer;
  }
  std::string configuration_sha256() override { return script_.configuration_sha256; }

 private:
  Script& script_;
};

// Who waits, waits no time: a poll of a script comes at once.
class SkippingClock final : public platform::Clock {
 public:
  SystemTime now() const override {
    return SystemTime(std::chrono::sys_days(std::chrono::days(1)));
  }
  MonoTime monotonic() const override { return at_; }
  bool sleep_until(MonoTime deadline, std::stop_token) const override {
    at_ = deadline;
    return true;
  }

 private:
  mutable MonoTime at_{};
};

// A folder with a configuration, and no daemon unless one is asked for: the verbs get the script.
class Scripted {
 public:
  Scripted() {
    state_ = (folder_ / "state").string();
    config_ = (folder_ / "vigie.yaml").string();
    std::ofstream(config_) << "state: {dir: " << state_ << "}\n"
                           << "databases: {app: {dsn: \"host=/nowhere dbname=app\"}}\n"
                           << "stores: {local: {type: local, path: " << state_ << "/artefacts}}\n"
                           << "backups: {nightly: {database: app, store: local, "
                              "schedule: \"@daily\"}}\n";
    hooks_.files = &platform::real_file_system();
    hooks_.clock = &clock_;
    hooks_.stop = stop.get_token();
    hooks_.open_alone = [this](const config::Config&,
                               cli::Access access) -> Result<std::unique_ptr<cli::Backend>> {
      opened.push_back(access);
      return std::make_unique<ScriptedBackend>(script);
    };
  }

  // A daemon answers, with the script; empty: it is silent.
  void has_daemon(const std::string& configuration_sha256) {
    script.configuration_sha256 = configuration_sha256;
    std::filesystem::create_directories(state_);
    std::ofstream(state_ + "/vigie.sock");
    hooks_.reach = [this](const platform::Path&) -> std::unique_ptr<cli::Backend> {
      return std::make_unique<ScriptedBackend>(script);
    };
  }
  std::string configuration_sha256() const {
    return config::load(platform::real_file_system(), config_).config->sha256;
  }
  const std::string& state() const { return state_; }

  void answers(int status, std::string_view body) {
    script.answers.push_back({status, parse_json(body).value()});
  }
  Printed run(std::vector<const char*> words) {
    words.insert(words.end(), {"-c", config_.c_str()});
    return run_program(std::move(words), hooks_);
  }

  Script script;
  std::vector<cli::Access> opened;
  std::stop_source stop;

 private:
  TempFolder folder_;
  std::string state_;
  std::string config_;
  SkippingClock clock_;
  cli::Hooks hooks_;
};

}  // namespace vigie::testing
