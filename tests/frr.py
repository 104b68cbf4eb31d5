"""FRR's bgpd as an oracle: what a router does, told by a program that knows nothing of this project.

`running_frr` starts one bgpd in namespaces of its own, as root or as an ordinary user, and ends it. A `Neighbor` is a
BGP speaker in this process: it sends bgpd what a test says, and hears what bgpd sends.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab.bgp import Prefix, Route, SegmentKind, extended_community_octets, parse_prefix, prefix_of
from lab.plan import StaticRoute
from lab.vendors.frr.routes import frr_routes
from lab.wire import DecodedUpdate, decode_update
from lab_processes import await_
from raw_speaker import KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE, message, messages, open_body
from wire_octets import (
    AGGREGATOR,
    AS_PATH,
    ATOMIC_AGGREGATE,
    CLUSTER_LIST,
    COMMUNITIES,
    CONFED_SEQUENCE,
    CONFED_SET,
    EXTENDED_COMMUNITIES,
    LARGE_COMMUNITY,
    LOCAL_PREF,
    MED,
    NEXT_HOP,
    NON_TRANSITIVE,
    ORIGIN,
    ORIGINATOR_ID,
    SEQUENCE,
    SET,
    TRANSITIVE,
    WELL_KNOWN,
    attribute,
    nlri,
    segment,
    update,
)

VERSION = "8.4"
"""That of Debian 12 and Ubuntu 24.04: what FRR does otherwise than we do changes from version to version."""
ROUTER, _NEIGHBORS = "192.0.2.254", "192.0.2.253"
"""Where bgpd listens; the addresses below 192.0.2.128 are there for neighbours."""
ENHANCED_REFRESH = 70
_START_OF_REFRESH, _END_OF_REFRESH = 1, 2  # RFC 7313 §3
_DEADLINE_S = 20.0
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
_ALONE = f"mount -t tmpfs none /var/tmp && ip link set lo up && ip address add {ROUTER}/24 dev lo"
"""For bgpd without zebra: all of the network is its own, neighbours included."""
_GROUPS = "root:x:0:\\nfrrvty:x:0:root\\n"  # zebra insists that its user is in this group
_BESIDE_ZEBRA = f"""
    mount -t tmpfs none /var/tmp && mount -t tmpfs none /run && printf '{_GROUPS}' >/run/group &&
    mount --bind /run/group /etc/group && ip link set lo up && ip netns add frr &&
    ip link add v1 type veth peer name v0 netns frr && ip -n frr address add {ROUTER}/24 dev v0 &&
    ip -n frr link set v0 up && ip address add {_NEIGHBORS}/24 dev v1 && ip link set v1 up &&
    ip route add local 192.0.2.0/25 dev lo"""
"""For both: they have a namespace of their own at one end of a wire, and the neighbours are at the other."""
_KINDS = {
    SegmentKind.SEQUENCE: SEQUENCE,
    SegmentKind.SET: SET,
    SegmentKind.CONFED_SEQUENCE: CONFED_SEQUENCE,
    SegmentKind.CONFED_SET: CONFED_SET,
}


def body_of(route: Route, *others: Prefix) -> bytes:
    """The body of an UPDATE that announces a route, and others to more prefixes; without a LOCAL_PREF it has none."""
    path = b"".join(segment(_KINDS[one.kind], *one.asns) for one in route.as_path.segments)
    found = attribute(WELL_KNOWN, ORIGIN, bytes([route.origin.preference])) + attribute(WELL_KNOWN, AS_PATH, path)
    found += attribute(WELL_KNOWN, NEXT_HOP, route.next_hop.packed)
    for number, code, flags in (
        (route.multi_exit_disc, MED, NON_TRANSITIVE),
        (route.local_pref, LOCAL_PREF, WELL_KNOWN),
    ):
        found += b"" if number is None else attribute(flags, code, number.to_bytes(4))
    if route.atomic_aggregate:
        found += attribute(WELL_KNOWN, ATOMIC_AGGREGATE, b"")
    if route.aggregator is not None:
        who = route.aggregator
        found += attribute(TRANSITIVE, AGGREGATOR, who.asn.to_bytes(4) + who.router_id.packed)
    if route.originator_id is not None:
        found += attribute(NON_TRANSITIVE, ORIGINATOR_ID, route.originator_id.packed)
    standard = (part.to_bytes(2) for one in route.communities for part in map(int, one.split(":")))
    large = (part.to_bytes(4) for one in route.large_communities for part in map(int, one.split(":")))
    for octets, code, flags in (
        (b"".join(standard), COMMUNITIES, TRANSITIVE),
        (b"".join(one.packed for one in route.cluster_list), CLUSTER_LIST, NON_TRANSITIVE),
        (b"".join(map(extended_community_octets, route.extended_communities)), EXTENDED_COMMUNITIES, TRANSITIVE),
        (b"".join(large), LARGE_COMMUNITY, TRANSITIVE),
    ):
        found += attribute(flags, code, octets) if octets else b""
    for one in route.unknown:
        found += attribute(TRANSITIVE, one.code, bytes.fromhex(one.value))
    return update(found, nlri(str(route.prefix), *map(str, others)))


class Neighbor:
    """A BGP speaker with a session to bgpd. It hears only while it is asked what it heard."""

    def __init__(self, connection: socket.socket, asn: int, router_id: str) -> None:
        self._connection, self._buffer = connection, bytearray()
        connection.settimeout(_DEADLINE_S)
        connection.sendall(
            message(OPEN, open_body(asn, IPv4Address(router_id).packed, bytes([ENHANCED_REFRESH, 0, 64, 2, 0, 120])))
        )
        self._until(OPEN)
        connection.sendall(message(KEEPALIVE))
        self._until(KEEPALIVE)

    def send(self, *bodies: bytes) -> None:
        """Send UPDATEs."""
        self._connection.sendall(b"".join(message(UPDATE, body) for body in bodies))

    def ask_for_table(self) -> None:
        """Ask bgpd for all routes that it has for this neighbour (RFC 2918)."""
        self._connection.sendall(message(ROUTE_REFRESH, struct.pack(">HBB", 1, 0, 1)))

    def table(self, *, ebgp: bool) -> dict[Prefix, Route]:
        """The routes that were asked for; bgpd marks their beginning and their end (RFC 7313)."""
        found: dict[Prefix, Route] = {}
        begun = False
        for kind, body in self._messages():
            if kind == ROUTE_REFRESH and body[2] == _START_OF_REFRESH:
                begun = True
                found.clear()
            elif kind == ROUTE_REFRESH and body[2] == _END_OF_REFRESH and begun:
                return found
            elif kind == UPDATE:
                _take(decode_update(body, ebgp=ebgp), found)
        raise AssertionError("bgpd never came to the end of its routes")

    def hears(self, count: int, *, ebgp: bool) -> dict[Prefix, Route]:
        """The routes that it has been sent, once there are that many."""
        found: dict[Prefix, Route] = {}
        for kind, body in self._messages():
            if kind == UPDATE:
                _take(decode_update(body, ebgp=ebgp), found)
            if len(found) == count:
                return found
        raise AssertionError("unreachable: messages have no end")

    def awaits_notification(self) -> tuple[int, int]:
        """The code and subcode of the NOTIFICATION that ends the session (RFC 4271 §4.5)."""
        body = self._until(NOTIFICATION)
        return body[0], body[1]

    def awaits_refresh(self) -> None:
        """Wait until bgpd asks for all routes again (RFC 2918)."""
        self._until(ROUTE_REFRESH)

    def close(self) -> None:
        """End the session by closing its connection."""
        self._connection.close()

    def _until(self, wanted: int) -> bytes:
        """The body of the next message of a kind; those before it are lost."""
        return next(body for kind, body in self._messages() if kind == wanted)

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        while True:
            for kind, body in messages(self._buffer):
                assert kind != NOTIFICATION or body[0] == 6, f"NOTIFICATION {body.hex()}"
                yield kind, body
            data = self._connection.recv(65536)
            assert data, "bgpd closed the connection"
            self._buffer += data


def _take(decoded: DecodedUpdate, table: dict[Prefix, Route]) -> None:
    assert not decoded.faults, decoded.faults
    for prefix in decoded.withdrawn:
        table.pop(prefix_of(prefix), None)
    table.update((route.prefix, route) for route in decoded.announced)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrrPath:
    """One path in bgpd's table: the address of the neighbour, the route, and whether it is best or used beside it."""

    peer: str
    route: Route
    best: bool
    multipath: bool
    because: str


