"""Echoes by the ten thousand: sent and captured many at a call, and looked at by columns instead of one by one.

Only the two ends are captured: the kernel's filters tell apart what leaves the source, what enters the destination and
what comes back. What a packet is for is a number in it, and no packet is read by itself in Python.
"""

from __future__ import annotations

import os
import select
import socket
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum

from lab.bgp import Address, Family
from lab.echo import COMPLEMENTS_AT, IDENTIFIER_AT, NUMBER_AT, numbered_echo, with_mark
from lab.forwarding import Flow
from lab.packet_filter import NOTHING, echoes
from lab.plan import Plan
from lab.probes.batches import CONTROL_BYTES, NAME_BYTES, Batch
from lab.probes.captures import Capture

_AT_ONCE = 128
"""Packets of one source that are sent before their answers are taken in: a capture may hold but 270."""
_ON_THE_WAY = 256
"""Packets that may be on their way; where there are more, their answers are waited for."""
_QUIET_S = 0.005
_RETRY_S = 0.25
_SLOT_BYTES, _ETHERNET, _ALIGNING = 96, 14, 2
_MARK_BYTES = 4
_IP_HEADER = {Family.IPV4: 20, Family.IPV6: 40}
_REQUEST, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
_AF = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
_NAME_BYTES = {Family.IPV4: 16, Family.IPV6: 28}
_HIGH_SIX = bytes(octet >> 2 for octet in range(256))
"""The mark of an IPv4 header's second octet."""
_HIGH_OF_IPV6 = bytes((octet & 0x0F) << 2 for octet in range(256))
_LOW_OF_IPV6 = bytes(octet >> 6 for octet in range(256))


class View(Enum):
    """What one capture of a host sees of a sweep."""

    LEAVING = "leaving"
    ARRIVING = "arriving"
    RETURNING = "returning"


@dataclass(slots=True)
class Seen:
    """What was seen of packets, by their numbers: times in nanoseconds of the kernel's clock, and marks."""

    left_ns: dict[int, int] = field(default_factory=dict)
    arrived: dict[int, int] = field(default_factory=dict)
    returned: dict[int, int] = field(default_factory=dict)
    returned_ns: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Packets:
    """Packets of one source and family in slots, and their addresses."""

    octets: bytes
    names: bytes


