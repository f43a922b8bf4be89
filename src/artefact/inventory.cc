#include "artefact/inventory.h"

#include <algorithm>

#include "base/encoding.h"

namespace vigie::artefact {
namespace {

// Facts of the catalogs alone: the text of an expression is put together anew by each restore, and
// by each major version in its own way; constants in it follow the session's settings; and
// functions that make it wait behind a table's lock. Rights are expanded, since a missing list and
// the list of the owner's own rights are the same.
constexpr std::string_view kObjects = R"sql(
with recursive
own as (select oid, nspname, nspowner, nspacl from pg_namespace n
  where nspname !~ '^pg_' and nspname <> 'information_schema'),
brought as (select classid, objid from pg_depend where deptype = 'e'),
rel as (select c.*, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as id from pg_class c
  join own n on n.oid = c.relnamespace
  where c.relpersistence <> 't' and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')
    and ('pg_class'::regclass, c.oid) not in (select * from brought)
    and not exists (select from pg_index i join brought b on b.classid = 'pg_class'::regclass and b.objid = i.indrelid
                    where i.indexrelid = c.oid)),
proc as (select p.*, quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' ||
    pg_get_function_identity_arguments(p.oid) || ')' as id from pg_proc p
  join own n on n.oid = p.pronamespace
  where ('pg_proc'::regclass, p.oid) not in (select * from brought)
    -- the functions of a range type are the server's own
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')),
typ as (select t.*, quote_ident(n.nspname) || '.' || quote_ident(t.typname) as id from pg_type t
  join own n on n.oid = t.typnamespace
  where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and
         (select relkind from pg_class c where c.oid = t.typrelid) = 'c')
    and ('pg_type'::regclass, t.oid) not in (select * from brought)),
schemas as (select n.*, quote_ident(nspname) as id from own n
  where ('pg_namespace'::regclass, n.oid) not in (select * from brought)),
-- PostgreSQL itself made public; who owns it differs from one major version to the next.
named_schemas as (select * from schemas where nspname <> 'public'),
)sql";

// Whole schemas, and of tables some columns or rows, are published from PostgreSQL 15 on.
constexpr std::string_view kPublished15 = R"sql(
published(publication, line) as (
  select prpubid, concat_ws(',', 'table', rel.id, prqual is not null,
      (select string_agg(quote_ident(a.attname), ',' order by a.attname) from unnest(prattrs::int2[]) k(attnum)
       join pg_attribute a on a.attrelid = prrelid and a.attnum = k.attnum))
  from pg_publication_rel join rel on rel.oid = prrelid
  union all
  select pnpubid, 'schema,' || schemas.id from pg_publication_namespace join schemas on schemas.oid = pnnspid),
)sql";
constexpr std::string_view kPublishedBefore15 = R"sql(
published(publication, line) as (
  select prpubid, 'table,' || rel.id from pg_publication_rel join rel on rel.oid = prrelid),
)sql";

constexpr std::string_view kLines = R"sql(
publication as (select *, quote_ident(pubname) as id from pg_publication p
  where ('pg_publication'::regclass, p.oid) not in (select * from brought)),
-- Its owner is in no dump before PostgreSQL 15, and was the server's first role, whatever that is called.
public_schema as (select own.*, current_setting('server_version_num')::int >= 150000 as owner_is_dumped
  from own where nspname = 'public'),