class Daemon:
    """A running program of FRR's, and the way to its command line: `directory` has its socket."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program, self._directory = program, directory
        self._vty = socket.socket(socket.AF_UNIX)
        self._vty.settimeout(_DEADLINE_S)

    def begin(self) -> None:
        """Wait until it listens."""
        where = str(self._directory / f"{self._program}.vty")
        await_(lambda: self._vty.connect_ex(where) == 0, where)
        self.ask("enable")
        shown = self.ask("show version").split(" (")[0]
        assert shown.startswith(f"FRRouting {VERSION}"), f"what differs is known of FRR {VERSION}, and this is {shown}"

    def close(self) -> None:
        """Leave the command line."""
        self._vty.close()

    def ask(self, command: str) -> str:
        """The answer to a command that it must take."""
        status, text = self._answer(command)
        assert status == 0, f"{self._program} answers {command!r} with {status}: {text}"
        return text

    def _answer(self, command: str) -> tuple[int, str]:
        """The status of a command, 0 where it is taken, and its text. The vty parts them by three zeros."""
        self._vty.sendall(command.encode() + b"\0")
        answer = bytearray()
        while len(answer) < 4 or answer[-4:-1] != b"\0\0\0":
            data = self._vty.recv(65536)
            assert data, f"{self._program} ended; its log is in {self._directory}"
            answer += data
        return answer[-1], answer[:-4].decode()

    def takes(self, line: str) -> bool:
        """Whether it takes a line of a configuration."""
        self.ask("configure terminal")
        status, _ = self._answer(line)
        self.ask("end")
        return status == 0

    def ask_json(self, command: str) -> Any:  # noqa: ANN401  # JSON has no narrower type
        """The answer to a command, which is a JSON document."""
        return json.loads(self.ask(command) or "{}")

    def configure(self, lines: str) -> None:
        """Enter lines of a configuration; a line that its block does not know belongs to the block around it."""
        self.ask("configure terminal")
        try:
            for line in filter(None, map(str.strip, lines.splitlines())):
                self.ask(line)
        finally:
            self.ask("end")


class Bgpd(Daemon):
    """A running bgpd."""

    def __init__(self, directory: Path) -> None:
        super().__init__("bgpd", directory)

    def paths(self) -> dict[Prefix, list[FrrPath]]:
        """All paths in bgpd's table, after every decision that is due."""
        return await_(self._settled_paths, "bgpd's decisions")

    def _settled_paths(self) -> dict[Prefix, list[FrrPath]] | None:
        routes = self.ask_json("show bgp ipv4 unicast json detail")["routes"]
        found = {prefix: [one for one in paths if "peer" in one] for prefix, paths in routes.items()}
        if any(path.get("processScheduled") for paths in found.values() for path in paths):
            return None
        return {parse_prefix(prefix): [_path(prefix, path) for path in paths] for prefix, paths in found.items()}


