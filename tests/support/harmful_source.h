// What a database can hold that makes its restore go wrong, or stop half-way for as long as a test
// needs. SQL for its source.
#pragma once

#include <fmt/format.h>

#include <string>

#include "platform/file_system.h"

namespace vigie::testing {

// The rows of public.t are there when it is backed up, and gone when its restore is at its end:
// views are filled last.
inline constexpr char kEatsItsRows[] = R"(
  CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;
  CREATE FUNCTION eat() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.t; RETURN 1; END';
  CREATE MATERIALIZED VIEW m AS SELECT eat();
  INSERT INTO t SELECT g FROM generate_series(1, 100) g;
)";

// A right on the schema public is given up when its restore is at its end, of a database of any
// other name than `app`.
inline constexpr char kLosesRightsOfPublic[] = R"(
  GRANT CREATE ON SCHEMA public TO pg_monitor;
  CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;
  CREATE FUNCTION lose() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      IF pg_catalog.current_database() <> 'app' THEN
        REVOKE CREATE ON SCHEMA public FROM pg_monitor;
      END IF;
      RETURN 1;
    END $$;
  CREATE MATERIALIZED VIEW m AS SELECT lose();
)";

// The large object 4711 has another byte when its restore is at its end, in a database of any other
// name than `app`.
inline constexpr char kChangesItsLargeObject[] = R"(
  CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;
  SELECT lo_from_bytea(4711, 'one byte of it');
  CREATE FUNCTION change() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      IF pg_catalog.current_database() <> 'app' THEN
        PERFORM pg_catalog.lo_put(4711, 3, '_');
      END IF;
      RETURN 1;
    END $$;
  CREATE MATERIALIZED VIEW m AS SELECT change();
)";

// kEatsItsRows of a source called app: its restore waits until the server has a database called go.
inline constexpr char kEatsItsRowsWhenToldTo[] = R"(
  CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;
  CREATE FUNCTION eat() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      IF pg_catalog.current_database() <> 'app' THEN
        WHILE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'go') LOOP
          PERFORM pg_catalog.pg_sleep(0.05);
        END LOOP;
        DELETE FROM public.t;
      END IF;
      RETURN 1;
    END $$;
  CREATE MATERIALIZED VIEW m AS SELECT eat();
)";

// No row of public.t fits its check while there is no index: indexes are made behind the rows.
// What fills the last view leaves `mark`, a file that the server's user can make.
inline std::string refuses_its_rows(const std::string& row, const platform::Path& mark) {
  return fmt::format(R"(
  CREATE FUNCTION ok(text) RETURNS boolean LANGUAGE sql AS
    'SELECT pg_catalog.to_regclass(''public.by_a'') IS NOT NULL';
  CREATE TABLE t(a text CHECK (ok(a)));
  CREATE INDEX by_a ON t (a);
  INSERT INTO t VALUES ('{}');
  CREATE FUNCTION mark() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN COPY (SELECT 1) TO '{}'; RETURN 1; END $$;
  CREATE MATERIALIZED VIEW m AS SELECT mark();
)",
                     row, mark.string());
}

// Its restore writes the process id of a session into `mark`, and then waits for ten minutes.
inline std::string waits_when_restored(const std::string& database, const platform::Path& mark) {
  return fmt::format(R"(
  CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g;
  CREATE FUNCTION wait() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      IF pg_catalog.current_database() <> '{}' THEN
        COPY (SELECT pg_catalog.pg_backend_pid()) TO '{}';
        PERFORM pg_catalog.pg_sleep(600);
      END IF;
      RETURN 1;
    END $$;
  CREATE MATERIALIZED VIEW m AS SELECT wait();
)",
                     database, mark.string());
}

}  // namespace vigie::testing
