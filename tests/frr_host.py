"""The namespace that FRR runs in: `frr_host.py DIRECTORY` starts bgpd there and opens connections to it for a test.

Standard input is a socket. Each message on it is an address; the answer is a TCP connection from that address to bgpd,
as an open file. When the socket ends this process ends, and, it being the first of its pid namespace, bgpd with it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

BGPD = "/usr/lib/frr/bgpd"
CONNECT_DEADLINE_S = 10


def bgpd_command(directory: str) -> list[str]:
    """The command that runs bgpd without zebra, as the user who starts it, with all its files in a directory."""
    files = ["-f", f"{directory}/bgpd.conf", "-i", f"{directory}/bgpd.pid", "--vty_socket", directory]
    return [BGPD, "--no_zebra", "--skip_runas", "--vty_port", "0", "--log", "stdout", *files]


def main(directory: str) -> None:
    """Start bgpd, and connect to it as often as asked."""
    control = socket.socket(fileno=0)
    Path(directory, "bgpd.conf").touch()
    with Path(directory, "bgpd.log").open("wb") as log:
        subprocess.Popen(bgpd_command(directory), stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    while asked := control.recv(4096).decode():
        source, router = asked.split()
        opened = socket.create_connection((router, 179), timeout=CONNECT_DEADLINE_S, source_address=(source, 0))
        socket.send_fds(control, [b"opened"], [opened.fileno()])
        opened.close()


if __name__ == "__main__":
    main(sys.argv[1])
