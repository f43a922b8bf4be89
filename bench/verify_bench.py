#!/usr/bin/python3
"""A full verify against `zstd -dc FILES | sha256sum` over the same files, both held to one core."""
import subprocess

import data
import lib
from vigie import Vigie

CORE = ["taskset", "-c", "0"]


def main():
    data.ensure("bench_mixed")
    vigie = Vigie(lib.scratch() / "verify", "bench_mixed")
    vigie.backup()
    newest = vigie.newest()["id"]
    files = sorted(str(p) for p in vigie.artefact(newest).rglob("*.zst"))

    def ours():
        lib.as_user([*CORE, *vigie.command("backup", "verify", newest)])

    def peer():
        lib.as_user([*CORE, "bash", "-c", 'zstd -q -dc -- "$@" | sha256sum', "_", *files], stdout=subprocess.DEVNULL)

    medians = lib.alternate({"ours": ours, "peer": peer})
    lib.record("full verify on one core: time, against zstd -dc | sha256sum", medians["ours"], medians["peer"], "s", "<= 1.0")


main()
