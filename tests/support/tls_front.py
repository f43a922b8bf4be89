#!/usr/bin/python3
"""Speaks TLS for a plain HTTP server that answers one request a connection, and then closes it.

usage: tls_front.py FOLDER PORT
Makes a certificate, FOLDER/ca.crt, prints the port of loopback that it listens on, and passes each request on to PORT.
"""
import pathlib
import socket
import ssl
import subprocess
import sys
import threading


def make_certificate(certificate, key):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, stderr=subprocess.DEVNULL)


def is_complete(request):
    head, end, body = request.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return bool(end) and len(body) >= int(value)
    return bool(end)


def pass_on(client, port):
    request = b""
    while not is_complete(request):
        chunk = client.recv(65536)
        if not chunk:
            return
        request += chunk
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(request)
        while chunk := plain.recv(65536):
            client.sendall(chunk)


def serve(context, connection, port):
    try:
        with context.wrap_socket(connection, server_side=True) as client:
            pass_on(client, port)
    except OSError:
        connection.close()  # the client is gone, or wants none of the certificate


def main():
    folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    certificate, key = folder / "ca.crt", folder / "tls.key"
    make_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(context, connection, port), daemon=True).start()


main()
