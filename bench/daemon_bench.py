#!/usr/bin/python3
"""Memory and staging of the daemon during a backup (four jobs, level 3), memory when idle, and start-to-ready with 2,000 artefacts."""
import hashlib
import json
import shutil
import statistics
import time

import data
import lib
from vigie import Vigie, own_rss


def still_runs(process):
    if process.poll() is not None:
        raise SystemExit(f"the daemon under measurement ended with {process.returncode}")


def during_a_backup(folder, database, title):
    data.ensure(database)
    vigie = Vigie(folder / database, database, verify="full", jobs=4, level=3)
    with vigie.daemon() as (process, _):
        with lib.Peak(rss=lambda: own_rss(process.pid), staging=lambda: lib.folder_kib(vigie.state / "staging") / 1024) as peak:
            vigie.backup()
        time.sleep(2)
        still_runs(process)
        after = own_rss(process.pid)
        most = max(peak.peaks["rss"], lib.high_water_kib(process.pid) / 1024)
    lib.record(f"{title}: resident memory of the daemon and its children, peak", most, None, "MiB", "<= 64")
    lib.record(f"{title}: staging, peak", peak.peaks["staging"], None, "MiB", "<= 256")
    lib.record(f"{title}: resident memory two seconds after", after, None, "MiB", "-")
    shutil.rmtree(vigie.folder)


def demo_configuration(vigie):
    """It has a bucket and keys: here a port where nobody listens, and keys that nothing is done with."""
    lib.as_user(["bash", "-ec", 'umask 077; age-keygen -o "$1/key.txt"; printf "access\nsecret\n" >"$1/bucket.key"', "_", vigie.folder],
                stderr=lib.subprocess.DEVNULL)
    script = """place=$1 every=$2 bucket_port=9; source "$3"
                recipient=$(age-keygen -y "$place/key.txt"); configuration "unix:$4" """
    arguments = [vigie.folder, "24h", lib.ROOT / "scripts/demo/proofs.sh", vigie.socket]
    text = lib.subprocess.run(["bash", "-ec", script, "_", *map(str, arguments)], check=True, capture_output=True, text=True).stdout
    return text.replace("rpo_target: 1m", "rpo_target: 26h")


def idle(folder):
    """The demo's own configuration, but for its schedule: nothing is to run meanwhile."""
    vigie = Vigie(folder / "idle", "bench_tiny")
    vigie.configure(demo_configuration(vigie))
    with vigie.daemon() as (process, _):
        time.sleep(3)
        still_runs(process)
        lib.record("idle: resident memory", own_rss(process.pid), None, "MiB", "<= 25")
    shutil.rmtree(vigie.folder)


def copy_artefact(original, number):
    """Another artefact of the same bytes under an id of its own, an hour earlier each."""
    manifest = json.loads((original / "manifest.json").read_text())
    day = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(1_700_000_000 + number * 3600))
    copy_id = manifest["id"].rsplit("-", 1)[0] + "-" + day
    copy = original.parent / copy_id
    shutil.copytree(original, copy)
    manifest["id"] = copy_id
    manifest["started_at"] = f"{day[:4]}-{day[4:6]}-{day[6:8]}T{day[9:11]}:{day[11:13]}:{day[13:15]}Z"
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    (copy / "manifest.json").write_text(text)
    sums = [line for line in (copy / "SHA256SUMS").read_text().splitlines() if not line.endswith("  manifest.json")]
    sums.append(hashlib.sha256(text.encode()).hexdigest() + "  manifest.json")
    (copy / "SHA256SUMS").write_text("\n".join(sorted(sums, key=lambda line: line.split("  ")[1])) + "\n")


def start_with_many(folder, count):
    vigie = Vigie(folder / "many", "bench_tiny")
    # Nothing may expire: the copies have no schedule to fit into.
    vigie.configure(vigie.config.read_text().replace("keep_last: 1,", f"keep_last: {count + 10},"))
    vigie.backup()
    original = vigie.artefact(vigie.newest()["id"])
    for number in range(count - 1):
        copy_artefact(original, number)
    if lib.USER == "postgres":
        lib.subprocess.run(["chown", "-R", lib.USER, str(vigie.store)], check=True)
    with vigie.daemon():
        deadline = time.monotonic() + 120
        while len(vigie.list()) < count and time.monotonic() < deadline:
            time.sleep(0.2)
    if (found := len(vigie.list())) != count:
        raise SystemExit(f"only {found} of {count} artefacts were found in time")
    times = []
    for _ in range(3):
        with vigie.daemon() as (_, seconds):
            times.append(seconds)
    lib.record(f"start to ready with {found} artefacts", statistics.median(times), None, "s", "<= 0.2")
    shutil.rmtree(vigie.folder)


def main():
    folder = lib.scratch()
    data.ensure("bench_tiny")
    idle(folder)
    start_with_many(folder, 200 if lib.quick() else 2000)
    during_a_backup(folder, "bench_mixed", "1.5 GB")
    during_a_backup(folder, "bench_big_table", "one big table")
    during_a_backup(folder, "bench_wide_row", "a row of 500 MB")
    during_a_backup(folder, "bench_many_tables", "10,000 tables")


main()
