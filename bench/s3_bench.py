#!/usr/bin/python3
"""An upload into a bucket against `curl -T --aws-sigv4` of the same bytes, to a radosgw on this host that keeps them in
memory; and what Vigie holds during a backup into it. curl is told the SHA-256 beforehand, and its reckoning counts: ours makes its own as well."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time

import data
import lib
from vigie import Vigie, memory_of_a_backup

ACCESS, SECRET, BUCKET = "VIGIEBENCHACCESS0001", "vigie-bench-secret-key-0123456789abcdef", "bench"
# The server frees nothing of what is replaced: all rounds together must fit into its 2 GiB.
SIZE = (64 if lib.quick() else 192) << 20


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(folder, port):
    command = ["bash", lib.ROOT / "scripts/radosgw.sh", folder, free_port(), port, ACCESS, SECRET, BUCKET]
    log = open(folder / "output", "w")
    server = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, start_new_session=True)
    until = time.monotonic() + 60
    while not (folder / "ready").exists():
        if server.poll() is not None or time.monotonic() > until:
            raise SystemExit((folder / "output").read_text()[-800:])
        time.sleep(0.05)
    return server


def main():
    folder = lib.scratch() / "s3"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    server = start(folder, port)
    try:
        measure(folder, f"http://127.0.0.1:{port}")
    finally:
        os.killpg(server.pid, signal.SIGKILL)


def memory_into(endpoint, key):
    data.ensure("bench_mixed")
    vigie = Vigie(lib.scratch() / "vigie", "bench_mixed")
    own_key = shutil.copy2(key, vigie.folder / "key")
    if os.geteuid() == 0:
        shutil.chown(own_key, lib.USER)
    vigie.configure(vigie.config.read_text().replace(
        f"{{type: local, path: {vigie.store}, reserve: 1%}}",
        f"{{type: s3, endpoint: \"{endpoint}\", bucket: {BUCKET}, prefix: vigie, credentials_file: {own_key}}}"))
    return memory_of_a_backup(vigie)


def measure(folder, endpoint):
    file, key = folder / "bytes", folder / "key"
    file.write_bytes(os.urandom(SIZE))
    key.write_text(f"{ACCESS}\n{SECRET}\n")
    key.chmod(0o600)
    program = lib.ROOT / "build/release/s3_upload"

    def ours():
        subprocess.run([program, endpoint, BUCKET, "ours", key, file], check=True)

    def peer():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        subprocess.run(["curl", "-sS", "--fail", "-T", file, "--aws-sigv4", "aws:amz:us-east-1:s3", "-u", f"{ACCESS}:{SECRET}",
                        "-H", f"x-amz-content-sha256: {digest}", f"{endpoint}/{BUCKET}/peer"], check=True)

    medians = lib.alternate({"ours": ours, "peer": peer})
    rate = {name: SIZE / 2**20 / seconds for name, seconds in medians.items()}
    lib.record("1.5 GB: resident memory of the daemon and its children during a backup into a bucket, peak", memory_into(endpoint, key), None, "MiB", "<= 64")
    lib.record("upload into a bucket: against curl -T --aws-sigv4", rate["ours"], rate["peer"], "MiB/s", ">= 0.8")


main()
