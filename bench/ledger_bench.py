#!/usr/bin/python3
"""A ledger of 100,000 entries: verifying it whole, starting on it, and whether status and matrix notice how long it is."""
import datetime
import hashlib
import json
import pathlib
import shutil
import socket
import statistics
import time

import lib
from vigie import Vigie

SEGMENT = 16 << 20


def canonical(entry):
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def at(minutes):
    return (datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(seq, prev_hash):
    """As a backup of one of ten jobs leaves it (docs/formats/evidence-1.md)."""
    job = f"job{seq % 10}"
    backup = f"{job}.bench-20260101T{seq % 240000:06d}Z"
    made = {
        "schema": "vigie.evidence/1", "seq": seq, "id": f"{seq:032x}", "kind": "backup", "requirement_ids": ["REQ-BAK-1"],
        "started_at": at(seq), "ended_at": at(seq), "duration_s": 0, "result": "passed", "error_code": None,
        "trigger": {"by": "schedule", "actor": None, "correlation_id": f"{seq:032x}", "run_id": f"{seq:032x}"},
        "subject": {"job": job, "database": "bench", "backup": backup, "store": "local"},
        "environment": {"server_version": "15.14", "system_identifier": "7000000000000000000"},
        "measures": {"raw_bytes": 812345678, "stored_bytes": 212345678, "rows": 1000000 + seq, "tables": 40},
        "assertions": [{"id": "source_rows_counts", "expected": "equal", "actual": "equal", "result": "passed"}],
        "artefacts": [{"name": backup, "sha256": "a" * 64, "bytes": 212345678}],
        "deviations": [], "follow_up": None, "reason": None, "ref": None, "prev_hash": prev_hash}
    made["entry_hash"] = hashlib.sha256(canonical(made).encode()).hexdigest()
    return made


def fill(folder, count):
    lib.own_folder(folder)
    prev, lines, size, number = "0" * 64, [], 0, 0

    def write(name):
        path = folder / name
        path.write_text("".join(lines))
        path.chmod(0o600)
        if lib.os.geteuid() == 0:
            shutil.chown(path, lib.USER)

    for seq in range(1, count + 1):
        made = entry(seq, prev)
        prev = made["entry_hash"]
        lines.append(canonical(made) + "\n")
        size += len(lines[-1])
        if size >= SEGMENT:
            number += 1
            write(f"ledger-{number:06d}.jsonl")
            lines, size = [], 0
    write("ledger.jsonl")


def get(path, target):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        peer.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while block := peer.recv(65536):
            answer += block
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")):
        raise SystemExit(f"{target}: {answer[:200]!r}")


def median_ms(path, target, requests=200):
    return statistics.median(lib.seconds(lambda: get(path, target)) for _ in range(requests)) * 1000


def settled(vigie):
    """What the daemon does about its ledger after a start is over: its verification has left an entry."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = json.loads(vigie.run("evidence", "list", "--kind", "evidence_verify", "--output", "json", stdout=lib.subprocess.PIPE).stdout)
        if done:
            return
        time.sleep(0.2)
    raise SystemExit("the daemon has not verified its ledger within a minute")


def with_ledger(folder, count):
    """(seconds from start to ready, median ms of /v1/matrix and of /readiness) on a ledger of so many entries."""
    vigie = Vigie(folder / str(count), "bench_tiny")
    fill(vigie.state / "ledger", count)
    with vigie.daemon() as (_, ready):
        settled(vigie)
        operators = vigie.state / "vigie.sock"
        return vigie, ready, median_ms(operators, "/v1/matrix"), median_ms(operators, "/readiness")


def main():
    folder = lib.scratch()
    many = 20_000 if lib.quick() else 100_000
    _, few_ready, few_matrix, few_status = with_ledger(folder, 100)
    vigie, ready, matrix, status = with_ledger(folder, many)
    verify = lib.alternate({"verify": lambda: vigie.run("evidence", "verify", str(pathlib.Path(vigie.state)))})["verify"]
    lib.record(f"evidence verify, {many:,} entries: entries a second", many / verify, None, "1/s", ">= 100000")
    lib.record(f"/v1/matrix: {many:,} entries against 100, median", matrix, few_matrix, "ms", "<= 1.5")
    lib.record(f"/readiness: {many:,} entries against 100, median", status, few_status, "ms", "<= 1.5")
    lib.record(f"start to ready: {many:,} entries against 100", ready, few_ready, "s", "-")


main()
