#!/usr/bin/python3
"""Programs started one after the other below a supervisor, against posix_spawn of the same: an encrypted backup starts one for
each table."""
import os
import subprocess

import lib

TIMES = 100 if lib.quick() else 1000


def main():
    program = lib.ROOT / "build/release/start"

    def starts(how):
        return lambda: subprocess.run([program, how, str(TIMES)], check=True)

    medians = lib.alternate({"ours": starts(os.environ["VIGIE_BINARY"]), "peer": starts("-")})
    each = {name: seconds * 1000 / TIMES for name, seconds in medians.items()}
    lib.record("start and end of a program under its supervisor, against posix_spawn alone", each["ours"], each["peer"], "ms", "-")


main()
