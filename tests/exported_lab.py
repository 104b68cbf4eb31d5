"""An exported lab started by hand: `exported_lab.py namespaces|containers FILE.clab.yml FROM TO SHOWN STOPPED...`.

It does what containerlab does: start every node of the file with its image's program, then join them, each end of a link
moved into its node's network namespace, renamed and started. In namespaces a node is the program itself, and the image
is left out. Standard output is one JSON document of what was seen; every node ends with this process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from lab.alone.__main__ import main as alone
from lab.alone.asking import pending
from lab.bgp import Family
from lab.device_file import from_text
from lab.errors import LabBroken
from lab.logs import OneLog
from lab.netlink import LinkEnd, Netlink
from lab.plan.devices import Device
from lab.processes import start_part
from lab.runtimes.namespaces import enter_network_namespace, new_network_namespace, this_network_namespace
from lab.runtimes.netns import NamespaceRuntime

_DEADLINE_S = 90.0
_CLOSED_PORT = 7
_ANSWER_S = 1.0
_PYTHON = "python"
_CAPABILITIES = ("NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE", "SYS_ADMIN")
_RIGHTS = (
    *("--cap-drop", "ALL", *(word for one in _CAPABILITIES for word in ("--cap-add", one))),
    *("--security-opt", "systempaths=unconfined"),  # so that /proc/sys/net can be written
)


class Node:
    """A node of the file. `namespace` is its network namespace, as an open file."""

    def __init__(self, name: str, about: dict[str, Any], directory: Path, scratch: Path) -> None:
        self.name, self.about, self._scratch = name, about, scratch
        source, _, _ = about["binds"][0].split(":")
        self.plan = directory / source
        self.device: Device = from_text(self.plan.read_text(encoding="utf-8"), source)

    def start(self) -> None:
        """Start its program."""
        raise NotImplementedError

    def stop(self) -> None:
        """End its program, and with it what it carries."""
        raise NotImplementedError

    def healthy(self) -> bool:
        """Whether its sessions are up."""
        return self.run("healthy").returncode == 0

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask it with the program of its image."""
        raise NotImplementedError

    @property
    def namespace(self) -> int:
        """Its network namespace."""
        raise NotImplementedError


class InNamespace(Node):
    """A process in a network namespace."""

    def __init__(self, name: str, about: dict[str, Any], directory: Path, scratch: Path) -> None:
        super().__init__(name, about, directory, scratch)
        home = this_network_namespace()
        self._namespace = new_network_namespace()
        enter_network_namespace(home)
        os.close(home)
        self._socket = scratch / f"{name}.sock"

    @property
    def namespace(self) -> int:
        return self._namespace

    def start(self) -> None:
        """Its program runs in a fork, so that ten of them do not import the same for ten times."""
        log = os.open(self._scratch / f"{self.name}.log", os.O_CREAT | os.O_WRONLY, 0o600)
        words = [str(self.plan), "--socket", str(self._socket), "--wait", str(_DEADLINE_S)]

        def be_the_device() -> None:
            enter_network_namespace(self._namespace)
            os._exit(alone(words))

        self._pid = start_part(self.name, log, be_the_device)
        os.close(log)

    def healthy(self) -> bool:
        try:
            return not pending(self._socket)
        except LabBroken:
            return False

    def stop(self) -> None:
        os.kill(self._pid, signal.SIGTERM)
        _, status = os.waitpid(self._pid, 0)
        assert status == 0, (self.name, (self._scratch / f"{self.name}.log").read_text(encoding="utf-8"))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [*self._program(), *words, "--socket", str(self._socket)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)  # noqa: S603

    def _program(self) -> list[str]:
        """As the file says, with this Python."""
        python, *words = self.about["entrypoint"].split()
        assert python == _PYTHON
        return [sys.executable, *words]


class InContainer(Node):
    """A container of the file's image, without a network of Docker's.

    containerlab makes privileged ones; these have what a device takes and no more, which not every machine has to spare.
    """

    def start(self) -> None:
        about, name = self.about, f"erlab-exported-{os.getpid()}-{self.name}"
        entrypoint, *words = about["entrypoint"].split()
        self._container = _docker(
            *("run", "--detach", *_RIGHTS, "--network", about["network-mode"], "--user", about["user"]),
            *("--name", name, "--label", "erlab.test=exported", "--volume", f"{self.plan}:{about['cmd']}:ro"),
            *("--entrypoint", entrypoint, about["image"], *words, about["cmd"]),
        )
        pid = _docker("inspect", "--format", "{{.State.Pid}}", self._container)
        self._namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def namespace(self) -> int:
        return self._namespace

    def stop(self) -> None:
        _docker("rm", "--force", self._container)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = ["docker", "exec", self._container, *self.about["entrypoint"].split(), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)  # noqa: S603


