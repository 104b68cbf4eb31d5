"""An exported lab, started by hand: `exported_lab.py namespaces|containers FILE.clab.yml FROM TO SHOWN STOPPED...`.

It does what containerlab does: it starts every node of the file with the program that the file names, and then joins
them, each end of a link moved into its node's network namespace, named there and started. Standard output is one JSON
document of what was seen. Every node ends with this process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml

from lab.alone.__main__ import SOCKET
from lab.alone.__main__ import main as alone
from lab.alone.asking import pending
from lab.bgp import Family
from lab.device_file import from_text
from lab.errors import LabBroken
from lab.logs import OneLog
from lab.netlink import LinkEnd, Netlink
from lab.processes import start_part
from lab.runtimes.containers import LAB, NODE
from lab.runtimes.namespaces import enter_network_namespace, new_network_namespace, this_network_namespace
from lab.runtimes.netns import NamespaceRuntime
from lab_processes import await_

DEADLINE_S = 90.0
MTU_BYTES = 9500
"""That of containerlab's links."""
_CLOSED_PORT, _ANSWER_S = 7, 1.0
_PYTHON = "python"
_CAPABILITIES = ("NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE", "SYS_ADMIN", "DAC_READ_SEARCH")
_RIGHTS = (
    *("--cap-drop", "ALL", *(f"--cap-add={one}" for one in _CAPABILITIES)),
    *("--security-opt", "systempaths=unconfined"),  # so that /proc/sys/net can be written
)


class InNamespace:
    """A node as a process in a network namespace."""

    def __init__(self, name: str, about: dict[str, Any], plan: Path, scratch: Path) -> None:
        home = this_network_namespace()
        self.namespace = new_network_namespace()
        enter_network_namespace(home)
        os.close(home)
        self._control, self._log = scratch / f"{name}.sock", scratch / f"{name}.log"
        python, *self._words = about["entrypoint"].split()
        assert python == _PYTHON
        words = [str(plan), "--socket", str(self._control), "--wait", str(DEADLINE_S)]

        def be_the_device() -> None:
            """In a fork, so that ten of them do not import the same for ten times."""
            enter_network_namespace(self.namespace)
            os._exit(alone(words))

        log = os.open(self._log, os.O_CREAT | os.O_WRONLY, 0o600)
        self._pid = start_part(name, log, be_the_device)
        os.close(log)

    def healthy(self) -> bool:
        """Whether its sessions are up."""
        return _all_up(self._control)

    def ask(self, what: str) -> str:
        """What its program prints when it is asked."""
        return _run(sys.executable, *self._words, what, "--socket", str(self._control))

    def end(self) -> None:
        """End it as containerlab would."""
        os.kill(self._pid, signal.SIGTERM)
        _, status = os.waitpid(self._pid, 0)
        assert status == 0, self._log.read_text(encoding="utf-8")


class InContainer:
    """A node as a container of the file's image, without a network of Docker's.

    containerlab makes privileged ones; these have what a device takes, for not every machine has more to give.
    """

    def __init__(self, name: str, about: dict[str, Any], plan: Path, scratch: Path) -> None:
        self._program, self._name = about["entrypoint"].split(), f"erlab-exported-{os.getpid()}-{name}"
        self._run = scratch / name
        self._run.mkdir()
        python, *words = self._program
        labels = (f"--label={LAB}={plan.parent.name}", f"--label={NODE}={name}")
        argv = [
            *("docker", "run", "--detach", "--name", self._name, *labels, *_RIGHTS),
            *("--network", about["network-mode"], "--user", about["user"], "--volume", f"{plan}:{about['cmd']}:ro"),
            *("--volume", f"{self._run}:{SOCKET.parent}", "--entrypoint", python, about["image"], *words, about["cmd"]),
        ]
        self._starting = subprocess.Popen(argv, stdout=subprocess.DEVNULL)  # noqa: S603

    @cached_property
    def namespace(self) -> int:
        """Its network namespace, as an open file."""
        assert self._starting.wait(DEADLINE_S) == 0, self._name
        pid = _run("docker", "inspect", "--format", "{{.State.Pid}}", self._name).strip()
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def healthy(self) -> bool:
        """Whether its sessions are up."""
        return _all_up(self._run / SOCKET.name)

    def ask(self, what: str) -> str:
        """What its program prints when it is asked."""
        return _run("docker", "exec", self._name, *self._program, what)

    def end(self) -> None:
        """Remove the container."""
        self._starting.wait(DEADLINE_S)
        _run("docker", "rm", "--force", self._name)


Node = InNamespace | InContainer


def _all_up(control: Path) -> bool:
    try:
        return not pending(control)
    except LabBroken:
        return False


def _run(*argv: str) -> str:
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=DEADLINE_S, check=True).stdout  # noqa: S603


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
    """Make every link of a file: a pair of veths with any names, then moved, named and started."""
    netlink, home = Netlink(), this_network_namespace()
    first = max(index for index, _ in socket.if_nameindex()) + 1
    for number, link in enumerate(links):
        one, other = (LinkEnd(name=f"clab{number}-{side}", namespace=home, mtu_bytes=MTU_BYTES) for side in (0, 1))
        netlink.veth(one, other, first + 2 * number)
        netlink.commit()
        for side, end in enumerate(link["endpoints"]):
            node, name = end.split(":")
            namespace = nodes[node].namespace
            netlink.adopt(f"clab{number}-{side}", LinkEnd(name=name, namespace=namespace, mtu_bytes=MTU_BYTES))
            netlink.commit()
            with inside(namespace):
                starting = Netlink()
                starting.up(name)
                starting.commit()
                starting.close()
    netlink.close()
    os.close(home)


def reached(source: Node, address: str) -> bool:
    """Whether a host refuses a connection to a port that nobody listens at: then packets went there and back."""
    with inside(source.namespace):
        asks = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        asks.settimeout(_ANSWER_S)
    try:
        asks.connect((address, _CLOSED_PORT))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    finally:
        asks.close()
    return False


def main(kind: str, file: str, source: str, destination: str, shown: str, *stopped: str) -> None:
    """Start and join the nodes, see that all is up, stop some, and see what they were for."""
    topology = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["topology"]
    make: type[Node] = InNamespace if kind == "namespaces" else InContainer
    plans = {name: Path(file).parent / about["binds"][0].split(":")[0] for name, about in topology["nodes"].items()}
    NamespaceRuntime(OneLog()).warm_up()
    nodes: dict[str, Node] = {}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            for name, about in topology["nodes"].items():
                nodes[name] = make(name, about, plans[name], Path(scratch))
            join(topology["links"], nodes)
            for name, node in nodes.items():
                await_(node.healthy, f"{name} is healthy", DEADLINE_S)
            host = from_text(plans[destination].read_text(encoding="utf-8"), destination).plan.nodes[0]
            there = [str(host.address(family)) for family in Family]
            for address in there:
                await_(partial(reached, nodes[source], address), f"{source} reaches {address}", DEADLINE_S)
            tables = nodes[shown].ask("tables")
            for name in stopped:
                nodes.pop(name).end()
            seen = {"tables": tables, "still_reached": [one for one in there if reached(nodes[source], one)]}
            sys.stdout.write(json.dumps(seen))
        finally:
            with ThreadPoolExecutor() as at_once:
                list(at_once.map(lambda node: node.end(), nodes.values()))


if __name__ == "__main__":
    main(*sys.argv[1:])
