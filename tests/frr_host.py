"""The namespace that FRR runs in: `frr_host.py DIRECTORY` starts bgpd there and opens connections to it for a test.

`frr_host.py DIRECTORY NAMESPACE` starts it, and zebra with it, in another network namespace, given as a file.

Standard input is a socket. Each message on it is an address; the answer is a TCP connection from that address to bgpd,
as an open file. When the socket ends this process ends, and, it being the first of its pid namespace, bgpd with it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

PROGRAMS = "/usr/lib/frr"
CONNECT_DEADLINE_S = 10


def bgpd_command(directory: str) -> list[str]:
    """The command that runs bgpd without zebra, as the user who starts it, with all its files in a directory."""
    return [f"{PROGRAMS}/bgpd", "--no_zebra", "--skip_runas", *_files("bgpd", directory)]


def bfdd_command(directory: str) -> list[str]:
    """The command that runs bfdd without zebra, as root, with all its files in a directory."""
    control = ["--bfdctl", f"{directory}/bfdd.sock", "--socket", f"{directory}/no-zebra"]
    return [f"{PROGRAMS}/bfdd", "--user", "root", "--group", "root", *_files("bfdd", directory), *control]


def with_zebra(directory: str, namespace: str) -> list[list[str]]:
    """The commands that run zebra and bgpd in a network namespace; bgpd leaves the kernel's routes alone."""
    enter, meeting = ["nsenter", f"--net={namespace}"], ["--socket", f"{directory}/zserv.api"]
    zebra = [f"{PROGRAMS}/zebra", "--user", "root", "--group", "root", *_files("zebra", directory)]
    bgpd = [f"{PROGRAMS}/bgpd", "--no_kernel", "--skip_runas", *_files("bgpd", directory)]
    return [[*enter, *zebra, *meeting], [*enter, *bgpd, *meeting]]


def _files(program: str, directory: str) -> list[str]:
    at = f"{directory}/{program}"
    return ["-f", f"{at}.conf", "-i", f"{at}.pid", "--vty_socket", directory, "--vty_port", "0", "--log", "stdout"]


def main(directory: str, *namespace: str) -> None:
    """Start bgpd, and connect to it as often as asked."""
    control = socket.socket(fileno=0)
    for command in with_zebra(directory, *namespace) if namespace else [bgpd_command(directory)]:
        program = "zebra" if f"{PROGRAMS}/zebra" in command else "bgpd"
        Path(directory, f"{program}.conf").touch()
        with Path(directory, f"{program}.log").open("wb") as log:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    while asked := control.recv(4096).decode():
        source, router = asked.split()
        opened = socket.create_connection((router, 179), timeout=CONNECT_DEADLINE_S, source_address=(source, 0))
        socket.send_fds(control, [b"opened"], [opened.fileno()])
        opened.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