class Frr(Bgpd):
    """A bgpd in namespaces of its own, and the neighbours that it has there."""

    def __init__(self, directory: Path, control: socket.socket) -> None:
        super().__init__(directory)
        self._control = control
        self._neighbors: list[Neighbor] = []

    def connect(self, address: str, asn: int, router_id: str = "") -> Neighbor:
        """A session with bgpd from an address, established."""
        self._control.send(f"{address} {ROUTER}".encode())
        _, files, _, _ = socket.recv_fds(self._control, 64, 1)
        self._neighbors.append(Neighbor(socket.socket(fileno=files[0]), asn, router_id or address))
        return self._neighbors[-1]

    def disconnect(self) -> None:
        """Close the sessions of all neighbours."""
        for neighbor in self._neighbors:
            neighbor.close()
        self._neighbors.clear()

    def close(self) -> None:
        """Close every connection."""
        self.disconnect()
        super().close()
        self._control.close()


def _path(prefix: str, path: dict[str, Any]) -> FrrPath:
    chosen = path.get("bestpath", {})
    return FrrPath(
        peer=path["peer"]["peerId"],
        route=next(frr_routes({"routes": {prefix: [path]}})).route,
        best=bool(chosen.get("overall")),
        multipath=bool(path.get("multipath")),
        because=chosen.get("selectionReason", ""),
    )


@contextmanager
def running_frr(directory: Path) -> Iterator[Frr]:
    """One bgpd without zebra in namespaces of its own; the directory is for its files. Every next hop is reachable."""
    with _running(directory, _ALONE, ()) as frr:
        yield frr


@contextmanager
def running_frr_with_zebra(directory: Path, routes: Iterable[StaticRoute]) -> Iterator[Frr]:
    """One bgpd with zebra, which tells it of these routes: they are in the kernel, whose metric counts as cost."""
    lines = [f"ip -n frr route add {one.prefix} via {one.next_hop} metric {one.metric}" for one in routes]
    with _running(directory, " && ".join([_BESIDE_ZEBRA, *lines]), ("/run/netns/frr",)) as frr:
        yield frr


@contextmanager
def _running(directory: Path, prepare: str, namespace: tuple[str, ...]) -> Iterator[Frr]:
    user = ("--user", "--map-root-user") if os.geteuid() else ()
    host = (sys.executable, str(Path(__file__).with_name("frr_host.py")), str(directory), *namespace)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603
            [*_UNSHARE, *user, "sh", "-c", f'{prepare} && exec "$@"', "sh", *host],
            stdin=theirs.fileno(),
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )
    frr = Frr(directory, ours)
    try:
        frr.begin()
        yield frr
    finally:
        frr.close()  # with it the host ends, and the kernel ends bgpd
        process.wait(_DEADLINE_S)
