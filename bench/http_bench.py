#!/usr/bin/python3
"""/health against a static answer of nginx (one worker): requests/s at 64 connections, and the 99th percentile while 200
clients drip a byte a second and 700 do nothing. VIGIE_BENCH_HTTP_PORT measures a server that runs already."""
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import lib

CONNECTIONS = 64
SECONDS = 2 if lib.quick() else 6
ROUNDS = 1 if lib.quick() else 3
DRIPPING, IDLE = 200, 700
TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{body}'; }} }}
}}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def get(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
        return answer.read().decode()


def wait_for(port, process):
    for _ in range(1000):
        with contextlib.suppress(OSError):
            return get(port)
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise SystemExit("the server did not come up")


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


@contextlib.contextmanager
def nginx(folder, body):
    port = free_port()
    conf = lib.own_folder(folder) / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, port=port, body=body))
    with ended(lib.start_as_user(["/usr/sbin/nginx", "-p", folder, "-c", conf], stderr=subprocess.DEVNULL)) as process:
        wait_for(port, process)
        yield port


@contextlib.contextmanager
def vigie(folder):
    if "VIGIE_BENCH_HTTP_PORT" in os.environ:
        yield int(os.environ["VIGIE_BENCH_HTTP_PORT"])
        return
    from vigie import Vigie
    daemon = Vigie(folder, "postgres")
    port = free_port()
    daemon.configure(re.sub(r'listen: "unix:[^"]*"', f"listen: 127.0.0.1:{port}", daemon.config.read_text()))
    daemon.socket = daemon.state / "vigie.sock"
    with daemon.daemon():
        yield port


@contextlib.contextmanager
def crowd(port):
    # At the lowest priority: in life these clients are not on the server's own two cores, and wake up on nobody's account.
    command = ["nice", "-n", "19", sys.executable, str(pathlib.Path(__file__).with_name("http_crowd.py")), str(port), str(DRIPPING), str(IDLE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        if process.stdout.readline() != "ready\n":
            raise SystemExit("the crowd did not come together")
        yield
        if process.poll() is not None:
            raise SystemExit("the crowd left before its time")
        process.stdin.close()
        there = int(process.stdout.readline() or 0)
    if there < 0.95 * (DRIPPING + IDLE):
        raise SystemExit(f"only {there} of {DRIPPING + IDLE} clients were connected at the end")


def wrk(port):
    """(requests/s, 99th percentile in ms)"""
    output = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{port}/health"],
                            check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit("wrk saw errors:\n" + output)
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)), float(value) * TO_MS[unit]


def main():
    folder = pathlib.Path(os.environ["VIGIE_BENCH_DIR"])
    with vigie(folder / "vigie") as ours, nginx(folder / "nginx", get(ours)) as peer:
        plain, crowded = {"ours": [], "peer": []}, []
        for _ in range(ROUNDS):
            plain["peer"].append(wrk(peer))
            plain["ours"].append(wrk(ours))
            with crowd(ours):
                crowded.append(wrk(ours))
        rate = {name: statistics.median(r for r, _ in runs) for name, runs in plain.items()}
        p99 = statistics.median(p for _, p in plain["peer"])
        lib.record(f"/health, {CONNECTIONS} connections (nginx, static)", rate["ours"], rate["peer"], "requests/s", ">= 0.5")
        lib.record(f"/health, p99 with {DRIPPING} dripping and {IDLE} idle clients (nginx without them)",
                   statistics.median(p for _, p in crowded), p99, "ms", "<= 3")
        lib.record("/health, requests/s in that crowd (nginx without it)", statistics.median(r for r, _ in crowded), rate["peer"], "requests/s", "-")


main()
