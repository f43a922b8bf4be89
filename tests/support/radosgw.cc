#include "tests/support/radosgw.h"

#include <atomic>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "tests/support/contents.h"
#include "tests/support/free_port.h"
#include "tests/support/server_script.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAccessKey = "VIGIETESTACCESSKEY01";
constexpr const char* kSecretKey = "vigie/test+secret-key-0123456789abcdefgh";

void write_key(const platform::Path& path, const char* access_key) {
  std::ofstream(path) << access_key << "\n" << kSecretKey << "\n";
  std::filesystem::permissions(path, std::filesystem::perms(0600));
}

}  // namespace

struct Radosgw::Running {
  ServerScript script;
  int port = free_port();

  bool start() {
    return script.start("radosgw.sh",
                        {script.folder().string(), std::to_string(free_port()),
                         std::to_string(port), kAccessKey, kSecretKey, "backups", "elsewhere"},
                        90s);
  }
};

Radosgw::Radosgw() : running_(std::make_unique<Running>()) {
  if (!running_->start())
    throw std::runtime_error("Radosgw: it does not start: " +
                             contents(running_->script.folder() / "output"));
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
  return running_->script.folder() / "credentials";
}
platform::Path Radosgw::reader_file() const {
  return running_->script.folder() / "reader";
}

std::string Radosgw::new_prefix() {
  static std::atomic<int> count = 0;
  return "t" + std::to_string(++count);
}

}  // namespace vigie::testing
