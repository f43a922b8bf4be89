#!/usr/bin/python3
"""A crowd that a server must bear: DRIPPING clients that send a byte a second, IDLE ones that send nothing. Who is cut
comes again.

usage: http_crowd.py PORT DRIPPING IDLE     prints "ready" when all are there; ends with its standard input,
and prints how many are connected then
"""
import resource
import selectors
import socket
import sys
import time

SLOTS = 100  # of a second
REQUEST = b"GET /health HTTP/1.1\r\nHost: vigie\r\nX-Drip: " + b"x" * 1000


class Client:
    def __init__(self, port, drips):
        self.port, self.drips, self.sent = port, drips, 0
        self.socket = None
        self.connect()

    def connect(self):
        if self.socket:
            self.socket.close()
            self.socket = None
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        except OSError:  # refused: it comes again with the next tick
            return
        self.socket.setblocking(False)
        self.sent = 0

    def tick(self):
        if not self.socket:
            return self.connect()
        try:
            if not self.socket.recv(4096):
                return self.connect()
        except BlockingIOError:
            pass
        except OSError:
            return self.connect()
        if self.drips:
            try:
                self.socket.send(REQUEST[self.sent:self.sent + 1])
                self.sent += 1
            except OSError:
                self.connect()


def main():
    port, dripping, idle = (int(a) for a in sys.argv[1:])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, dripping + idle + 100), hard))
    clients = [Client(port, True) for _ in range(dripping)] + [Client(port, False) for _ in range(idle)]
    print("ready", flush=True)
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    # Spread over the second, as strangers would be: all at once they would be one process that takes a core for a while.
    began, turn = time.monotonic(), 0
    while not ended.select(timeout=max(0, began + turn / SLOTS - time.monotonic())):
        for client in clients[turn % SLOTS::SLOTS]:
            client.tick()
        turn += 1
    print(sum(client.socket is not None for client in clients), flush=True)


main()
