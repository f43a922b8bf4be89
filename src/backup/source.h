// What PostgreSQL says of itself and of one database: read from the catalogs alone, without a lock
// on any table, under the snapshot of the session that asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "platform/postgres.h"

namespace vigie::backup {

struct SourceTable {
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

struct Collation {
  std::string name;      // "default", or schema-qualified
  std::string provider;  // c: libc, i: ICU
  std::string version;   // recorded at creation; empty when there is none
  std::string actual_version;
};

struct Extension {
  std::string name;
  std::string version;
};

struct SourceFacts {
  std::string database;    // the name in the server, not the one in vigie.yaml
  int server_version = 0;  // 150018
  std::string server_version_text;
  std::string system_identifier;  // decimal; empty when the role may not read it
  std::string encoding;
  std::vector<Collation> collations;  // the database's own first, then those that are used
  std::vector<Extension> extensions;
  bool superuser = false;
  bool pooled = false;  // the session is not the backend's own: a pooler stands in between
  bool in_recovery = false;
  Bytes database_size;
  uint64_t large_objects = 0;
  uint64_t unreadable_large_objects = 0;
  std::vector<SourceTable> tables;
  std::vector<std::string> login_roles;   // that have a password: it is not in the dump
  std::vector<std::string> not_included;  // as words: what the dump cannot hold
  std::string data_directory;             // empty when the role may not read it
  int major() const { return server_version / 10000; }
};

// Errors: database_*, tables_limit.
Result<SourceFacts> read_source(platform::PgConnection& session, const std::string& database_name,
                                const platform::CallLimits& limits);

// Empty where the role may not read it. Not inside a transaction: a refusal would end that.
std::string read_system_identifier(platform::PgConnection& session,
                                   const platform::CallLimits& limits);

inline constexpr size_t kMaxTables = 50'000;

}  // namespace vigie::backup
