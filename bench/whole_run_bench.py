#!/usr/bin/python3
"""`vigie backup run`, whole: preflight, globals, source counts, seal, sync, publish, ledger; against `pg_dump -Fc`
(default gzip), a parallel COPY to nowhere (the floor), and `pgbackrest --type=full` (zst 1, two processes)."""
import os
import shutil
import subprocess

import data
import lib
from vigie import Vigie, folder_bytes


def dump_custom(database, file):
    lib.as_user([lib.PG_BIN / "pg_dump", "-Fc", "-f", file, f"{os.environ['VIGIE_BENCH_DSN']} dbname={database}"])


def copy_lanes(database):
    """The tables in two lanes of about the same size, largest first."""
    rows = lib.psql(database, "SELECT oid::regclass, pg_table_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC")
    lanes = [([], 0), ([], 0)]
    for row in rows.splitlines():
        name, size = row.split("|")
        lanes.sort(key=lambda lane: lane[1])
        lanes[0] = (lanes[0][0] + [name], lanes[0][1] + int(size))
    return ["; ".join(f"COPY {name} TO STDOUT" for name in names) for names, _ in lanes if names]


def copy_to_nowhere(database, lanes):
    dsn = f"{os.environ['VIGIE_BENCH_DSN']} dbname={database}"
    running = [lib.start_as_user([lib.PG_BIN / "psql", "-d", dsn, "-Xq", "-c", sql], stdout=subprocess.DEVNULL) for sql in lanes]
    if any(process.wait() for process in running):
        raise SystemExit("COPY failed")


class PgBackRest:
    """A private configuration and repository; WAL archiving is off on both sides."""

    def __init__(self, folder):
        self.folder = lib.own_folder(folder)
        pgdata = lib.psql("postgres", "SHOW data_directory")
        socket = lib.psql("postgres", "SHOW unix_socket_directories")
        (self.folder / "pgbackrest.conf").write_text(
            f"[global]\nrepo1-path={self.folder}/repo\nlog-path={self.folder}\nlock-path={self.folder}/lock\nspool-path={self.folder}\n"
            "log-level-console=error\nlog-level-file=off\ncompress-type=zst\ncompress-level=1\nprocess-max=2\nstart-fast=y\n"
            f"repo1-retention-full=1\n[bench]\npg1-path={pgdata}\npg1-socket-path={socket}\npg1-user=postgres\n")
        self.call("stanza-create", "--no-online")

    def call(self, verb, *arguments):
        lib.as_user(["pgbackrest", f"--config={self.folder}/pgbackrest.conf", "--stanza=bench", *arguments, verb])

    def full(self):
        self.call("backup", "--type=full", "--no-archive-check")


def drop_other_databases(keep):
    """pgBackRest copies the whole cluster: it is only a fair peer when nothing else is in it."""
    for database in data.MAKERS:
        if database != keep:
            lib.psql("postgres", f"DROP DATABASE IF EXISTS {database}")


def against_pg_dump(folder, database, title, time_target, size_target=None, more=None):
    # Each round removes what the one before it left: Vigie by its retention, pg_dump by writing over its file.
    vigie, file = Vigie(folder / database, database), folder / "dump.fc"
    medians = lib.alternate({"ours": vigie.backup, "pg_dump": lambda: dump_custom(database, file), **(more or {})})
    lib.record(f"{title}: time, against pg_dump -Fc", medians["ours"], medians["pg_dump"], "s", time_target)
    if size_target:
        size = folder_bytes(vigie.artefact(vigie.newest()["id"])) / 1e6
        lib.record(f"{title}: size, against pg_dump -Fc", size, file.stat().st_size / 1e6, "MB", size_target)
    file.unlink()
    shutil.rmtree(vigie.folder)
    return medians


def main():
    folder = lib.scratch()
    data.ensure("bench_mixed")
    drop_other_databases("bench_mixed")
    backrest, lanes = PgBackRest(folder / "pgbackrest"), copy_lanes("bench_mixed")
    more = {"copy": lambda: copy_to_nowhere("bench_mixed", lanes), "pgbackrest": backrest.full}
    medians = against_pg_dump(folder, "bench_mixed", "1.5 GB", "<= 0.30", "<= 0.78", more)
    lib.record("1.5 GB: time, against COPY to nowhere", medians["ours"], medians["copy"], "s", "<= 1.7")
    lib.record("1.5 GB: time, against pgbackrest full", medians["ours"], medians["pgbackrest"], "s", "<= 0.65")
    shutil.rmtree(backrest.folder)
    data.ensure("bench_big_table")
    against_pg_dump(folder, "bench_big_table", "one big table", "<= 0.40")
    data.ensure("bench_small_tables")
    against_pg_dump(folder, "bench_small_tables", "5,000 small tables", "<= 1.7")


main()
