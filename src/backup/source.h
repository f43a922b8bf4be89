// What PostgreSQL says of itself and of one database: read from the catalogs alone, without a lock
// on any table, under the snapshot of the session that asks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "base/bytes.h"
#include "platform/postgres.h"

namespace vigie::backup {

struct SourceRelation {
  uint32_t oid = 0;
  std::string schema;
  std::string name;
  bool has_rows =
      true;  // false: a partitioned parent or a foreign table; pg_dump locks it, and dumps no rows
  bool readable = true;       // the role may SELECT from it, or from its schema
  bool row_security = false;  // policies would hide rows from the role
  bool part_of_rows =
      false;  // an extension's configuration table: only some of its rows are dumped
  std::string qualified() const;  // quoted, for SQL
};

struct SourceFacts {
  artefact::Server server;
  std::vector<artefact::Versioned> collations;  // those that columns use, beside the database's own
  std::vector<artefact::Versioned> extensions;
  std::vector<artefact::NotIncluded> not_included;  // the first kMaxNotIncluded
  uint64_t not_included_more = 0;
  std::vector<SourceRelation> tables;
  // Of tables that inherit, by oid: the columns as pg_dump's COPY names them.
  std::map<uint32_t, std::vector<std::string>> inherited_columns;
  std::vector<std::string> login_roles;  // their passwords are not in the dump unless asked for
  bool superuser = false;
  bool pooled = false;  // the session is not the backend's own: a pooler stands in between
  bool in_recovery = false;
  Bytes database_size;  // 0: not known
  uint64_t large_objects = 0;
  uint64_t unreadable_large_objects = 0;
  uint64_t unreadable_sequences = 0;
  std::string unreadable_sequence;  // one of them, quoted
  std::string data_directory;       // empty when the role may not read it
  int major() const { return server.version_num / 10000; }
};

// Errors: database_*, tables_limit.
Result<SourceFacts> read_source(platform::PgConnection& session, const std::string& database_name,
                                const CallLimits& limits);

// Empty where the role may not read it. Not inside a transaction: a refusal would end that.
std::string read_system_identifier(platform::PgConnection& session, const CallLimits& limits);

// 0 where the role may not ask, or the server takes too long: it looks at each file. Not inside a
// transaction either.
Bytes read_database_size(platform::PgConnection& session, const CallLimits& limits);

inline constexpr size_t kMaxTables = 50'000;
inline constexpr size_t kMaxNotIncluded = 1000;  // are named; the rest is counted

}  // namespace vigie::backup
