"""The data sets, made in the private cluster when a bench asks for one: deterministic, and smaller with --quick."""
from lib import PG_BIN, as_user, psql, quick
import os

MIXED_ROWS = """
CREATE TABLE note (id bigint PRIMARY KEY, author text, body text, tags text[], seen timestamptz, attributes jsonb);
INSERT INTO note
SELECT n, 'author ' || n % 977, md5(n::text) || ' ' || repeat(md5((n % 1000)::text) || ' ', n % 6), ARRAY['a' || n % 7, 'b'],
       timestamptz '2026-01-01' + n * interval '1 second',
       jsonb_build_object('n', n, 'key', md5((n::bigint * 7)::text), 'list', jsonb_build_array(n % 3, n % 5, 'x'), 'flag', n % 2 = 0)
FROM generate_series(1, $rows) n;
"""

SMALL_TABLES = """
DO $$
BEGIN
  FOR t IN $first .. $last LOOP
    EXECUTE format('CREATE TABLE small_%s (id int PRIMARY KEY, name text NOT NULL, at timestamptz)', t);
    EXECUTE format('INSERT INTO small_%s SELECT n, md5(n::text), timestamptz ''2026-01-01'' + n * interval ''1 hour'' FROM generate_series(1, 20) n', t);
  END LOOP;
END $$
"""

BIG_TABLE = """
CREATE TABLE measurement (id bigint, sensor int, at timestamptz, value numeric, label text, raw text);
INSERT INTO measurement
SELECT n, n % 5000, timestamptz '2026-01-01' + n * interval '1 second', (n::bigint * 7919 % 1000003) / 1000.0, 'sensor ' || n % 97, md5(n::text)
FROM generate_series(1, $rows) n;
"""


def filled(sql, **numbers):
    for name, number in numbers.items():
        sql = sql.replace("$" + name, str(number))
    return sql


def exists(database):
    return psql("postgres", f"SELECT count(*) FROM pg_database WHERE datname = '{database}'") == "1"


def create(database):
    psql("postgres", f"CREATE DATABASE {database} TEMPLATE template0")


def mixed():
    """pgbench -s 60 and 1.5 million rows of text and jsonb: about 1.5 GB."""
    create("bench_mixed")
    as_user([PG_BIN / "pgbench", "-i", "-q", "-s", "3" if quick() else "60", f"{os.environ['VIGIE_BENCH_DSN']} dbname=bench_mixed"])
    psql("bench_mixed", filled(MIXED_ROWS, rows=75_000 if quick() else 1_500_000))


def many_tables(database, count):
    """Tables of 20 rows, made in portions for the sake of the lock table."""
    create(database)
    for first in range(1, count + 1, 500):
        psql(database, filled(SMALL_TABLES, first=first, last=first + 499))


def big_table():
    """One table of about 1 GB."""
    create("bench_big_table")
    psql("bench_big_table", filled(BIG_TABLE, rows=400_000 if quick() else 10_000_000))


def wide_row():
    """One row of 500 MB beside small ones."""
    create("bench_wide_row")
    psql("bench_wide_row", "CREATE TABLE w AS SELECT n, md5(n::text) t FROM generate_series(1, 1000) n;"
         f"INSERT INTO w SELECT 0, string_agg(md5(n::text), '') FROM generate_series(1, {1_000_000 if quick() else 15_625_000}) n")


def tiny():
    create("bench_tiny")
    psql("bench_tiny", "CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 100) n")


MAKERS = {"bench_mixed": mixed, "bench_big_table": big_table, "bench_wide_row": wide_row, "bench_tiny": tiny,
          "bench_small_tables": lambda: many_tables("bench_small_tables", 500 if quick() else 5_000),
          "bench_many_tables": lambda: many_tables("bench_many_tables", 1_000 if quick() else 10_000)}


def ensure(database):
    if not exists(database):
        print(f"making {database}", flush=True)
        MAKERS[database]()
        psql(database, "VACUUM ANALYZE")
        psql("postgres", "CHECKPOINT")
