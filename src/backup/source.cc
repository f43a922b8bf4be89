#include "backup/source.h"

#include <fmt/format.h>

namespace vigie::backup {
namespace {

using platform::PgConnection;

// pg_table_size() and friends wait behind an exclusive lock; these queries touch nothing but
// catalogs.
constexpr std::string_view kServer = R"sql(
select current_setting('server_version'), current_database(), pg_encoding_to_char(d.encoding),
       d.datcollate, d.datctype, current_setting('lc_monetary'),
       r.rolsuper, pg_is_in_recovery(), pg_backend_pid(),
       case when pg_has_role('pg_read_all_settings', 'usage') then current_setting('data_directory') end,
       case when pg_has_role('pg_read_all_settings', 'usage') then current_setting('shared_preload_libraries') end
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = current_user)sql";

// PostgreSQL 15 knows the provider and the version of the database's own collation; 17 has another
// way to the latter.
constexpr std::string_view kLocale15 = R"sql(
select datlocprovider, coalesce(pg_database_collation_actual_version(oid), '')
from pg_database where datname = current_database())sql";
constexpr std::string_view kLocaleBefore15 = R"sql(
select 'c', coalesce(pg_collation_actual_version((select oid from pg_collation where collname = 'default')), ''))sql";

constexpr std::string_view kDatabaseSize =
    "set statement_timeout = '10s'; select pg_database_size(current_database())";

constexpr std::string_view kSystemIdentifier = "select system_identifier from pg_control_system()";

// What pg_dump locks: ordinary and partitioned tables, partitions, foreign tables; of an
// extension's tables only those that the extension itself declared to be configuration. A standby
// has no rows of unlogged tables, and pg_dump asks it for none.
constexpr std::string_view kTables = R"sql(
select c.oid, n.nspname, c.relname,
       c.relkind = 'r' and not (c.relpersistence = 'u' and pg_is_in_recovery()),
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

// A partition keeps its own order; what inherits gets its parents' columns first when it is
// restored.
constexpr std::string_view kInherited = R"sql(
select c.oid, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relkind = 'r' and not c.relispartition and exists (select from pg_inherits i where i.inhrelid = c.oid)
  and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
order by c.oid, a.attnum)sql";

// pg_dump reads the last value of each.
constexpr std::string_view kSequences = R"sql(
select count(*), coalesce(min(quote_ident(n.nspname) || '.' || quote_ident(c.relname)), '')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
                     and d.refclassid = 'pg_extension'::regclass
left join pg_extension e on e.oid = d.refobjid
where c.relkind = 'S' and c.relpersistence <> 't'
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and (e.oid is null or c.oid = any(e.extconfig))
  and not (has_sequence_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage')))sql";

constexpr std::string_view kLargeObjects = R"sql(
select count(*), count(*) filter (where not (pg_has_role(lomowner, 'usage')
  or exists (select from aclexplode(lomacl) a where a.privilege_type = 'SELECT'
             and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))))
from pg_largeobject_metadata)sql";

constexpr std::string_view kExtensions = "select extname, extversion from pg_extension order by 1";

constexpr std::string_view kRoles = R"sql(
select rolname from pg_roles where rolcanlogin and rolname !~ '^pg_' order by 1 limit 10000)sql";

constexpr std::string_view kUsedCollations = R"sql(
select distinct n.nspname || '.' || c.collname, coalesce(pg_collation_actual_version(c.oid), '')
from pg_attribute a join pg_collation c on c.oid = a.attcollation join pg_namespace n on n.oid = c.collnamespace
join pg_class t on t.oid = a.attrelid join pg_namespace tn on tn.oid = t.relnamespace
where c.collprovider <> 'd' and tn.nspname <> 'information_schema' and tn.nspname !~ '^pg_'
order by 1 limit 1000)sql";

constexpr std::string_view kNotIncluded = R"sql(
with me as (select rolsuper from pg_roles where rolname = current_user),
missing(kind, object, reason) as (
select 'rows of a foreign table', c.oid::regclass::text, 'they live in the foreign server'
from pg_class c where c.relkind = 'f'
union all
select 'rows of an unlogged table', c.oid::regclass::text, 'a standby does not have them'
from pg_class c where c.relkind = 'r' and c.relpersistence = 'u' and pg_is_in_recovery()
union all
select 'rows of a materialised view', c.oid::regclass::text, 'they are computed again'
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and n.nspname !~ '^pg_'
union all
select 'options of a user mapping', srvname, 'only a superuser may read them'
from pg_user_mappings, me where not rolsuper
union all
select 'subscription', subname, 'only a superuser may read it' from pg_subscription, me
where subdbid = (select oid from pg_database where datname = current_database()) and not rolsuper)
select kind, object, reason, count(*) over () from missing order by 1, 2 limit $1)sql";