line(kind, line) as (
select 'tables', concat_ws('|', id, relkind, relpersistence, relrowsecurity, relforcerowsecurity,
    relreplident, relispartition) from rel where relkind in ('r', 'p', 'f')
union all
select 'columns', concat_ws('|', id, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.atthasdef, a.attidentity, a.attgenerated,
    (select quote_ident(n.nspname) || '.' || quote_ident(k.collname) from pg_collation k
     join pg_namespace n on n.oid = k.collnamespace where k.oid = a.attcollation))
from rel join pg_attribute a on a.attrelid = rel.oid
where relkind in ('r', 'p', 'f', 'v', 'm') and a.attnum > 0 and not a.attisdropped
union all
select 'views', id from rel where relkind = 'v'
union all
select 'materialised_views', id from rel where relkind = 'm'
union all
select 'indexes', concat_ws('|', id, i.indrelid::regclass, m.amname, i.indisunique, i.indisprimary, i.indisclustered,
    i.indisreplident, i.indnkeyatts, i.indpred is not null, i.indoption,
    (select string_agg(coalesce(quote_ident(a.attname), 'expression'), ',' order by k.n)
     from unnest(i.indkey::int2[]) with ordinality k(attnum, n)
     left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0))
from rel join pg_index i on i.indexrelid = rel.oid join pg_am m on m.oid = rel.relam
where i.indisvalid or relkind = 'I'
union all
select 'constraints', concat_ws('|', id, quote_ident(c.conname), c.contype, c.condeferrable, c.condeferred, c.convalidated,
    nullif(c.confrelid, 0)::regclass, c.confupdtype, c.confdeltype, c.confmatchtype,
    (select string_agg(quote_ident(a.attname), ',' order by k.n) from unnest(c.conkey) with ordinality k(attnum, n)
     join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum),
    (select string_agg(quote_ident(a.attname), ',' order by k.n) from unnest(c.confkey) with ordinality k(attnum, n)
     join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum))
from rel join pg_constraint c on c.conrelid = rel.oid where c.contype in ('c', 'f', 'p', 'u', 'x') and c.conparentid = 0
union all
select 'sequences', concat_ws('|', id, format_type(s.seqtypid, null), seqstart, seqincrement, seqmin, seqmax,
    seqcache, seqcycle) from rel join pg_sequence s on s.seqrelid = rel.oid
union all
select 'functions', concat_ws('|', id, prokind, provolatile, prosecdef, proleakproof, proisstrict, l.lanname, prosrc,
    proconfig::text) from proc join pg_language l on l.oid = prolang
union all
select 'types', concat_ws('|', id, typtype,
    (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder) from pg_enum e where e.enumtypid = typ.oid),
    case when typtype = 'd' then format_type(typbasetype, typtypmod) end, typnotnull) from typ
union all
select 'triggers', concat_ws('|', id, quote_ident(tgname), tgtype, tgfoid::regproc, tgenabled, tgqual is not null)
from rel join pg_trigger t on t.tgrelid = rel.oid where not tgisinternal
union all
select 'policies', concat_ws('|', id, quote_ident(polname), polcmd, polpermissive,
    (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ',' order by r.rolname)
     from unnest(polroles) p(role) left join pg_roles r on r.oid = p.role))
from rel join pg_policy p on p.polrelid = rel.oid
union all
select 'rules', concat_ws('|', id, quote_ident(rulename), ev_type, is_instead)
from rel join pg_rewrite w on w.ev_class = rel.oid where rulename <> '_RETURN'
union all
select 'schemas', id from named_schemas
union all
select 'extensions', quote_ident(extname) from pg_extension
union all
select 'large_objects', oid::text from pg_largeobject_metadata
union all
select 'owners', concat_ws('|', 'large object', oid, pg_get_userbyid(lomowner)) from pg_largeobject_metadata
union all
select 'owners', concat_ws('|', 'relation', id, pg_get_userbyid(relowner)) from rel where relkind not in ('i', 'I')
union all
select 'owners', concat_ws('|', 'function', id, pg_get_userbyid(proowner)) from proc
union all
select 'owners', concat_ws('|', 'type', id, pg_get_userbyid(typowner)) from typ
union all
select 'owners', concat_ws('|', 'schema', id, pg_get_userbyid(nspowner)) from named_schemas
union all
select 'owners', concat_ws('|', 'database', pg_get_userbyid(datdba)) from pg_database where datname = current_database()
union all
select 'grants', concat_ws('|', held.what, held.id, coalesce(pg_get_userbyid(nullif(a.grantee, 0)), 'public'),
    a.privilege_type, a.is_grantable)
