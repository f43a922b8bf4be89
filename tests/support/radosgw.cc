#include "tests/support/radosgw.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "platform/descriptor.h"
#include "platform/process.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAccessKey = "VIGIETESTACCESSKEY01";
constexpr const char* kSecretKey = "vigie/test+secret-key-0123456789abcdefgh";

void write_key(const platform::Path& path, const char* access_key) {
  std::ofstream(path) << access_key << "\n" << kSecretKey << "\n";
  std::filesystem::permissions(path, std::filesystem::perms(0600));
}

std::string text_of(const platform::Path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

struct Radosgw::Running {
  TempFolder folder;
  int port = free_port();
  std::unique_ptr<platform::ProcessRunner> runner = platform::make_process_runner();
  std::unique_ptr<platform::Process> process;

  bool start() {
    const platform::Descriptor log(
        ::open((folder / "output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    platform::Command command;
    command.program = "/bin/sh";
    command.arguments = {"-c",
                         "exec bash \"$0\" \"$@\" 2>&1",
                         std::string(VIGIE_SOURCE_DIR) + "/scripts/radosgw.sh",
                         folder.path().string(),
                         std::to_string(free_port()),
                         std::to_string(port),
                         kAccessKey,
                         kSecretKey,
                         "backups",
                         "elsewhere"};
    command.output = log.get();
    auto started = runner->start(command, {});
    if (!started) return false;
    process = std::move(*started);
    const auto until = MonoTime::clock::now() + 90s;
    while (!std::filesystem::exists(folder / "ready")) {
      if (!process->running() || MonoTime::clock::now() > until) return false;
      ::usleep(20'000);  // a script offers no event for "ready"
    }
    return true;
  }
};

Radosgw::Radosgw() : running_(std::make_unique<Running>()) {
  if (!running_->start())
    throw std::runtime_error("Radosgw: it does not start: " + text_of(running_->folder / "output"));
  write_key(credentials_file(), kAccessKey);
  write_key(reader_file(), "READER");
}

Radosgw::~Radosgw() = default;

Radosgw& Radosgw::shared() {
  static Radosgw one;
  return one;
}

int Radosgw::port() const {
  return running_->port;
}
std::string Radosgw::endpoint() const {
  return "http://127.0.0.1:" + std::to_string(port());
}
std::string Radosgw::access_key() const {
  return kAccessKey;
}
std::string Radosgw::secret_key() const {
  return kSecretKey;
}
platform::Path Radosgw::credentials_file() const {
  return running_->folder / "credentials";
}
platform::Path Radosgw::reader_file() const {
  return running_->folder / "reader";
}

std::string Radosgw::new_prefix() {
  static std::atomic<int> count = 0;
  return "t" + std::to_string(++count);
}

}  // namespace vigie::testing
