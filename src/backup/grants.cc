#include "backup/grants.h"

#include <fmt/format.h>

#include "platform/postgres.h"

namespace vigie::backup {
namespace {

using platform::quote_identifier;
using platform::quote_literal;

// Takes nothing from a role that is there already: of a superuser that would be the cluster's only
// one, nobody could give it back.
std::string create_role(std::string_view role, std::string_view attributes) {
  return fmt::format(
      "DO $$ BEGIN\n"
      "  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {0}) THEN CREATE ROLE {1} LOGIN; END "
      "IF;\n"
      "END $$;\n"
      "ALTER ROLE {1} WITH {2};\n"
      "-- A password, if it does not log in by peer authentication:  \\password {1}\n",
      quote_literal(role), quote_identifier(role), attributes);
}

std::string connect_to(std::string_view role, const std::vector<std::string>& databases) {
  std::string sql;
  for (const std::string& database : databases) {
    sql += fmt::format("GRANT CONNECT ON DATABASE {} TO {};\n", quote_identifier(database),
                       quote_identifier(role));
  }
  return sql;
}

// PostgreSQL 14 has pg_read_all_data; before it, each schema, and what will be made in it by
// whoever runs this.
std::string read_everything(std::string_view role) {
  return fmt::format(R"sql(DO $$
DECLARE s record; o record;
BEGIN
  IF current_setting('server_version_num')::int >= 140000 THEN
    EXECUTE 'GRANT pg_read_all_data TO ' || quote_ident({0});
  ELSE
    FOR s IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, {0});
      EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', s.nspname, {0});
      EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', s.nspname, {0});
      EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO %I', s.nspname, {0});
      EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON SEQUENCES TO %I', s.nspname, {0});
    END LOOP;
  END IF;
  -- No predefined role reads large objects; new ones need this again.
  FOR o IN SELECT oid FROM pg_largeobject_metadata LOOP
    EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO %I', o.oid, {0});
  END LOOP;
END $$;
)sql",
                     quote_literal(role));
}

// Where the extension is: its functions are nobody's but a superuser's, and read no row.
std::string look_for_damage(std::string_view role) {
  return fmt::format(R"sql(DO $$
DECLARE f record;
BEGIN
  FOR f IN SELECT p.oid::regprocedure AS name, n.nspname FROM pg_extension e
      JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
      JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE e.extname = 'amcheck' AND p.proname IN ('bt_index_check', 'verify_heapam') LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', f.nspname, {0});
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.name, {0});
  END LOOP;
END $$;
)sql",
                     quote_literal(role));
}

std::string dump_sql(std::string_view role, const std::vector<std::string>& databases) {
  std::string sql =
      "-- For dumps: reads everything, writes nothing. BYPASSRLS, because a dump without the rows "
      "that a policy hides\n"
      "-- is no backup. A role that reads everything also reads what applications keep in their "
      "tables: guard it.\n";
  sql += create_role(role, "LOGIN BYPASSRLS");
  sql += fmt::format("GRANT pg_read_all_settings TO {};\n", quote_identifier(role));
  sql += connect_to(role, databases);
  for (const std::string& database : databases) {
    sql += fmt::format("\\connect {}\n", quote_identifier(database)) + read_everything(role) +
           look_for_damage(role);
  }
  return sql;
}

std::string monitor_sql(std::string_view role, const std::vector<std::string>& databases) {
  return "-- For monitoring: statistics and settings, no table's rows.\n" +
         create_role(role, "LOGIN") +
         fmt::format("GRANT pg_monitor TO {};\n", quote_identifier(role)) +
         connect_to(role, databases);
}

std::string witness_sql(std::string_view role) {
  return "-- For the durability proof: owns a database of its own, which is in nobody's dump, and "
         "reads no other.\n" +
         create_role(role, "LOGIN") +
         fmt::format(
             "SELECT 'CREATE DATABASE vigie_witness OWNER ' || quote_ident({}) WHERE NOT EXISTS "
             "(SELECT FROM "
             "pg_database WHERE datname = 'vigie_witness') \\gexec\n"
             "REVOKE CONNECT ON DATABASE vigie_witness FROM PUBLIC;\n",
             quote_literal(role));
}

}  // namespace

Result<GrantRole> parse_grant_role(std::string_view text) {
  if (text == "dump") return GrantRole::dump;
  if (text == "monitor") return GrantRole::monitor;
  if (text == "witness") return GrantRole::witness;
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", "role"}, {"expected", "dump, monitor or witness"}});
}

std::string grants_sql(GrantRole kind, std::string_view role,
                       const std::vector<std::string>& databases) {
  switch (kind) {
    case GrantRole::dump:
      return dump_sql(role, databases);
    case GrantRole::monitor:
      return monitor_sql(role, databases);
    case GrantRole::witness:
      break;
  }
  return witness_sql(role);
}

}  // namespace vigie::backup
