#!/usr/bin/python3
"""Random kills of the daemon, of pg_dump and of the postmaster while backups, verifications and expiry run; after each,
what must always be so. The ledger is read here by its published format alone, not by Vigie. On demand, not in CI.

usage: scripts/soak.py SECONDS [BINARY] [--seed N]       (as root: PostgreSQL and Vigie run as the user postgres)
"""
import argparse
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PG_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
PATIENCE = 120  # seconds that anything may take on a busy machine
MIN_GOOD = 2
CONFIGURATION = """
server: {{listen: "unix:{work}/http.sock"}}
state: {{dir: {work}/state}}
databases: {{app: {{dsn: "host={work} dbname=postgres user=postgres"}}}}
stores: {{local: {{type: local, path: {work}/store, reserve: 1MiB}}}}
backups:
  nightly:
    database: app
    store: local
    schedule: "0 0 1 1 *"
    rpo_target: 9000h
    retention: {{keep_last: 3, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, min_good: {min_good}}}
"""


class Broken(Exception):
    """What must always be so was not."""


def as_user(arguments, **options):
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        options.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    return subprocess.Popen([str(a) for a in arguments], cwd="/", stdin=subprocess.DEVNULL, text=True, **options)


def call(arguments):
    """(status, output) of a command that may take its time, but not for ever."""
    process = as_user(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as hung:
        process.kill()
        raise Broken(f"hung: {' '.join(map(str, arguments))}") from hung
    return process.returncode, output or errors


def wait_for(words, function):
    end = time.monotonic() + PATIENCE
    while not (found := function()):
        if time.monotonic() > end:
            raise Broken(f"waited in vain for {words}")
        time.sleep(0.05)
    return found


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Server:
    def __init__(self, work):
        self.work, self.data = work, work / "pgdata"
        self.must("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
        with open(self.data / "postgresql.conf", "a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{work}'\n"
                       "dynamic_shared_memory_type = mmap\n")  # in its folder: a killed server leaves nothing in /dev/shm
        self.start()
        try:
            self.fill()
        except BaseException:
            self.stop()
            raise

    def fill(self):
        self.sql("CREATE TABLE a AS SELECT g, repeat('row ' || g, 50) t FROM generate_series(1, 150000) g;"
                 "CREATE TABLE b AS SELECT g FROM generate_series(1, 1000) g; SELECT lo_from_bytea(0, 'large')")

    def must(self, program, *arguments):
        status, output = call([PG_BIN / program, *arguments])
        if status:
            raise SystemExit(f"{program}: {output}")
        return output

    def start(self):
        log = self.work / "postgresql.log"
        as_user([PG_BIN / "pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", log, "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()

    def stop(self):
        as_user([PG_BIN / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"], stdout=subprocess.DEVNULL).wait()

    def sql(self, text):
        return self.must("psql", "-XqAt", "-h", self.work, "-U", "postgres", "-c", text).strip()

    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill(self):
        kill(self.postmaster())

    def ensure(self):
        """Runs again, whatever was done to it. Its orphans notice the postmaster's death by themselves."""
        if call([PG_BIN / "pg_isready", "-q", "-h", self.work])[0] == 0:
            return
        def started():
            self.start()
            return call([PG_BIN / "pg_isready", "-q", "-h", self.work])[0] == 0
        wait_for("PostgreSQL to start", started)

    def sessions(self):
        """Vigie's own sessions, and those of pg_dump, which carry their run's id."""
        ours = "application_name LIKE 'vigie%' OR application_name ~ '^[0-9a-f]{32}$'"
        return self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}") != "0"


class Daemon:
    def __init__(self, work, binary):
        self.work, self.binary, self.process = work, binary, None
        self.config = work / "vigie.yaml"
        self.config.write_text(CONFIGURATION.format(work=work, min_good=MIN_GOOD))

    def start(self):
        with open(self.work / "vigie.log", "a") as log:
            self.process = as_user([self.binary, "serve", "-c", self.config], stdout=log, stderr=log)

    def ready(self):
        if self.process.poll() is not None:
            raise Broken(f"the daemon ended with {self.process.returncode}")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(2)
            peer.connect(str(self.work / "http.sock"))
            peer.sendall(b"GET /readiness HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return peer.recv(64).startswith(b"HTTP/1.1 200")
        return False

    def kill(self):
        if self.process:
            kill(self.process.pid)
            self.process.wait()
        self.process = None

    def run(self, *arguments):
        return call([self.binary, *arguments, "-c", self.config])

    def json(self, *arguments):
        status, output = self.run(*arguments, "--output", "json")
        if status not in (0, 1):
            raise Broken(f"{' '.join(arguments)} ended with {status}: {output}")
        return json.loads(output)


def dumps_of(work):
    """The pids of PostgreSQL's clients that were started for this folder's server."""
    found = []
    for place in pathlib.Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            of_ours = str(work).encode() in (place / "environ").read_bytes() + (place / "cmdline").read_bytes()
            if of_ours and (place / "comm").read_text().strip() in ("pg_dump", "pg_dumpall"):
                found.append(int(place.name))
    return found


class Ledger:
    """The chain as docs/formats/evidence-1.md describes it."""

    def __init__(self, folder):
        sealed = sorted(folder.glob("ledger-*.jsonl"))
        lines = [line for path in [*sealed, folder / "ledger.jsonl"] if path.exists() for line in path.read_bytes().split(b"\n") if line]
        self.entries = [json.loads(line) for line in lines]
        self.check_chain(lines)

    def check_chain(self, lines):
        before = "0" * 64
        for number, (line, entry) in enumerate(zip(lines, self.entries), 1):
            own = f',"entry_hash":"{entry["entry_hash"]}"'.encode()
            if entry["seq"] != number or entry["prev_hash"] != before or hashlib.sha256(line.replace(own, b"", 1)).hexdigest() != entry["entry_hash"]:
                raise Broken(f"the ledger's chain breaks at entry {number}")
            before = entry["entry_hash"]

    def published(self):
        """id -> the manifest's hash, of each artefact that an entry says was published or found."""
        return {a["name"]: a["sha256"] for e in self.entries if e["kind"] in ("backup", "recovered") and e["result"] == "passed" for a in e["artefacts"]}

    def told_twice(self):
        """Artefacts that came to be by more than one entry, and runs that ended by more than one."""
        born = [a["name"] for e in self.entries if e["kind"] in ("backup", "recovered") and e["result"] == "passed" for a in e["artefacts"]]
        ended = [e["trigger"]["run_id"] for e in self.entries if e["kind"] == "run_ended"]
        return [name for told in (born, ended) for name, count in collections.Counter(told).items() if count > 1]

    def expired(self):
        return {a["name"] for e in self.entries if e["kind"] == "retention" for a in e["artefacts"]}

    def missed(self):
        return [e for e in self.entries if e["error_code"] == "backup_lost"]

    def runs(self):
        return {e["trigger"]["run_id"] for e in self.entries}


class Soak:
    def __init__(self, work, binary):
        self.work, self.server, self.daemon = work, Server(work), Daemon(work, binary)
        self.runs, self.seen, self.read, self.least, self.entries = [], set(), set(), 0, 0
        self.done, self.taken = collections.Counter(), collections.Counter()

    # --- what is done to it -----------------------------------------------------------------------

    def ask(self):
        """A run of a random kind; nobody waits for it."""
        stored = sorted(self.stored())
        reading = [("backup", "verify", random.choice(stored))] if stored else []
        verb = random.choice([("backup", "run", "nightly")] * 4 + [("backup", "prune"), *reading])
        status, output = self.daemon.run(*verb, "--no-wait")
        if status == 0:
            self.runs += output.split()
            self.taken[verb[1]] += 1
        return verb[1] if status == 0 else f"{verb[1]} (refused)"

    def hurt(self):
        time.sleep(random.uniform(0, 2.5))
        what = random.choice(["daemon", "daemon", "dump", "server", "server and daemon", "daemon, and again at its start", "nothing"])
        if what.startswith("server"):
            self.server.kill()
        if what == "dump":
            dumps = dumps_of(self.work)
            for pid in dumps:
                kill(pid)
            what = "dump" if dumps else "nothing: no dump was there"
        if "daemon" in what:
            self.daemon.kill()
        if what.endswith("start"):
            self.daemon.start()
            time.sleep(random.uniform(0, 0.3))
            self.daemon.kill()
        return what

    def round(self):
        asked = self.ask()
        what = self.hurt()
        self.done[(asked, what)] += 1
        if self.daemon.process is None:
            wait_for("pg_dump to die with the daemon", lambda: not dumps_of(self.work))
        self.server.ensure()
        if self.daemon.process is None:
            self.daemon.start()
        wait_for("the daemon", self.daemon.ready)
        self.check()

    # --- what must be so --------------------------------------------------------------------------

    def stored(self):
        return {path.parent.name for path in self.work.glob("store/*/*/manifest.json")}

    def listed(self):
        return {one["id"] for one in self.daemon.json("backup", "list")}

    def state_of(self, run):
        status, output = self.daemon.run("run", "show", run, "--output", "json")
        if status == 2 or not output:
            raise Broken(f"run {run} is not known any more: {output}")
        return json.loads(output)["state"]

    def check(self):
        for run in self.runs:
            wait_for(f"the end of run {run}", lambda: self.state_of(run) not in ("queued", "running"))
        wait_for("the list to equal the store", lambda: self.listed() == self.stored())
        folders = {p.name for p in self.work.glob("store/*/*") if p.is_dir()}
        if folders != self.stored():
            raise Broken(f"debris in the store: {folders - self.stored()}")
        if left := os.listdir(self.work / "state/staging"):
            raise Broken(f"staging is not empty: {left}")
        wait_for("the end of every session", lambda: not self.server.sessions())
        self.check_count()
        self.check_ledger()
        for one in sorted(self.stored() - self.read):
            self.verify(one)
        self.runs = []

    def verify(self, one):
        status, output = self.daemon.run("backup", "verify", one)
        if status:
            raise Broken(f"{one} does not verify: {output}")
        self.read.add(one)

    def check_count(self):
        now = len(self.stored())
        if now < self.least:
            raise Broken(f"{now} artefacts are left, there were {self.least}")
        self.least = max(self.least, min(now, MIN_GOOD))

    def check_ledger(self):
        ledger = Ledger(self.work / "state/ledger")
        if len(ledger.entries) < self.entries:
            raise Broken(f"the ledger has {len(ledger.entries)} entries, it had {self.entries}")
        self.entries = len(ledger.entries)
        published, expired, stored = ledger.published(), ledger.expired(), self.stored()
        for one in stored:
            manifest = next(self.work.glob(f"store/*/{one}/manifest.json")).read_bytes()
            if published.get(one) != hashlib.sha256(manifest).hexdigest():
                raise Broken(f"the ledger does not have {one} with its manifest's hash")
        self.seen |= stored
        if lost := (self.seen | set(published)) - stored - expired:
            raise Broken(f"gone without an entry of an expiry: {lost}")
        if missed := ledger.missed():
            raise Broken(f"an artefact was found missing: {missed}")
        if doubled := ledger.told_twice():
            raise Broken(f"told twice by the ledger: {doubled}")
        if untold := set(self.runs) - ledger.runs():
            raise Broken(f"runs without an entry: {untold}")

    def run(self, seconds):
        end, rounds = time.monotonic() + seconds, 0
        self.daemon.start()
        wait_for("the daemon", self.daemon.ready)
        while time.monotonic() < end:
            self.round()
            rounds += 1
            if rounds % 20 == 0:
                print(f"{rounds} rounds, {self.entries} entries, {len(self.seen)} artefacts seen, {len(self.stored())} kept", flush=True)
        for one in sorted(self.stored()):
            self.verify(one)
        status, output = self.daemon.run("evidence", "verify")
        if status:
            raise Broken(f"vigie evidence verify: {output}")
        self.check_reach(rounds)
        return rounds

    def check_reach(self, rounds):
        """What was never tried proves nothing; in few rounds chance may leave something out."""
        reached = {"a backup": self.taken["run"], "an artefact": len(self.seen)}
        if rounds >= 100:
            reached |= {"a prune": self.taken["prune"], "a verification": self.taken["verify"],
                        "a killed dump": sum(count for (_, what), count in self.done.items() if what == "dump")}
        if missing := [what for what, count in reached.items() if not count]:
            raise Broken(f"never reached: {', '.join(missing)}")


def end(soak, work, keep):
    if soak:
        soak.daemon.kill()
        soak.server.stop()
    if keep:
        print(f"left for you: {work}", file=sys.stderr)
    else:
        shutil.rmtree(work)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("seconds", type=float)
    arguments.add_argument("binary", nargs="?", default=ROOT / "build/release/vigie")
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = arguments.parse_args()
    random.seed(options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = pathlib.Path(tempfile.mkdtemp(prefix="vigie-soak.", dir="/var/tmp"))
    if os.geteuid() == 0:
        shutil.chown(work, USER)
    # The unprivileged user cannot reach a tree that lies in root's home.
    binary = shutil.copy2(options.binary, work / "vigie")
    soak, keep = None, True
    try:
        print(f"seed {options.seed}, in {work}", flush=True)
        soak = Soak(work, binary)
        rounds = soak.run(options.seconds)
        print(f"soak: {rounds} rounds, {soak.entries} entries, {len(soak.seen)} artefacts seen, {len(soak.stored())} kept: all good")
        for (asked, what), count in sorted(soak.done.items()):
            print(f"  {count:5d}  {asked}, hurt: {what}")
        keep = False
    except Broken as broken:
        sys.exit(f"soak: BROKEN: {broken}")
    except KeyboardInterrupt:
        keep = False
        sys.exit(130)
    finally:
        end(soak, work, keep)


if __name__ == "__main__":
    main()
