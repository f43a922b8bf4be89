// A real server that speaks S3 and checks its signatures: Debian's radosgw, before a Ceph that
// keeps everything in memory (scripts/radosgw.sh). One for each test process, made at its
// first use (about a second) and gone with it, also when it is killed.
//
// Throws std::runtime_error when it does not start; GoogleTest shows that as a failed test.
#pragma once

#include <memory>
#include <string>

#include "platform/file_system.h"

namespace vigie::testing {

class Radosgw {
 public:
  static Radosgw& shared();

  int port() const;
  std::string endpoint() const;  // "http://127.0.0.1:…"
  std::string access_key() const;
  std::string secret_key() const;
  // A file of mode 0600 with both.
  platform::Path credentials_file() const;
  platform::Path reader_file() const;  // of a key that may list and read, and nothing else
  // Two buckets are there; tests part one by prefixes.
  std::string bucket() const { return "backups"; }
  std::string other_bucket() const { return "elsewhere"; }

  // Each call another: "t1", "t2", ….
  static std::string new_prefix();

 private:
  Radosgw();
  ~Radosgw();
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace vigie::testing
