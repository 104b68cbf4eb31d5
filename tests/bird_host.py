"""BIRD in a network namespace: `bird_host.py DIRECTORY NAMESPACE` starts it and opens connections to it for a test.

The namespace is that of a file; the neighbours' addresses are in that of this process. Standard input is a socket. Each
message on it is an address and BIRD's; the answer is a TCP connection between them, as an open file. When the socket
ends this process ends, and, it being the first of its pid namespace, BIRD with it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

CONNECT_DEADLINE_S = 10


def main(directory: str, namespace: str) -> None:
    """Start BIRD, and connect to it as often as asked."""
    control = socket.socket(fileno=0)
    command = ["bird", "-f", "-c", f"{directory}/bird.conf", "-s", f"{directory}/bird.ctl"]
    with Path(directory, "bird.log").open("wb") as log:
        enter = ["nsenter", f"--net={namespace}", *command]
        subprocess.Popen(enter, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    while asked := control.recv(4096).decode():
        source, router = asked.split()
        opened = socket.create_connection((router, 179), timeout=CONNECT_DEADLINE_S, source_address=(source, 0))
        socket.send_fds(control, [b"opened"], [opened.fileno()])
        opened.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
