#!/usr/bin/python3
"""Runs the benches one after the other against a private cluster and prints one table. ./run bench calls it.

usage: run.py [--quick] [--list] [NAME…]      1: a bench failed, or a figure missed its target (--quick: only the former)
"""
import argparse
import datetime
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

import lib

HERE = pathlib.Path(__file__).resolve().parent


def benches(names):
    found = sorted(p for p in HERE.iterdir() if p.name.endswith(("_bench.py", "_bench.sh")))
    by_name = {p.stem.removesuffix("_bench"): p for p in found}
    unknown = [n for n in names if n not in by_name]
    if unknown:
        sys.exit(f"no bench {', '.join(unknown)}; there are: {', '.join(by_name)}")
    return {n: p for n, p in by_name.items() if not names or n in names}


def met(ratio, target):
    sign, _, bound = target.partition(" ")
    if sign == "<=":
        return "yes" if ratio <= float(bound) else "NO"
    if sign == ">=":
        return "yes" if ratio >= float(bound) else "NO"
    return ""


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, {datetime.date.today()}"


def table(results):
    """Prints it; the names of those whose target was missed."""
    rows = [("what", "ours", "peer", "unit", "ratio", "target", "met")]
    for line in results:
        name, ours, peer, unit, ratio, target = line.split("\t")
        rows.append((name, ours, peer, unit, f"{float(ratio):.3f}", target, met(float(ratio), target)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if i in (0, 3) else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))))
    return [row[0] for row in rows if row[-1] == "NO"]


def run_bench(path, folder, environment):
    own = lib.own_folder(folder / path.stem)
    command = ["/usr/bin/python3", str(path)] if path.suffix == ".py" else ["bash", str(path)]
    status = subprocess.run(command, env={**environment, "VIGIE_BENCH_DIR": str(own)}, cwd=HERE, stdin=subprocess.DEVNULL, check=False).returncode
    shutil.rmtree(own, ignore_errors=True)
    return status


def run_all(chosen, folder, quick):
    """Names of the benches that failed; the lines of results."""
    results = folder / "results"
    results.touch()
    # The unprivileged user cannot reach a tree that lies in root's home.
    binary = shutil.copy2(lib.ROOT / "build/release/vigie", folder / "vigie")
    failed = []
    with lib.Cluster(lib.own_folder(folder / "cluster")) as cluster:
        environment = {**os.environ, "VIGIE_BINARY": str(binary), "VIGIE_BENCH_DSN": cluster.dsn,
                       "VIGIE_BENCH_QUICK": "1" if quick else "0", "VIGIE_BENCH_RESULTS": str(results)}
        for name, path in chosen.items():
            print(f"\n==> {name}", flush=True)
            if run_bench(path, folder, environment):
                failed.append(name)
    return failed, results.read_text().splitlines()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="small data sets, one round: shows that it works, not how fast")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("names", nargs="*")
    options = arguments.parse_args()
    chosen = benches(options.names)
    if options.list:
        print("\n".join(chosen))
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vigie-bench.", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        failed, results = run_all(chosen, folder, options.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{machine()}{' (quick: not for quoting)' if options.quick else ''}")
    missed = table(results)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    if missed and not options.quick:
        sys.exit(f"{len(missed)} of {len(results)} figures missed their target: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
