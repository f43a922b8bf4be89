// A session that holds one consistent snapshot of the source: pg_dump reads under it (--snapshot),
// and so do the facts and the counts that the artefact is compared with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "artefact/row_settings.h"
#include "backup/options.h"
#include "backup/source.h"
#include "platform/clock.h"
#include "platform/postgres.h"

namespace vigie::backup {

// One thread at a time. The snapshot ends with the object.
class SourceSession {
 public:
  // Opens a session for `dsn` and exports its snapshot. Errors: database_*, secret_*.
  static Result<SourceSession> open(platform::PgConnector& connector, const platform::Dsn& dsn,
                                    std::string_view application_name, const platform::Clock& clock,
                                    const platform::CallLimits& limits);

  const std::string& id() const { return id_; }  // for pg_dump --snapshot
  const artefact::Snapshot& snapshot() const { return snapshot_; }
  const SourceFacts& facts() const { return facts_; }
  platform::PgConnection& session() { return *session_; }

 private:
  SourceSession() = default;
  Result<> begin(const platform::Clock& clock, const platform::CallLimits& limits);

  std::unique_ptr<platform::PgConnection> session_;
  std::string id_;
  artefact::Snapshot snapshot_;
  SourceFacts facts_;
};

// Does the dump hold what the source holds under the same snapshot? counts: the number of rows of
// each table; full: the fingerprints too, by reading every row again. Tables of which a dump holds
// only some rows are left out. Errors: source_rows_differ, database_*.
Result<artefact::SourceCheck> check_against_source(SourceSession& source,
                                                   const std::string& database, SourceCheck mode,
                                                   const std::vector<artefact::TableEntry>& dumped,
                                                   const artefact::FingerprintKey& key,
                                                   const platform::CallLimits& limits);

}  // namespace vigie::backup