class EchoSweeper:
    """Sweeps the hosts of a lab with echoes. `enter` brings this thread into the namespace of a host."""

    def __init__(self, plan: Plan, hosts: Sequence[str], enter: Callable[[str], None]) -> None:
        self._plan = plan
        self._enter = enter
        self._captures: dict[tuple[str, View], Capture] = {}
        for host in hosts:
            enter(host)
            for view in View:
                self._captures[host, view] = Capture()
        self._sending = Batch(_AT_ONCE, _SLOT_BYTES), Batch(_AT_ONCE, _SLOT_BYTES)
        self._receiving = Batch(2 * _AT_ONCE, _SLOT_BYTES, skip_bytes=_ALIGNING)
        self._numbers = memoryview(self._receiving.octets).cast("I")
        self._times = memoryview(self._receiving.control).cast("q")

    def sweep(self, flows: Sequence[Flow], deadline_s: float) -> Seen:
        """Send an echo for each flow, whose number is its place, and again what is not answered in time."""
        seen = Seen()
        by_family = {family: [n for n, flow in enumerate(flows) if flow.family is family] for family in Family}
        for family, numbers in by_family.items():
            if numbers:
                hosts = {flows[n].source for n in numbers} | {flows[n].destination for n in numbers}
                self._sweep_family(flows, numbers, _Sweep(seen, family, sorted(hosts), deadline_s))
        return seen

    def _sweep_family(self, flows: Sequence[Flow], numbers: list[int], one: _Sweep) -> None:
        family = one.family
        mark = os.urandom(_MARK_BYTES)
        self._listen(one.hosts, family, mark)
        raw: dict[str, socket.socket] = {}
        try:
            for source in dict.fromkeys(flows[n].source for n in numbers):
                self._enter(source)
                raw[source] = socket.socket(_AF[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
            header = _IP_HEADER[family]
            for batch in self._sending:
                batch.prepare(header + 8 + _MARK_BYTES + 12, _NAME_BYTES[family])
            templates = _Templates(self._plan, family, mark)
            end = time.monotonic() + one.deadline_s
            missing = numbers
            while missing:
                resend_at = time.monotonic() + _RETRY_S
                self._send_all(one, flows, missing, raw, templates)
                missing = self._missing(one, missing, min(resend_at, end))
                if time.monotonic() >= end:
                    break
        finally:
            for opened in raw.values():
                opened.close()
            self._listen(one.hosts, None, mark)

    def _send_all(
        self,
        one: _Sweep,
        flows: Sequence[Flow],
        numbers: list[int],
        raw: Mapping[str, socket.socket],
        templates: _Templates,
    ) -> None:
        """Send packets, some at a time. While the kernel carries some, those before them are taken in.

        A thread hands them to the kernel, which is most of the work and needs no Python.
        """
        before: tuple[Future[None], str, list[int]] | None = None
        with ThreadPoolExecutor(1) as sender:
            for turn, (source, some) in enumerate(_windows(flows, numbers)):
                batch = self._sending[turn % 2]
                _fill(batch, templates.of([flows[n] for n in some]), some, _IP_HEADER[templates.family])
                if before is not None:
                    before[0].result()
                sending = sender.submit(_send, batch, raw[source].fileno(), len(some))
                if before is not None:
                    self._take_in(one, before[1], flows, before[2])
                before = sending, source, some
            if before is not None:
                before[0].result()
                self._take_in(one, before[1], flows, before[2])

    def _missing(self, one: _Sweep, numbers: list[int], until_s: float) -> list[int]:
        """Those that have no answer yet, after some time where there are any."""
        while missing := [n for n in numbers if n not in one.seen.returned]:
            if time.monotonic() >= until_s:
                return missing
            self._take_in_all(one, min(_RETRY_S / 10, until_s - time.monotonic()))
        self._take_in_all(one, 0)
        return []

    def _listen(self, hosts: Sequence[str], family: Family | None, mark: bytes) -> None:
        for host in hosts:
            for view in View:
                capture = self._captures[host, view]
                capture.listen(_program(view, family, mark) if family is not None else NOTHING)
                if family is None:
                    capture.forget()

    def _take_in(self, one: _Sweep, source: str, flows: Sequence[Flow], numbers: list[int]) -> None:
        """Take in what the ends of some flows have; and wait where too many packets are on their way."""
        self._read(self._captures[source, View.LEAVING].socket.fileno(), View.LEAVING, one)
        for host in {flows[n].destination for n in numbers}:
            self._read(self._captures[host, View.ARRIVING].socket.fileno(), View.ARRIVING, one)
        self._read(self._captures[source, View.RETURNING].socket.fileno(), View.RETURNING, one)
        one.on_the_way = [n for n in (*one.on_the_way, *numbers) if n not in one.seen.returned]
        while len(one.on_the_way) > _ON_THE_WAY:
            before = len(one.seen.returned)
            self._take_in_all(one, _QUIET_S)
            if len(one.seen.returned) == before:
                one.on_the_way = []  # what is lost is asked again later
            one.on_the_way = [n for n in one.on_the_way if n not in one.seen.returned]

    def _take_in_all(self, one: _Sweep, timeout_s: float) -> None:
        """Take in what any host has, or has within a time."""
        with select.epoll() as ready:
            by_file = {}
            for host in one.hosts:
                for view in View:
                    file = self._captures[host, view].socket.fileno()
                    by_file[file] = view
                    ready.register(file, select.EPOLLIN)
            for file, _ in ready.poll(timeout_s):
                self._read(file, by_file[file], one)

    def _read(self, file: int, view: View, one: _Sweep) -> None:
        batch, family, seen = self._receiving, one.family, one.seen
        while taken := batch.receive(file):
            at = (_ALIGNING + _ETHERNET + _IP_HEADER[family] + NUMBER_AT) // 4
            slot = _SLOT_BYTES // 4
            numbers = self._numbers[at : taken * slot : slot].tolist()
            if view is not View.LEAVING:
                marks = self._marks(family, taken)
                (seen.arrived if view is View.ARRIVING else seen.returned).update(zip(numbers, marks, strict=True))
            if view is not View.ARRIVING:
                words = CONTROL_BYTES // 8
                seconds = self._times[2 : taken * words : words].tolist()
                nanoseconds = self._times[3 : taken * words : words].tolist()
                times = [s * 1_000_000_000 + n for s, n in zip(seconds, nanoseconds, strict=True)]
                (seen.left_ns if view is View.LEAVING else seen.returned_ns).update(zip(numbers, times, strict=True))
            if taken < batch.count:
                return

    def _marks(self, family: Family, taken: int) -> Sequence[int]:
        octets, slot, at = self._receiving.octets, _SLOT_BYTES, _ALIGNING + _ETHERNET
        second = octets[at + 1 : taken * slot : slot]
        if family is Family.IPV4:
            return second.translate(_HIGH_SIX)
        high = octets[at : taken * slot : slot].translate(_HIGH_OF_IPV6)
        return [one | other for one, other in zip(high, second.translate(_LOW_OF_IPV6), strict=True)]


@dataclass(slots=True)
class _Sweep:
    """One family of a sweep while it is asked."""

    seen: Seen
    family: Family
    hosts: list[str]
    deadline_s: float
    on_the_way: list[int] = field(default_factory=list)


class _Templates:
    """The packets of flows of a family, each built once and then given its mark."""

    def __init__(self, plan: Plan, family: Family, mark: bytes) -> None:
        self._plan = plan
        self.family = family
        self._mark = mark
        self._built: dict[tuple[str, str], bytes] = {}
        self._names: dict[str, bytes] = {}

    def of(self, flows: Sequence[Flow]) -> _Packets:
        """The packets of some flows of one source."""
        return _Packets(
            octets=b"".join(self._packet(flow) for flow in flows),
            names=b"".join(self._name(flow.destination) for flow in flows),
        )

    def _packet(self, flow: Flow) -> bytes:
        ends = flow.source, flow.destination
        packet = self._built.get(ends)
        if packet is None:
            packet = numbered_echo(*map(self._address, ends), mark=self._mark).ljust(_SLOT_BYTES, b"\0")
            self._built[ends] = packet
        return with_mark(packet, flow.dscp) if flow.dscp else packet

    def _name(self, host: str) -> bytes:
        if host not in self._names:
            self._names[host] = _socket_address(self._address(host)).ljust(NAME_BYTES, b"\0")
        return self._names[host]

    def _address(self, host: str) -> Address:
        address = self._plan.node(host).address(self.family)
        assert address is not None  # noqa: S101  # a sweep has no other flows
        return address


def _socket_address(address: Address) -> bytes:
    """A struct sockaddr_in or sockaddr_in6."""
    family = int(socket.AF_INET if address.version == 4 else socket.AF_INET6).to_bytes(2, "little")
    before = 2 if address.version == 4 else 6
    return (family + bytes(before) + address.packed).ljust(16 if address.version == 4 else 28, b"\0")


def _fill(batch: Batch, packets: _Packets, numbers: list[int], header: int) -> None:
    """Put packets into a batch, and give them their numbers."""
    slot, count = _SLOT_BYTES // 4, len(numbers)
    batch.octets[: len(packets.octets)] = packets.octets
    batch.names[: len(packets.names)] = packets.names
    words = memoryview(batch.octets).cast("I")
    column, complements = array("I", numbers), array("I", [0xFFFFFFFF - n for n in numbers])
    for at in (IDENTIFIER_AT, NUMBER_AT):
        words[(header + at) // 4 : count * slot : slot] = memoryview(column)
    for at in COMPLEMENTS_AT:
        words[(header + at) // 4 : count * slot : slot] = memoryview(complements)


def _send(batch: Batch, file: int, count: int) -> None:
    """Hand the packets of a batch to the kernel."""
    sent = 0
    while sent < count:
        try:
            sent += max(1, batch.send(file, sent, count - sent))
        except OSError:
            sent += 1  # its source has no way for it; asked again and traced, it tells why


def _windows(flows: Sequence[Flow], numbers: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """The numbers of flows, some of one source at a time."""
    by_source: dict[str, list[int]] = {}
    for n in numbers:
        by_source.setdefault(flows[n].source, []).append(n)
    for source, all_of_it in by_source.items():
        for start in range(0, len(all_of_it), _AT_ONCE):
            yield source, all_of_it[start : start + _AT_ONCE]


def _program(view: View, family: Family, mark: bytes) -> bytes:
    version = 4 if family is Family.IPV4 else 6
    message: Mapping[int, int] = _REPLY if view is View.RETURNING else _REQUEST
    return echoes(version, message[version], mark, outgoing=view is View.LEAVING)
