// A session that holds one consistent snapshot: pg_dump reads under it (--snapshot), and so do our
// own counts.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backup/source.h"
#include "base/time.h"
#include "platform/clock.h"
#include "platform/postgres.h"

namespace vigie::backup {

class Snapshot {
 public:
  // Opens a session for `dsn` and exports its snapshot. Errors: database_*, secret_*.
  static Result<Snapshot> open(platform::PgConnector& connector, const platform::Dsn& dsn,
                               std::string_view application_name, const platform::Clock& clock,
                               const platform::CallLimits& limits);

  const std::string& id() const { return id_; }  // for pg_dump --snapshot
  const std::string& lsn() const {
    return lsn_;
  }  // "0/16B3748": the write-ahead log's end at the snapshot
  SystemTime taken_at() const { return taken_at_; }  // by the server's clock
  const std::string& system_identifier() const { return system_identifier_; }
  platform::PgConnection& session() { return *session_; }

 private:
  Snapshot() = default;
  std::unique_ptr<platform::PgConnection> session_;
  std::string id_;
  std::string lsn_;
  std::string system_identifier_;
  SystemTime taken_at_;
};

// The rows of each table (by oid) under the snapshot. Tables of which only some rows are dumped are
// left out.
using RowCounts = std::map<uint32_t, uint64_t>;
Result<RowCounts> count_rows(Snapshot& snapshot, const std::string& database,
                             const std::vector<SourceTable>& tables,
                             const platform::CallLimits& limits);

}  // namespace vigie::backup
