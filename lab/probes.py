"""The prober: a process that asks the lab questions with packets, and reads the kernel's own routes.

Echoes are sent by the source's kernel, and captured in every host and router of the lab: a flow's path, its marks and
the place where it ended are seen, not inferred. What is no echo is read with scapy, and routes with pyroute2. Both
libraries take a third of a second to import: the prober is a process of its own, started first.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from lab.bgp import Address, Family, Prefix
from lab.channel import Channel, ChannelClosed
from lab.echo import echo_request, read_echo
from lab.errors import LabBroken
from lab.forwarding import Crossing, Flow, FlowResult, Seen
from lab.messages import Fibs, Message, Observe, Probe, Probed, ReadFibs
from lab.packet_filter import ECHOES, NOTHING
from lab.plan import NodePlan, Plan
from lab.runtimes.namespaces import enter_network_namespace
from lab.tables import FibEntry, RouterFib

if TYPE_CHECKING:
    from scapy.packet import Packet

RETRY_S = 0.25
"""A flow that was neither answered nor refused is sent again after this time."""
_SENT_AT_ONCE = 32
_QUIET_S = 0.005
"""Where nothing has come for so long, the rest of what was sent is taken to be lost, for now."""
MAGIC = b"erlab\x00probe"
_ETH_P_ALL = 3
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_PACKET_OUTGOING = 4  # linux/if_packet.h


class Kind(Enum):
    """What a captured packet is."""

    REQUEST = "request"
    REPLY = "reply"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One packet of a flow, seen at one node. `says` is what an ICMP error tells."""

    node: str
    interface: str
    outgoing: bool
    kind: Kind
    ttl: int
    dscp: int
    source: Address
    target: Address
    says: str = ""


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A packet of a flow and all that was seen of it."""

    flow: Flow
    number: int
    packet: bytes
    target: Address
    refused: str = ""
    settled: bool = False
    """Whether nothing more can come: answered at the source, or refused on the way."""
    sightings: list[Sighting] = field(default_factory=list)

    def see(self, one: Sighting) -> None:
        """Take note that it was seen."""
        self.sightings.append(one)
        back = one.kind is Kind.REPLY and one.node == self.flow.source and not one.outgoing
        self.settled = self.settled or back or one.kind is Kind.ERROR


def run(supervisor: Channel) -> None:
    """Serve the supervisor until it is gone."""
    import pyroute2.netlink.rtnl.rtmsg
    import scapy.layers.inet6

    del pyroute2, scapy
    lab: _Prober | None = None
    try:
        while True:
            for message in supervisor.receive():
                if isinstance(message, Observe):
                    lab = _Prober(message.plan, supervisor.fds)
                elif lab is not None:
                    supervisor.send(lab.answer(message))
    except ChannelClosed:
        return


class _Prober:
    def __init__(self, plan: Plan, namespaces: list[int]) -> None:
        visible = [node for node in plan.nodes if not node.is_switch]
        self._plan = plan
        self._namespaces = {node.name: fd for node, fd in zip(visible, namespaces, strict=True)}
        self._run_id = os.urandom(8)
        self._number = 0
        self._captures = self._capture_everywhere()
        self._ready = select.epoll()  # select knows no file descriptors above 1023
        for fd in self._captures:
            self._ready.register(fd, select.EPOLLIN)
        self._listen(on=False)

    def answer(self, message: Message) -> Message:
        """The answer to one request."""
        match message:
            case Probe(flows=flows, deadline_s=deadline_s, count=count):
                return Probed(results=tuple(self._probe(flows, deadline_s, count)))
            case ReadFibs():
                return Fibs(fibs=tuple(self._fib(node) for node in self._plan.routers))
            case _:
                raise LabBroken(f"{type(message).__name__} is no request to the prober")

    # packets

    def _probe(self, flows: tuple[Flow, ...], deadline_s: float, count: int) -> Iterator[FlowResult]:
        asked = [self._ask(flow) for flow in flows for _ in range(count)]
        by_number = {one.number: one for one in asked}
        self._listen(on=True)
        try:
            self._send(asked, by_number)
            end = time.monotonic() + deadline_s
            again = time.monotonic() + RETRY_S
            missing = asked
            while time.monotonic() < end and (missing := [one for one in missing if not one.settled]):
                if time.monotonic() >= again:
                    self._send(missing, by_number)
                    again = time.monotonic() + RETRY_S
                self._capture(by_number, min(again, end) - time.monotonic())
            self._capture(by_number, 0)  # an answer may have been read before what was seen on its way
        finally:
            self._listen(on=False)
        return (_result(one, self._plan) for one in asked)

    def _ask(self, flow: Flow) -> _Asked:
        self._number += 1
        mark = MAGIC + self._run_id + struct.pack("!I", self._number)
        source = self._plan.node(flow.source).address(flow.family)
        target = self._plan.node(flow.destination).address(flow.family)
        if source is None or target is None:
            raise LabBroken(f"{flow.source} and {flow.destination} have no {flow.family.value} address in common")
        packet = echo_request(source, target, dscp=flow.dscp, number=self._number, payload=mark)
        return _Asked(flow=flow, number=self._number, packet=packet, target=target)

    def _send(self, asked: list[_Asked], by_number: dict[int, _Asked]) -> None:
        """Hand the packets to the kernels of their sources, which route them like any other.

        Some at once, and then what they cause is captured before more are sent: a capture's buffer holds some two
        hundred packets, and a process of the lab that carries tags may be behind.
        """
        for start in range(0, len(asked), _SENT_AT_ONCE):
            some = asked[start : start + _SENT_AT_ONCE]
            self._hand_over(some)
            while not all(one.settled for one in some) and self._capture(by_number, _QUIET_S):
                pass

    def _hand_over(self, asked: list[_Asked]) -> None:
        for one in asked:
            self._enter(one.flow.source)
            family = socket.AF_INET if one.flow.family is Family.IPV4 else socket.AF_INET6
            with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
                try:
                    raw.sendto(one.packet, (str(one.target), 0))
                except OSError as problem:
                    one.settled = True
                    one.refused = f"{one.flow.source} itself has no way: {os.strerror(problem.errno or 0)}"

    def _enter(self, node: str) -> None:
        enter_network_namespace(self._namespaces[node])

    def _capture_everywhere(self) -> dict[int, tuple[str, socket.socket]]:
        captures = {}
        for name in self._namespaces:
            self._enter(name)
            capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            capture.settimeout(0)
            captures[capture.fileno()] = name, capture
        return captures

    def _listen(self, *, on: bool) -> None:
        """Let the captures see echoes, or nothing. To close one instead costs 15 ms: the kernel waits for RCU."""
        for _, capture in self._captures.values():
            _filter(capture, ECHOES if on else NOTHING)
            if not on:
                _forget(capture)

    def _capture(self, by_number: dict[int, _Asked], timeout_s: float) -> bool:
        """Take in what has been captured, or is within a time; whether anything was."""
        ready = self._ready.poll(max(0.0, timeout_s))
        for fd, _ in ready:
            name, capture = self._captures[fd]
            while True:
                try:
                    data, (interface, _, packet_type, _, _) = capture.recvfrom(1 << 16)
                except BlockingIOError:
                    break
                number = self._number_in(data)
                if number in by_number:
                    outgoing = packet_type == _PACKET_OUTGOING
                    by_number[number].see(_read(data, name, interface, outgoing=outgoing))
        return bool(ready)

    def _number_in(self, data: bytes) -> int | None:
        """The number of the probe that a frame carries, if it is one of this prober's."""
        mark = MAGIC + self._run_id
        at = data.rfind(mark)
        if at < 0 or len(data) < at + len(mark) + 4:
            return None
        return int(struct.unpack_from("!I", data, at + len(mark))[0])

    # the kernel's routes

    def _fib(self, node: NodePlan) -> RouterFib:
        self._enter(node.name)
        used: dict[Prefix, tuple[int, FibEntry]] = {}
        for metric, entry in (found for version in (4, 6) for found in _routes(version)):
            if entry.prefix not in used or metric < used[entry.prefix][0]:
                used[entry.prefix] = metric, entry  # the kernel forwards by the lowest metric
        entries = [entry for _, entry in used.values()]
        entries.sort(key=lambda e: (e.prefix.version, int(e.prefix.network_address), e.prefix.prefixlen))
        return RouterFib(router=node.name, entries=tuple(entries))


