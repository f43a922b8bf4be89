// A PostgreSQL that says that it is another: stands on a socket of its own before a real server,
// and passes everything on but the version, which it gives as it is told. For versions that Debian
// does not have. The sessions end with the object.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "platform/descriptor.h"
#include "tests/support/pg_cluster.h"

namespace vigie::testing {

class PgMasquerade {
 public:
  // `major` takes the place of the server's own, and has as many digits.
  PgMasquerade(const PgCluster& server, std::string major);
  PgMasquerade(const PgMasquerade&) = delete;
  PgMasquerade& operator=(const PgMasquerade&) = delete;

  std::string dsn() const;  // of the database postgres, as the superuser

 private:
  void accept_all(const std::stop_token& stop);
  void pass_on(platform::Descriptor client, const std::stop_token& stop) const;

  TempFolder folder_;
  platform::Path behind_;
  std::string major_;
  platform::Descriptor listener_;
  std::vector<std::jthread> sessions_;  // of the accepting thread
  std::jthread accepting_;
};

}  // namespace vigie::testing