from (
  select 'relation' as what, id, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)) as acl
  from rel where relkind not in ('i', 'I')
  union all
  select 'column', id || '.' || quote_ident(attname), attacl from rel join pg_attribute on attrelid = rel.oid
  where attacl is not null and not attisdropped
  union all
  select 'function', id, coalesce(proacl, acldefault('f', proowner)) from proc
  union all
  select 'type', id, coalesce(typacl, acldefault('T', typowner)) from typ
  union all
  select 'schema', id, coalesce(nspacl, acldefault('n', nspowner)) from named_schemas
  union all
  select 'database', 'itself', coalesce(datacl, acldefault('d', datdba)) from pg_database where datname = current_database()
  union all
  select 'default', concat_ws('|', pg_get_userbyid(defaclrole), (select quote_ident(nspname) from pg_namespace n
    where n.oid = defaclnamespace), defaclobjtype), defaclacl from pg_default_acl
) held, aclexplode(held.acl) a
union all
select 'public_schema', 'owner|' || pg_get_userbyid(nspowner) from public_schema where owner_is_dumped
union all
select 'public_schema', concat_ws('|', 'grant',
    case when a.grantee = 0 then 'public' when a.grantee = 10 and not owner_is_dumped then 'first role'
         else pg_get_userbyid(a.grantee) end, a.privilege_type, a.is_grantable)
from public_schema, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
union all
select 'publications', concat_ws('|', id, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
    (select string_agg(line, ' ' order by line collate "C") from published where published.publication = p.oid))
from publication p
union all
select 'publication_owners', concat_ws('|', id, pg_get_userbyid(pubowner)) from publication
union all
select 'event_triggers', concat_ws('|', quote_ident(evtname), evtevent, evtfoid::regproc, evtenabled, evttags::text)
from pg_event_trigger e where ('pg_event_trigger'::regclass, e.oid) not in (select * from brought)
union all
select 'settings', concat_ws('|', coalesce(pg_get_userbyid(nullif(setrole, 0)), 'all'), setting)
from pg_db_role_setting s, unnest(setconfig) setting
where setdatabase = (select oid from pg_database where datname = current_database())
),
kinds(kind) as (values ('tables'), ('columns'), ('views'), ('materialised_views'), ('indexes'), ('constraints'),
  ('sequences'), ('functions'), ('types'), ('triggers'), ('policies'), ('rules'), ('schemas'), ('extensions'),
  ('large_objects'), ('owners'), ('grants'), ('settings'), ('public_schema'), ('publications'),
  ('publication_owners'), ('event_triggers'))
select kind, count(line), encode(sha256(convert_to(
    coalesce(string_agg(line, E'\n' order by line collate "C"), ''), getdatabaseencoding())), 'hex')
from kinds left join line using (kind) group by kind order by kind collate "C")sql";

std::string question_for(int server_version) {
  std::string sql(kObjects);
  sql += server_version >= 150000 ? kPublished15 : kPublishedBefore15;
  return sql += kLines;
}

}  // namespace

Result<std::vector<ObjectCount>> read_inventory(platform::PgConnection& session,
                                                const CallLimits& limits) {
  TRY_ASSIGN(const auto rows, session.query(question_for(session.server_version()), limits));
  std::vector<ObjectCount> out;
  out.reserve(rows->rows());
  for (size_t i = 0; i < rows->rows(); ++i) {
    ObjectCount one{std::string(rows->at(i, 0)), static_cast<uint64_t>(rows->integer(i, 1)), {}};
    const auto digest = hex_decode(rows->at(i, 2));
    if (digest && digest->size() == one.digest.size())
      std::ranges::copy(*digest, one.digest.begin());
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace vigie::artefact