bool truth(std::string_view text) {
  return text == "t";
}

Result<> read_server(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kServer, limits));
  facts.server.version = rows->at(0, 0);
  facts.server.version_num = session.server_version();
  facts.server.database = rows->at(0, 1);
  facts.server.encoding = rows->at(0, 2);
  facts.server.collate = rows->at(0, 3);
  facts.server.ctype = rows->at(0, 4);
  facts.server.lc_monetary = rows->at(0, 5);
  facts.superuser = truth(rows->at(0, 6));
  facts.in_recovery = truth(rows->at(0, 7));
  // A pooler answers with a cancel key of its own, so the two numbers differ.
  facts.pooled = rows->integer(0, 8) != session.backend_pid();
  facts.data_directory = rows->at(0, 9);
  facts.server.preload = rows->at(0, 10);
  return {};
}

Result<> read_locale(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  const auto sql = facts.server.version_num >= 150000 ? kLocale15 : kLocaleBefore15;
  TRY_ASSIGN(const auto rows, session.query(sql, limits));
  const std::string_view provider = rows->at(0, 0);
  facts.server.locale_provider = provider == "i" ? "icu" : provider == "b" ? "builtin" : "libc";
  facts.server.collation_version = rows->at(0, 1);
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

Result<> read_inherited(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kInherited, limits));
  for (size_t i = 0; i < rows->rows(); ++i)
    facts.inherited_columns[static_cast<uint32_t>(rows->integer(i, 0))].emplace_back(
        rows->at(i, 1));
  return {};
}

Result<std::vector<artefact::Versioned>> read_versions(PgConnection& session, std::string_view sql,
                                                       const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(sql, limits));
  std::vector<artefact::Versioned> out;
  for (size_t i = 0; i < rows->rows(); ++i)
    out.push_back({std::string(rows->at(i, 0)), std::string(rows->at(i, 1))});
  return out;
}

Result<> read_not_included(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows,
             session.query(kNotIncluded, {fmt::format("{}", kMaxNotIncluded)}, limits));
  for (size_t i = 0; i < rows->rows(); ++i) {
    facts.not_included.push_back(
        {std::string(rows->at(i, 0)), std::string(rows->at(i, 1)), std::string(rows->at(i, 2))});
  }
  if (rows->rows() > 0)
    facts.not_included_more = static_cast<uint64_t>(rows->integer(0, 3)) - rows->rows();
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

Result<> read_sequences(PgConnection& session, SourceFacts& facts, const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(kSequences, limits));
  facts.unreadable_sequences = static_cast<uint64_t>(rows->integer(0, 0));
  facts.unreadable_sequence = rows->at(0, 1);
  return {};
}

}  // namespace

std::string SourceRelation::qualified() const {
  return platform::quote_identifier(schema) + "." + platform::quote_identifier(name);
}

std::string read_system_identifier(PgConnection& session, const CallLimits& limits) {
  const auto rows = session.query(kSystemIdentifier, limits);
  return rows ? std::string((*rows)->at(0, 0)) : std::string();
}

Bytes read_database_size(PgConnection& session, const CallLimits& limits) {
  const auto rows = session.query(kDatabaseSize, limits);
  return rows ? Bytes{static_cast<uint64_t>((*rows)->integer(0, 0))} : Bytes{};
}

Result<SourceFacts> read_source(PgConnection& session, const std::string& database_name,
                                const CallLimits& limits) {
  SourceFacts facts;
  TRY(read_server(session, facts, limits));
  TRY(read_locale(session, facts, limits));
  TRY(read_tables(session, facts, database_name, limits));
  TRY(read_inherited(session, facts, limits));
  TRY_ASSIGN(facts.collations, read_versions(session, kUsedCollations, limits));
  TRY_ASSIGN(facts.extensions, read_versions(session, kExtensions, limits));
  TRY(read_large_objects(session, facts, limits));
  TRY(read_sequences(session, facts, limits));
  TRY_ASSIGN(facts.login_roles, read_column(session, kRoles, limits));
  TRY(read_not_included(session, facts, limits));
  return facts;
}

}  // namespace vigie::backup
