"""Vigie under measurement: a configuration for one database, commands alone, and the daemon."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import lib


class Vigie:
    """One job `bench` of one database in a folder of its own; no schedule, so that only what is measured runs."""

    def __init__(self, folder, database, verify="none", jobs=2, level=1):
        self.folder = lib.own_folder(folder)
        self.binary = os.environ["VIGIE_BINARY"]
        self.socket = self.folder / "http.sock"
        self.config = self.folder / "vigie.yaml"
        self.store = self.folder / "store"
        self.state = self.folder / "state"
        for place in (self.store, self.state):
            lib.own_folder(place)
        self.configure(f"""
server: {{listen: "unix:{self.socket}"}}
state: {{dir: {self.state}}}
databases:
  bench: {{dsn: "{os.environ['VIGIE_BENCH_DSN']} dbname={database}"}}
stores:
  local: {{type: local, path: {self.store}, reserve: 1%}}
backups:
  bench:
    database: bench
    schedule: "0 0 1 1 *"
    store: local
    jobs: {jobs}
    compression_level: {level}
    globals: true
    source_check: counts
    retention: {{keep_last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, min_good: 1}}
    verify: {{after_backup: {verify}}}
    rpo_target: 9000h
""")

    def configure(self, text):
        self.config.write_text(text)
        if os.geteuid() == 0:
            shutil.chown(self.config, lib.USER)

    def command(self, *arguments):
        return [self.binary, *arguments, "-c", str(self.config)]

    def run(self, *arguments, **options):
        return lib.as_user(self.command(*arguments), **options)

    def backup(self):
        self.run("backup", "run", "bench")

    def list(self):
        return json.loads(self.run("backup", "list", "--output", "json", stdout=subprocess.PIPE).stdout)

    def newest(self):
        return max(self.list(), key=lambda backup: backup["started_at"])

    def artefact(self, backup_id):
        return self.store / "bench" / backup_id

    @contextlib.contextmanager
    def daemon(self):
        """(process, seconds from its start until /readiness answered 200); ends it."""
        with open(self.folder / "vigie.log", "ab") as log:
            began = time.monotonic()
            process = lib.start_as_user(self.command("serve"), stderr=log, stdout=log)
        try:
            wait_ready(self.socket, process, began + 30)
            yield process, time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise SystemExit("vigie serve did not end within 15 s")


def ready(path):
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(2)
        peer.connect(str(path))
        peer.sendall(b"GET /readiness HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return peer.recv(64).startswith(b"HTTP/1.1 200")
    return False


def wait_ready(path, process, deadline):
    while not ready(path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"vigie serve was not ready in time (status {process.poll()})")
        time.sleep(0.001)


def own_rss(pid):
    """MiB resident of a process and of its descendants, without PostgreSQL's own tools."""
    return sum(lib.rss_kib(p) for p in lib.own_processes(pid)) / 1024


def memory_of_a_backup(vigie):
    """MiB that the daemon and its children have held at most during one."""
    with vigie.daemon() as (process, _):
        with lib.Peak(rss=lambda: own_rss(process.pid)) as peak:
            vigie.backup()
        return max(peak.peaks["rss"], lib.high_water_kib(process.pid) / 1024)


def folder_bytes(folder):
    return sum(p.stat().st_size for p in pathlib.Path(folder).rglob("*") if p.is_file())