def _docker(*words: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["docker", *words],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=True,
    )
    return done.stdout.strip()


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Be in a network namespace until the end of the block."""
    home = this_network_namespace()
    enter_network_namespace(namespace)
    try:
        yield
    finally:
        enter_network_namespace(home)
        os.close(home)


def join(links: list[dict[str, Any]], nodes: dict[str, Node]) -> None:
    """Make every link of a file: a pair of veths with names of no matter, then moved, named and started."""
    netlink = Netlink()
    ends = [[end.split(":") for end in link["endpoints"]] for link in links]
    home = this_network_namespace()
    first = max(index for index, _ in socket.if_nameindex()) + 1
    for number, pair in enumerate(ends):
        one, other = (LinkEnd(name=f"clab{number}-{side}", namespace=home, mtu_bytes=9500) for side in (1, 2))
        netlink.veth(one, other, first + 2 * number)
    netlink.commit()
    for number, pair in enumerate(ends):
        for side, (node, name) in enumerate(pair, start=1):
            there = LinkEnd(name=name, namespace=nodes[node].namespace, mtu_bytes=9500)
            netlink.adopt(f"clab{number}-{side}", there)
            netlink.commit()
            with inside(nodes[node].namespace):
                starting = Netlink()
                starting.up(name)
                starting.commit()
                starting.close()
    netlink.close()


def reached(source: Node, destination: Node, family: Family) -> bool:
    """Whether the far host itself refuses a connection to a closed port."""
    far = destination.device.plan.nodes[0].address(family)
    with inside(source.namespace), suppress(TimeoutError, OSError):
        kind = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
        with socket.socket(kind) as asks:
            asks.settimeout(_ANSWER_S)
            try:
                asks.connect((str(far), _CLOSED_PORT))
            except ConnectionRefusedError:
                return True
    return False


def await_(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until it is so."""
    end_s = time.monotonic() + _DEADLINE_S
    while not condition():
        if time.monotonic() > end_s:
            sys.exit(what())
        time.sleep(0.05)


def main(kind: str, file: str, source: str, destination: str, shown: str, *stopped: str) -> None:
    """Start, join, look, stop some, look again, and end all."""
    document = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    made = {"namespaces": InNamespace, "containers": InContainer}[kind]
    directory = Path(file).parent
    NamespaceRuntime(OneLog()).warm_up()
    with tempfile.TemporaryDirectory() as scratch:
        nodes: dict[str, Node] = {
            name: made(name, about, directory, Path(scratch)) for name, about in document["topology"]["nodes"].items()
        }
        started: list[Node] = []
        try:
            for node in nodes.values():
                node.start()
                started.append(node)
            join(document["topology"]["links"], nodes)
            print(json.dumps(_seen(nodes, source, destination, shown, stopped, started)))
        finally:
            for node in started:
                node.stop()


def _seen(  # noqa: PLR0913, PLR0917
    nodes: dict[str, Node], source: str, destination: str, shown: str, stopped: tuple[str, ...], started: list[Node]
) -> dict[str, Any]:
    waiting = dict(nodes)

    def all_healthy() -> bool:
        for name in [name for name, node in waiting.items() if node.healthy()]:
            del waiting[name]
        return not waiting

    def last_words() -> str:
        return "\n".join(f"{name}: {node.run('healthy')}" for name, node in waiting.items())

    await_(all_healthy, last_words)
    hosts = nodes[source], nodes[destination]
    families = (Family.IPV4, Family.IPV6)
    for family in families:
        await_(lambda family=family: reached(*hosts, family), lambda: f"{source} does not reach {destination}")  # type: ignore[misc]
    tables = nodes[shown].run("tables").stdout
    for name in stopped:
        nodes[name].stop()
        started.remove(nodes[name])
    return {"tables": tables, "reached_without": [reached(*hosts, family) for family in families]}


if __name__ == "__main__":
    main(*sys.argv[1:])
