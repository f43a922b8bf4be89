#include "backup/source.h"

#include <fmt/format.h>

namespace vigie::backup {
namespace {

using platform::CallLimits;
using platform::PgConnection;

// pg_table_size() and friends wait behind an exclusive lock; these queries touch nothing but
// catalogs.
constexpr std::string_view kServer = R"sql(
select current_database(), current_setting('server_version'), pg_encoding_to_char(d.encoding),
       r.rolsuper, pg_is_in_recovery(), pg_backend_pid(),
       case when has_database_privilege(d.oid, 'connect') then pg_database_size(d.oid) end,
       case when pg_has_role('pg_read_all_settings', 'member') then current_setting('data_directory') end
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = current_user)sql";

constexpr std::string_view kSystemIdentifier = "select system_identifier from pg_control_system()";

// What pg_dump locks: ordinary and partitioned tables, partitions, foreign tables; of an
// extension's tables only those that the extension itself declared to be configuration.
constexpr std::string_view kTables = R"sql(
select c.oid, n.nspname, c.relname, c.relkind = 'r',
       has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage'),
       row_security_active(c.oid),
       e.extname is not null
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
                     and d.refclassid = 'pg_extension'::regclass
left join pg_extension e on e.oid = d.refobjid
where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and (e.oid is null or c.oid = any(e.extconfig))
order by c.oid
limit $1)sql";

constexpr std::string_view kLargeObjects = R"sql(
select count(*), count(*) filter (where not (pg_has_role(lomowner, 'usage')
  or exists (select from aclexplode(lomacl) a where a.privilege_type = 'SELECT'
             and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))))
from pg_largeobject_metadata)sql";

constexpr std::string_view kExtensions = "select extname, extversion from pg_extension order by 1";

constexpr std::string_view kRoles = R"sql(
select rolname from pg_roles where rolcanlogin and rolname !~ '^pg_' order by 1 limit 10000)sql";

// The row that PostgreSQL 15 has for the database's own collation has other columns before that.
constexpr std::string_view kDatabaseCollation15 = R"sql(
select 'default', datlocprovider, coalesce(datcollversion, ''), coalesce(pg_database_collation_actual_version(oid), '')
from pg_database where datname = current_database())sql";
constexpr std::string_view kDatabaseCollation10 = R"sql(
select 'default', 'c', '', coalesce(pg_collation_actual_version('pg_catalog."default"'::regcollation), ''))sql";

constexpr std::string_view kUsedCollations = R"sql(
select distinct n.nspname || '.' || c.collname, c.collprovider, coalesce(c.collversion, ''),
       coalesce(pg_collation_actual_version(c.oid), '')
from pg_attribute a join pg_collation c on c.oid = a.attcollation join pg_namespace n on n.oid = c.collnamespace
join pg_class t on t.oid = a.attrelid join pg_namespace tn on tn.oid = t.relnamespace
where c.collprovider <> 'd' and tn.nspname <> 'information_schema' and tn.nspname !~ '^pg_'
order by 1 limit 1000)sql";

constexpr std::string_view kNotIncluded = R"sql(
select 'rows of the foreign table ' || c.oid::regclass from pg_class c where c.relkind = 'f'
union all
select 'the password of the user mapping of server ' || quote_ident(srvname)
from pg_user_mappings where umuser <> 0 and not (select rolsuper from pg_roles where rolname = current_user)
union all
select 'the subscription ' || quote_ident(subname) from pg_subscription
where subdbid = (select oid from pg_database where datname = current_database())
  and not (select rolsuper from pg_roles where rolname = current_user)
union all
select 'rows of the materialised view ' || c.oid::regclass || ' (they are computed again)'
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and n.nspname !~ '^pg_'
limit 1000)sql";

bool truth(std::string_view text) {
  return text == "t";
}

Result<> read_server(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kServer, limits));
  facts.database = rows->at(0, 0);
  facts.server_version = session.server_version();
  facts.server_version_text = rows->at(0, 1);
  facts.encoding = rows->at(0, 2);
  facts.superuser = truth(rows->at(0, 3));
  facts.in_recovery = truth(rows->at(0, 4));
  // A pooler answers with a cancel key of its own, so the two numbers differ.
  facts.pooled = rows->integer(0, 5) != session.backend_pid();
  facts.database_size = {static_cast<uint64_t>(rows->integer(0, 6))};
  facts.data_directory = rows->at(0, 7);
  return {};
}

Result<> read_tables(PgConnection& session, SourceFacts& facts, const std::string& name,
                     const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kTables, {fmt::format("{}", kMaxTables + 1)}, limits));
  if (rows->rows() > kMaxTables) {
    return fail(ErrorCode::tables_limit, {{"database", name},
                                          {"observed", fmt::format("more than {}", kMaxTables)},
                                          {"limit", fmt::format("{}", kMaxTables)}});
  }
  facts.tables.reserve(rows->rows());
  for (size_t i = 0; i < rows->rows(); ++i) {
    facts.tables.push_back({static_cast<uint32_t>(rows->integer(i, 0)), std::string(rows->at(i, 1)),
                            std::string(rows->at(i, 2)), truth(rows->at(i, 3)),
                            truth(rows->at(i, 4)), truth(rows->at(i, 5)), truth(rows->at(i, 6))});
  }
  return {};
}

Result<> read_collations(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  for (const auto sql :
       {facts.server_version >= 150000 ? kDatabaseCollation15 : kDatabaseCollation10,
        kUsedCollations}) {
    TRY_ASSIGN(const auto rows, session.query(sql, limits));
    for (size_t i = 0; i < rows->rows(); ++i) {
      facts.collations.push_back({std::string(rows->at(i, 0)), std::string(rows->at(i, 1)),
                                  std::string(rows->at(i, 2)), std::string(rows->at(i, 3))});
    }
  }
  return {};
}

Result<std::vector<std::string>> read_column(PgConnection& session, std::string_view sql,
                                             const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(sql, limits));
  std::vector<std::string> column;
  for (size_t i = 0; i < rows->rows(); ++i) column.emplace_back(rows->at(i, 0));
  return column;
}

Result<> read_large_objects(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kLargeObjects, limits));
  facts.large_objects = static_cast<uint64_t>(rows->integer(0, 0));
  facts.unreadable_large_objects = facts.superuser ? 0 : static_cast<uint64_t>(rows->integer(0, 1));
  return {};
}

Result<> read_extensions(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kExtensions, limits));
  for (size_t i = 0; i < rows->rows(); ++i) {
    facts.extensions.push_back({std::string(rows->at(i, 0)), std::string(rows->at(i, 1))});
  }
  return {};
}

}  // namespace

std::string SourceTable::qualified() const {
  return platform::quote_identifier(schema) + "." + platform::quote_identifier(name);
}

std::string read_system_identifier(PgConnection& session, const CallLimits& limits) {
  const auto rows = session.query(kSystemIdentifier, limits);
  return rows ? std::string((*rows)->at(0, 0)) : std::string();
}

Result<SourceFacts> read_source(PgConnection& session, const std::string& database_name,
                                const CallLimits& limits) {
  SourceFacts facts;
  TRY(read_server(session, facts, limits));
  TRY(read_tables(session, facts, database_name, limits));
  TRY(read_collations(session, facts, limits));
  TRY(read_extensions(session, facts, limits));
  TRY(read_large_objects(session, facts, limits));
  TRY_ASSIGN(facts.login_roles, read_column(session, kRoles, limits));
  TRY_ASSIGN(facts.not_included, read_column(session, kNotIncluded, limits));
  return facts;
}

}  // namespace vigie::backup
