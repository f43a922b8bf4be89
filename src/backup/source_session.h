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
                                    const CallLimits& limits);

  const std::string& id() const { return id_; }  // for pg_dump --snapshot
  const artefact::Snapshot& snapshot() const { return snapshot_; }
  const SourceFacts& facts() const { return facts_; }
  platform::PgConnection& session() { return *session_; }
  // Beside its rows. After an error of the query the snapshot is as it was.
  Result<std::vector<artefact::ObjectCount>> inventory(const CallLimits& limits);
  // Ends the snapshot; what was read stays.
  void close() { session_.reset(); }

 private:
  SourceSession() = default;
  Result<> begin(const platform::Clock& clock, const CallLimits& limits);

  std::unique_ptr<platform::PgConnection> session_;
  std::string id_;
  artefact::Snapshot snapshot_;
  SourceFacts facts_;
};

// What the source itself says of its tables under the snapshot, by oid.
using SourceRows = std::map<uint32_t, artefact::RowSummary>;

// counts: the number of rows of each table; full: the fingerprints too, by reading every row.
// Tables of which a dump holds only some rows are left out. Beside the dump: the snapshot is the
// same, and pg_dump's first phase leaves cores idle. Errors: database_*, cancelled.
Result<SourceRows> read_source_rows(SourceSession& source, SourceCheck mode,
                                    const artefact::FingerprintKey& key, const CallLimits& limits);

// Does the dump hold what the source said? Errors: source_rows_differ; cancelled, when the source
// could not say it because `limits` have stopped.
Result<artefact::SourceCheck> compare_with_source(SourceSession& source,
                                                  const std::string& database, SourceCheck mode,
                                                  const Result<SourceRows>& rows,
                                                  const std::vector<artefact::TableEntry>& dumped,
                                                  const CallLimits& limits);

}  // namespace vigie::backup
