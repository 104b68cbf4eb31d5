"""BIRD as an oracle, and to see whether what is rendered for it means to it what it means to us.

`running_bird` starts one in namespaces of its own, as root or as an ordinary user, and ends it. Its neighbours are
`frr.Neighbor`s: BGP speakers in this process.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frr import ROUTER, Neighbor
from lab.plan import NodePlan
from lab.vendors import ForeignTables
from lab.vendors.bird import BirdRouter
from lab_processes import await_

_DEADLINE_S = 20.0
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
_PREPARE = f"""
    mount -t tmpfs none /run && ip link set lo up && ip netns add bird &&
    ip link add v1 type veth peer name lan netns bird && ip -n bird address add {ROUTER}/24 dev lan &&
    ip -n bird link set lan up && ip address add 192.0.2.253/24 dev v1 && ip link set v1 up &&
    ip route add local 192.0.2.0/25 dev lo && exec "$@" """
"""BIRD has a namespace of its own at one end of a wire, and the addresses below 192.0.2.128 are at the other."""
_ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


class Bird:
    """A running BIRD, which is the router of one plan after the other, each with its interface called lan."""

    def __init__(self, directory: Path, control: socket.socket, node: NodePlan) -> None:
        self._directory, self._control = directory, control
        self._neighbors: list[Neighbor] = []
        self._router = BirdRouter(node, str(directory))

    def configure(self, node: NodePlan) -> None:
        """Have it be a node of a plan."""
        self._router = BirdRouter(node, str(self._directory))
        write(self._router, self._directory)
        said = self.ask("configure")
        assert "Reconfigured" in said or "Reconfiguration in progress" in said, said

    def tables(self) -> ForeignTables:
        """What it knows now."""
        (question,) = self._router.questions()
        return self._router.tables((self._run(*question),))

    def ask(self, command: str) -> str:
        """The answer to a command of birdc's."""
        return self._run("birdcl", "-s", str(self._directory / "bird.ctl"), command)

    def is_there(self) -> bool:
        """Whether it answers."""
        return (self._directory / "bird.ctl").exists() and "up and running" in self.ask("show status")

    def connect(self, address: str, asn: int, router_id: str = "") -> Neighbor:
        """A session with it from an address, established. It refuses connections while an earlier one ends."""

        def opened() -> Neighbor | None:
            self._control.send(f"{address} {ROUTER}".encode())
            _, files, _, _ = socket.recv_fds(self._control, 64, 1)
            try:
                return Neighbor(socket.socket(fileno=files[0]), asn, router_id or address)
            except (AssertionError, ConnectionError):
                return None

        self._neighbors.append(await_(opened, f"a session from {address}"))
        return self._neighbors[-1]

    def disconnect(self) -> None:
        """Close the sessions of all neighbours."""
        for neighbor in self._neighbors:
            neighbor.close()
        self._neighbors.clear()

    @staticmethod
    def _run(*command: str) -> str:
        ran = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_ENVIRONMENT, check=False
        )
        return ran.stdout


def write(router: BirdRouter, directory: Path) -> None:
    """Write a router's configuration."""
    (file,) = router.prepare().files
    (directory / file.name).write_text(file.text, encoding="utf-8")


@contextmanager
def running_bird(directory: Path, node: NodePlan) -> Iterator[Bird]:
    """One BIRD in namespaces of its own, being a node of a plan; the directory is for its files."""
    write(BirdRouter(node, str(directory)), directory)
    user = ("--user", "--map-root-user") if os.geteuid() else ()
    host = (sys.executable, str(Path(__file__).with_name("bird_host.py")), str(directory), "/run/netns/bird")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603
            [*_UNSHARE, *user, "sh", "-c", _PREPARE, "sh", *host], stdin=theirs.fileno(), env=_ENVIRONMENT
        )
    bird = Bird(directory, ours, node)
    try:
        await_(bird.is_there, "BIRD")
        yield bird
    finally:
        bird.disconnect()
        ours.close()  # with it the host ends, and the kernel ends BIRD
        process.wait(_DEADLINE_S)
