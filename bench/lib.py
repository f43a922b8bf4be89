"""What the benches share: a private cluster, programs run as an unprivileged user, timing in alternation, samples of
/proc, and lines of results (bench/README.md has their form)."""
import contextlib
import os
import pathlib
import pwd
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PG_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
# PostgreSQL refuses to run as root; its package brings this user.
USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
POSTGRES_TOOLS = {"pg_dump", "pg_dumpall", "pg_restore", "psql"}


def quick():
    return os.environ.get("VIGIE_BENCH_QUICK") == "1"


def as_user(arguments, **options):
    """subprocess.run as the unprivileged user; a failure shows what the program said."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        options.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.PIPE)
    done = subprocess.run([str(a) for a in arguments], cwd="/", stdin=subprocess.DEVNULL, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} ended with {done.returncode}: {(done.stderr or '')[-800:]}")
    return done


def start_as_user(arguments, **options):
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        options.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    return subprocess.Popen([str(a) for a in arguments], cwd="/", stdin=subprocess.DEVNULL, **options)


def own_folder(path):
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(path, USER)
    path.chmod(0o700)
    return path


class Cluster:
    """A PostgreSQL 15 on a unix socket in `folder`; use as a context."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.dsn = f"host={self.folder} user=postgres"

    def __enter__(self):
        as_user([PG_BIN / "initdb", "-D", self.folder / "pgdata", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        settings = {"listen_addresses": "''", "unix_socket_directories": f"'{self.folder}'", "shared_buffers": "512MB",
                    "max_wal_size": "8GB", "max_locks_per_transaction": "512", "synchronous_commit": "off",
                    "autovacuum": "off", "wal_level": "replica"}
        with open(self.folder / "pgdata/postgresql.conf", "a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.ctl("start", "-l", self.folder / "postgresql.log")
        return self

    def __exit__(self, *_):
        self.ctl("stop", "-m", "immediate")

    def ctl(self, verb, *arguments):
        as_user([PG_BIN / "pg_ctl", "-D", self.folder / "pgdata", "-w", "-t", "60", verb, *arguments], stderr=None)


def psql(database, sql):
    done = as_user([PG_BIN / "psql", "-d", f"{os.environ['VIGIE_BENCH_DSN']} dbname={database}", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql],
                   stdout=subprocess.PIPE)
    return done.stdout.strip()


def seconds(function):
    began = time.monotonic()
    function()
    return time.monotonic() - began


def alternate(functions, rounds=3):
    """name -> median of its seconds; every name once a round, so that all meet the same machine."""
    times = {name: [] for name in functions}
    for _ in range(1 if quick() else rounds):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: statistics.median(values) for name, values in times.items()}


def record(name, ours, peer, unit, target):
    """A line of results; ratio is ours to peer (peer None: the value itself is what the target speaks of)."""
    ratio = ours / peer if peer else ours
    peer_text = "-" if peer is None else f"{peer:.3f}"
    line = "\t".join([name, f"{ours:.3f}", peer_text, unit, f"{ratio!r}", target])
    results = os.environ.get("VIGIE_BENCH_RESULTS")
    if results:
        with open(results, "a") as file:
            file.write(line + "\n")
    print(f"{name}: ours {ours:.3f} {unit}, peer {peer_text}, ratio {ratio:.3f} (target {target})", flush=True)


# --- /proc -----------------------------------------------------------------------------------------


def children(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found = []
    for task in tasks:
        with contextlib.suppress(OSError):
            found += [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    return found


def own_processes(pid):
    """pid and its descendants, without PostgreSQL's own tools (and what these start)."""
    with contextlib.suppress(OSError):
        if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in POSTGRES_TOOLS:
            return []
        return [pid] + [found for child in children(pid) for found in own_processes(child)]
    return []


def rss_kib(pid):
    with contextlib.suppress(OSError, IndexError):
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
    return 0


def high_water_kib(pid):
    """The most that was ever resident of one process, by the kernel's own account."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def folder_kib(folder):
    """Blocks that a folder's files really take: punched holes do not count."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks // 2
    return total


class Probe(threading.Thread):
    """Calls `probe` every 10 ms, or as often as it can; `peak` has the largest answer."""

    def __init__(self, probe):
        super().__init__(daemon=True)
        self.probe, self.peak, self.over, self.trouble = probe, 0, threading.Event(), None

    def run(self):
        try:
            while not self.over.wait(0.01):
                self.peak = max(self.peak, self.probe())
        except Exception as trouble:  # told by Peak, in the thread that measures
            self.trouble = trouble


class Peak:
    """The largest answer of each probe from the beginning to the end of the `with`, in `peaks`. A probe that failed, or
    that never saw anything, ends the bench: nothing was measured then."""

    def __init__(self, **probes):
        self.probes = {name: Probe(probe) for name, probe in probes.items()}
        self.peaks = {}

    def __enter__(self):
        for probe in self.probes.values():
            probe.start()
        return self

    def __exit__(self, error, *_):
        for probe in self.probes.values():
            probe.over.set()
            probe.join()
        if error:
            return
        for name, probe in self.probes.items():
            if probe.trouble or not probe.peak:
                raise SystemExit(f"{name} was not measured: {probe.trouble or 'it was never more than nothing'}")
            self.peaks[name] = probe.peak


def scratch():
    """The bench's own folder, from the driver or made here."""
    return own_folder(os.environ.get("VIGIE_BENCH_DIR") or tempfile.mkdtemp(prefix="vigie-bench.", dir="/var/tmp"))