def _filter(capture: socket.socket, program: bytes) -> None:
    """Attach a program of classic BPF in the place of any other."""
    instructions = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    capture.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def _forget(capture: socket.socket) -> None:
    """Read away what has been captured."""
    with contextlib.suppress(BlockingIOError):
        while True:
            capture.recv(1)


# reading packets


def _read(frame: bytes, node: str, interface: str, *, outgoing: bool) -> Sighting:
    echo = read_echo(frame)
    if echo is not None:
        kind = Kind.REPLY if echo.is_reply else Kind.REQUEST
        return Sighting(
            node=node,
            interface=interface,
            outgoing=outgoing,
            kind=kind,
            ttl=echo.ttl,
            dscp=echo.dscp,
            source=echo.source,
            target=echo.target,
        )
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    packet = Ether(frame)
    header = packet[IP] if IP in packet else packet[IPv6]
    is_ipv4 = header.name == "IP"
    kind, says = _kind(header)
    return Sighting(
        node=node,
        interface=interface,
        outgoing=outgoing,
        kind=kind,
        ttl=header.ttl if is_ipv4 else header.hlim,
        dscp=(header.tos if is_ipv4 else header.tc) >> 2,
        source=ip_address(header.src),
        target=ip_address(header.dst),
        says=says,
    )


