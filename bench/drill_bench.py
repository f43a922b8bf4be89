#!/usr/bin/python3
"""A whole drill with all its checks and canaries against initdb, start and `pg_restore -j2` of the same archive into a
stock cluster, which checks nothing."""
import json
import shutil
import subprocess

import data
import lib
from vigie import Vigie

DRILL = """
drills:
  bench:
    backup: bench
    scratch: {{dir: {scratch}, jobs: 2}}
"""


def unpacked(artefact, folder):
    """pg_dump's folder as pg_restore takes it; not measured."""
    lib.own_folder(folder)
    lib.as_user(["cp", "-r", str(artefact / "dump"), str(folder)])
    lib.as_user(["bash", "-c", 'zstd -q -d --rm -- "$1"/dump/*.zst', "_", str(folder)])
    return folder / "dump"


class Stock:
    """A cluster as initdb makes it, but for its socket."""

    def __init__(self, folder):
        self.folder = folder

    def restore(self, archive):
        lib.own_folder(self.folder)
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        ctl = [lib.PG_BIN / "pg_ctl", "-D", self.folder / "data", "-w", "-t", "60"]
        lib.as_user([lib.PG_BIN / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        lib.as_user([*ctl, "-l", self.folder / "log", "-o", options, "start"], stderr=None)
        try:
            lib.as_user([lib.PG_BIN / "createdb", "-h", self.folder, "-U", "postgres", "bench"])
            lib.as_user([lib.PG_BIN / "pg_restore", "-h", self.folder, "-U", "postgres", "-d", "bench", "-j", "2", archive])
        finally:
            lib.as_user([*ctl, "-m", "immediate", "stop"], stderr=None)
            shutil.rmtree(self.folder)


def parts(vigie):
    shown = json.loads(vigie.run("drill", "show", "bench", "--output", "json", stdout=subprocess.PIPE).stdout)
    measures = shown["databases"][0]["last"]["measures"]
    names = ["drill_scratch_s", "unpack_s", "restore_s", "compare_s", "drill_checks_s", "drill_canary_s"]
    print("  where the time goes: " + ", ".join(f"{n.removeprefix('drill_')[:-2]} {measures[n]:.2f} s" for n in names), flush=True)


def main():
    data.ensure("bench_mixed")
    vigie = Vigie(lib.scratch() / "drill", "bench_mixed", verify="quick")
    vigie.configure(vigie.config.read_text() + DRILL.format(scratch=lib.own_folder(vigie.folder / "scratch")))
    vigie.backup()
    archive = unpacked(vigie.artefact(vigie.newest()["id"]), lib.scratch() / "archive")
    stock = Stock(lib.scratch() / "stock")
    medians = lib.alternate({"ours": lambda: vigie.run("drill", "run", "bench"), "peer": lambda: stock.restore(archive)})
    parts(vigie)
    lib.record("drill with all checks and canaries: time, against initdb, start, pg_restore -j2", medians["ours"], medians["peer"], "s", "<= 0.95")


if __name__ == "__main__":
    main()
