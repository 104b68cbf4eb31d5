"""The namespace of gobgpd: `gobgp_host.py DIRECTORY` starts it with the configuration there, and opens connections.

Standard input is a socket. Each message on it is an address from which to connect, and gobgpd's; the answer is the
connection, as an open file. When the socket ends this process ends, and, it being the first of its pid namespace,
gobgpd with it. Its API is a unix socket in the directory.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

DEADLINE_S = 10


def main(directory: str) -> None:
    """Start gobgpd, and connect to it as often as asked."""
    control = socket.socket(fileno=0)
    command = ["gobgpd", "-f", f"{directory}/gobgpd.toml", "--log-plain", "--pprof-disable"]
    with Path(directory, "gobgpd.log").open("wb") as log:
        api = f"--api-hosts=unix://{directory}/api"
        subprocess.Popen([*command, api], stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    while asked := control.recv(4096).decode():
        opened = connection(*asked.split())
        socket.send_fds(control, [b"opened"], [opened.fileno()])
        opened.close()


def connection(source: str, router: str) -> socket.socket:
    """A connection to gobgpd, which may not listen yet."""
    until = time.monotonic() + DEADLINE_S
    while True:
        try:
            return socket.create_connection((router, 179), timeout=DEADLINE_S, source_address=(source, 0))
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