def _kind(header: Packet) -> tuple[Kind, str]:
    payload = header.payload
    kind = int(payload.type)
    if header.name == "IP":
        if kind in (0, 8):
            return (Kind.REQUEST if kind else Kind.REPLY), ""
    elif kind in (128, 129):
        return (Kind.REQUEST if kind == 128 else Kind.REPLY), ""  # RFC 4443 §4
    refusals = (3, 11, 12) if header.name == "IP" else (1, 2, 3, 4)  # RFC 792, RFC 4443 §3
    return (Kind.ERROR if kind in refusals else Kind.OTHER), f"{payload.sprintf('%type%')}: {payload.sprintf('%code%')}"


def _result(asked: _Asked, plan: Plan) -> FlowResult:
    flow = asked.flow
    requests = [one for one in asked.sightings if one.kind is Kind.REQUEST]
    replies = [one for one in asked.sightings if one.kind is Kind.REPLY]
    sent = any(one.node == flow.source and one.outgoing for one in requests)
    arrivals = [one for one in requests if one.node == flow.destination and not one.outgoing]
    answered = any(one.node == flow.source and not one.outgoing for one in replies)
    stopped = ""
    if not sent:
        stopped = asked.refused or "the packet was not seen leaving"
    elif not arrivals:
        stopped = _where_it_ended(requests, asked, plan)
    elif not answered:
        stopped = f"the answer: {_where_it_ended(replies, asked, plan)}" if replies else "no answer left the host"
    return FlowResult(
        flow=flow,
        sent=sent,
        arrived=bool(arrivals),
        answered=answered,
        there=_crossings(requests, flow.source),
        back=_crossings(replies, flow.destination),
        stopped=stopped,
    )


def _crossings(sightings: list[Sighting], start: str) -> tuple[Crossing, ...]:
    """The nodes that a packet crossed, in the order in which its TTL fell, behind the one that sent it."""
    left = {one.node: one for one in sightings if one.outgoing}
    if start not in left:
        return ()
    entered = {one.node: one for one in sightings if not one.outgoing}
    path = [start, *sorted(entered, key=lambda node: -entered[node].ttl)]
    return tuple(Crossing(node=node, entered=_seen(entered.get(node)), left=_seen(left.get(node))) for node in path)


def _seen(one: Sighting | None) -> Seen | None:
    if one is None:
        return None
    return Seen(interface=one.interface, dscp=one.dscp, source=one.source, target=one.target)


def _where_it_ended(sightings: list[Sighting], asked: _Asked, plan: Plan) -> str:
    last = min(sightings, key=lambda one: (one.ttl, one.outgoing))
    refusals = [one for one in asked.sightings if one.kind is Kind.ERROR]
    if refusals:
        who = plan.owner(refusals[0].source, last.node) or refusals[0].source
        return f"{who} answered {refusals[0].says}"
    if last.outgoing:
        return f"left {last.node} by {last.interface} and was seen nowhere behind it"
    return f"entered {last.node} by {last.interface} and did not leave it"


# reading routes


def _routes(version: int) -> Iterator[tuple[int, FibEntry]]:
    """The routes of this namespace's main table with their metrics, without the connected ones.

    One that drops packets (blackhole, unreachable, prohibit) has no next hops.
    """
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    family = socket.AF_INET if version == 4 else socket.AF_INET6
    for data in _dump_routes(family):
        message = rtmsg(data)
        message.decode()
        attributes = dict(message["attrs"])
        connected = message["proto"] in (2, 9)  # kernel, router advertisement (linux/rtnetlink.h)
        forwards_or_drops = message["type"] in (1, 6, 7, 8)  # unicast, blackhole, unreachable, prohibit
        if not forwards_or_drops or attributes.get("RTA_TABLE") != 254 or connected:
            continue
        address = attributes.get("RTA_DST", 0 if version == 4 else "::")  # a default route has no RTA_DST
        prefix = ip_network((address, message["dst_len"]))
        hops = [dict(hop["attrs"]).get("RTA_GATEWAY") for hop in attributes.get("RTA_MULTIPATH", ())]
        hops = hops or [attributes.get("RTA_GATEWAY")]
        next_hops = sorted((ip_address(hop) for hop in hops if hop), key=int)
        yield attributes.get("RTA_PRIORITY", 0), FibEntry(prefix=prefix, next_hops=tuple(next_hops))


def _dump_routes(family: int) -> Iterator[bytes]:
    """Each RTM_NEWROUTE message of a dump, as the kernel sent it (RFC 3549 §2.3.2)."""
    new_route, get_route, done, request, dump = 24, 26, 3, 1, 0x300
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as netlink:
        netlink.bind((0, 0))
        body = struct.pack("=BBBBBBBBI", family, *([0] * 8))
        netlink.send(struct.pack("=IHHII", len(body) + 16, get_route, request | dump, 1, 0) + body)
        while True:
            data = netlink.recv(1 << 18)
            offset = 0
            while offset < len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind == done:
                    return
                if kind == new_route:
                    yield data[offset : offset + length]
                offset += (length + 3) & ~3
