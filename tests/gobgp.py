"""GoBGP as an oracle: one gobgpd in namespaces of its own, as root or as an ordinary user, and speakers beside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frr import Neighbor
from lab_processes import await_

ROUTER = "198.18.255.254"
"""Where gobgpd listens; neighbours have the other addresses of 198.18.0.0/16."""
_DEADLINE_S = 20.0
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
_ALONE = f"ip link set lo up && ip address add {ROUTER}/16 dev lo"


class Gobgp:
    """A running gobgpd; `directory` has its files."""

    def __init__(self, directory: Path, control: socket.socket) -> None:
        self._directory, self._control = directory, control
        self._neighbors: list[Neighbor] = []

    def connect(self, address: str, asn: int) -> Neighbor:
        """A session with gobgpd from an address, established."""
        self._control.send(f"{address} {ROUTER}".encode())
        _, files, _, _ = socket.recv_fds(self._control, 64, 1)
        self._neighbors.append(Neighbor(socket.socket(fileno=files[0]), asn, address))
        return self._neighbors[-1]

    def ask(self, *command: str) -> str:
        """What a command of gobgp's prints."""
        words = ("gobgp", "--target", f"unix://{self._directory}/api", *command)
        done = subprocess.run(  # noqa: S603
            words,
            capture_output=True,
            text=True,
            check=True,
            timeout=_DEADLINE_S,
        )
        return done.stdout

    def log(self) -> str:
        """What gobgpd wrote until now."""
        log = self._directory / "gobgpd.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def await_neighbors(self, count: int) -> None:
        """Wait until gobgpd knows its neighbours: until then it closes their connections."""
        added = "Add a peer configuration"
        await_(lambda: self.log().count(added) == count, f"{count} neighbours of gobgpd, which says\n{self.log()}")

    def close(self) -> None:
        """Close every connection."""
        for neighbor in self._neighbors:
            neighbor.close()
        self._control.close()


@contextmanager
def running_gobgp(directory: Path, configuration: str) -> Iterator[Gobgp]:
    """One gobgpd that knows its neighbours; the directory is for its files."""
    (directory / "gobgpd.toml").write_text(configuration, encoding="utf-8")
    user = ("--user", "--map-root-user") if os.geteuid() else ()
    host = (sys.executable, str(Path(__file__).with_name("gobgp_host.py")), str(directory))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_DEADLINE_S)
    with theirs:
        process = subprocess.Popen(  # noqa: S603
            [*_UNSHARE, *user, "sh", "-c", f'{_ALONE} && exec "$@"', "sh", *host],
            stdin=theirs.fileno(),
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )
    gobgp = Gobgp(directory, ours)
    try:
        gobgp.await_neighbors(configuration.count("[[neighbors]]"))
        yield gobgp
    finally:
        gobgp.close()  # with it the host ends, and the kernel ends gobgpd
        process.wait(_DEADLINE_S)
