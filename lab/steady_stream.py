"""A stream of packets between two hosts of a lab, in a process of its own, and what the kernels' routes do meanwhile.

Both directions are sent by one loop that wakes for each packet; the kernel stamps arrivals, so that reading may be
late. Changes of routes are stamped when they are read, within an interval of the stream.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import socket
import struct
import time
from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.bgp import Address, Family
from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.failover import DirectionRecord, EventKind, Happening, SteadyStream
from lab.messages import AwaitQuiet, Quiet, StopStream, Streamed, Streaming
from lab.netlink import RouteMonitor
from lab.plan import Plan
from lab.processes import be_prompt
from lab.runtimes.namespaces import enter_network_namespace

START_DEADLINE_S = 3.0
_FIRST_PACKETS = 20
"""So many have to arrive in each direction before the stream is said to run."""
_MAGIC = b"erlab\x00stream\x00"
_STAMP = struct.Struct("!B I q")
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h
_TIMESPEC = struct.Struct("@qq")
_RECEIVE_BUFFER_BYTES = 4 << 20
_LEAST_SLEEP_NS, _LONGEST_TURN_US = 20_000, 100_000
"""Whoever has a real-time priority has to leave the processor to others; the kernel ends one that does not."""
_ON_ITS_WAY_NS = 50_000_000
"""A packet that has not come after so long, and twice what the last ones took, is taken for lost, for now."""
_STRAGGLERS_NS = 50_000_000
"""How much longer packets are waited for at the end."""
_LAST_ONES = 20
_ONE_BURST_NS = 20_000_000
"""Changes of one router's routes that follow one another within this time are one event."""
_THERE, _BACK = 0, 1


@dataclass(slots=True, kw_only=True)
class Direction:
    """What was sent one way, and what came of it; times are of CLOCK_MONOTONIC."""

    source: str
    destination: str
    sent_ns: array[int] = field(default_factory=lambda: array("q"))
    arrived_ns: array[int] = field(default_factory=lambda: array("q"))
    duplicated: list[int] = field(default_factory=list)
    stamp_error_ns: int = 0
    arrived: int = 0
    looked_at: int = 0
    last_lost_ns: int = 0
    delays_ns: deque[int] = field(default_factory=lambda: deque(maxlen=_LAST_ONES))

    @property
    def on_its_way_ns(self) -> int:
        """How long after its sending a packet may still come."""
        return _ON_ITS_WAY_NS + 2 * max(self.delays_ns, default=0)

    def arrives(self, place: int, at_ns: int) -> None:
        """Take note that a packet came for the first time."""
        self.arrived_ns[place] = at_ns
        self.arrived += 1
        self.delays_ns.append(at_ns - self.sent_ns[place])

    def look_for_losses(self, now_ns: int) -> None:
        """Take for lost what should have come by now."""
        before_ns = now_ns - self.on_its_way_ns
        while self.looked_at < len(self.sent_ns) and self.sent_ns[self.looked_at] < before_ns:
            if not self.arrived_ns[self.looked_at]:
                self.last_lost_ns = self.sent_ns[self.looked_at]
            self.looked_at += 1

    def record(self) -> DirectionRecord:
        """All of it."""
        return DirectionRecord(
            source=self.source,
            destination=self.destination,
            sent_ns=tuple(self.sent_ns),
            arrived_ns=tuple(self.arrived_ns),
            duplicated=tuple(self.duplicated),
            stamp_error_ns=self.stamp_error_ns,
        )


def run(plan: Plan, namespaces: Mapping[str, int], stream: SteadyStream, supervisor: Channel) -> None:
    """Send until the supervisor says that it is enough, or is gone. The caller may be in any namespace."""
    process = _Process(plan, namespaces, stream, supervisor)
    gc.disable()  # it makes no cycles, and must not pause
    resource.setrlimit(resource.RLIMIT_RTTIME, (_LONGEST_TURN_US, _LONGEST_TURN_US))
    with contextlib.suppress(PermissionError):  # an ordinary user may not
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # a busy machine must not make it pause
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # packets that two processors send overtake each other
    be_prompt()
    with contextlib.suppress(ChannelClosed):
        process.run()


class _Process:
    def __init__(self, plan: Plan, namespaces: Mapping[str, int], stream: SteadyStream, supervisor: Channel) -> None:
        self._stream, self._supervisor = stream, supervisor
        self._run_id = os.urandom(8)
        ends = (stream.source, stream.destination)
        if stream.family is None:
            raise LabBroken(f"{' and '.join(ends)} have no address family in common")
        addresses = [_address(plan, name, stream.family) for name in ends]
        self._sockets = []
        for name, address in zip(ends, addresses, strict=True):
            enter_network_namespace(namespaces[name])
            self._sockets.append(_socket(address, stream))
        self._targets: list[tuple[str, int]] = [(str(addresses[1]), stream.port), (str(addresses[0]), stream.port)]
        self._directions = [
            Direction(source=stream.source, destination=stream.destination),
            Direction(source=stream.destination, destination=stream.source),
        ]
        self._routes: dict[int, tuple[str, RouteMonitor]] = {}
        for node in plan.routers:
            enter_network_namespace(namespaces[node.name])
            monitor = RouteMonitor()
            self._routes[monitor.fileno()] = node.name, monitor
        self._ready = select.epoll()
        for fd in (*self._routes, *(one.fileno() for one in self._sockets), supervisor.fileno()):
            self._ready.register(fd, select.EPOLLIN)
        self._bursts: list[Happening] = []
        self._last_route_ns = 0
        self._stopped = False
        self._awaited: tuple[int, int, int] | None = None

    def run(self) -> None:
        interval_ns = self._stream.interval_us * 1000
        next_ns = began_ns = time.monotonic_ns()
        streaming = False
        while not self._stopped:
            now_ns = time.monotonic_ns()
            if now_ns >= next_ns:
                for number in (_THERE, _BACK):
                    self._send(number)
                next_ns = max(next_ns + interval_ns, now_ns)  # what a pause made impossible is not made up for
            self._read()
            now_ns = time.monotonic_ns()
            if not streaming:
                if all(one.arrived >= _FIRST_PACKETS for one in self._directions):
                    streaming = True
                    self._supervisor.send(Streaming())
                elif now_ns > began_ns + START_DEADLINE_S * 1e9:
                    self._supervisor.send(Streaming(why_not=self._why_not()))
                    return
            self._settle(now_ns)
            time.sleep(max(_LEAST_SLEEP_NS, next_ns - time.monotonic_ns()) / 1e9)
        end_ns = time.monotonic_ns() + self._on_its_way_ns + _STRAGGLERS_NS
        while time.monotonic_ns() < end_ns:
            self._read()
            time.sleep(0.001)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # what follows takes its time
        there, back = (one.record() for one in self._directions)
        self._supervisor.send(Streamed(there=there, back=back, events=tuple(self._bursts)))

    @property
    def _on_its_way_ns(self) -> int:
        return max(one.on_its_way_ns for one in self._directions)

    def _why_not(self) -> str:
        missing = [one for one in self._directions if one.arrived < _FIRST_PACKETS]
        return "; ".join(
            f"of {len(one.sent_ns)} packets from {one.source} to {one.destination} {one.arrived} arrived"
            for one in missing
        )

    def _send(self, number: int) -> None:
        direction = self._directions[number]
        stamp_ns = time.monotonic_ns()
        packet = _MAGIC + self._run_id + _STAMP.pack(number, len(direction.sent_ns), stamp_ns)
        with contextlib.suppress(OSError):  # no route, no carrier, a full queue: a lost packet
            self._sockets[number].sendto(packet, self._targets[number])
        direction.sent_ns.append(stamp_ns)
        direction.arrived_ns.append(0)
        direction.stamp_error_ns = max(direction.stamp_error_ns, time.monotonic_ns() - stamp_ns)

    def _read(self) -> None:
        for fd, _ in self._ready.poll(0):
            if fd in self._routes:
                self._routes_changed(*self._routes[fd])
            elif fd == self._supervisor.fileno():
                for message in self._supervisor.receive():
                    if isinstance(message, StopStream):
                        self._stopped = True
                    elif isinstance(message, AwaitQuiet):
                        now_ns = time.monotonic_ns()
                        quiet_ns = int(message.quiet_s * 1e9)
                        self._awaited = now_ns, quiet_ns, now_ns + int(message.deadline_s * 1e9)
                    else:
                        raise LabBroken(f"{type(message).__name__} is no message for a stream")
            else:
                at = next(number for number, one in enumerate(self._sockets) if one.fileno() == fd)
                self._receive(at)

    def _receive(self, at: int) -> None:
        """Take what has come to an end of the stream: to the source what went back, to the destination the rest."""
        mark = _MAGIC + self._run_id
        expected = _BACK if at == 0 else _THERE
        direction, receiving = self._directions[expected], self._sockets[at]
        ahead_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
        while True:
            try:
                packet, ancillary, _, sender = receiving.recvmsg(256, 64)
            except BlockingIOError:
                return
            if not packet.startswith(mark):
                continue
            number, place, _ = _STAMP.unpack_from(packet, len(mark))
            if number != expected or place >= len(direction.sent_ns):
                continue
            if expected == _THERE:
                self._targets[_BACK] = sender[:2]
            if direction.arrived_ns[place]:
                direction.duplicated.append(place)
                continue
            direction.arrives(place, _arrival_ns(ancillary) - ahead_ns)

    def _routes_changed(self, node: str, monitor: RouteMonitor) -> None:
        changes = monitor.read()
        if not changes:
            return
        now_ns = self._last_route_ns = time.monotonic_ns()
        for place in range(len(self._bursts) - 1, -1, -1):
            burst = self._bursts[place]
            if burst.until_ns < now_ns - _ONE_BURST_NS:
                break
            if burst.node == node:
                self._bursts[place] = Happening(
                    at_ns=burst.at_ns,
                    until_ns=now_ns,
                    kind=EventKind.FIB,
                    node=node,
                    count=burst.count + changes,
                )
                return
        self._bursts.append(Happening(at_ns=now_ns, until_ns=now_ns, kind=EventKind.FIB, node=node, count=changes))

    def _settle(self, now_ns: int) -> None:
        for direction in self._directions:
            direction.look_for_losses(now_ns)
        if self._awaited is None:
            return
        asked_ns, quiet_ns, end_ns = self._awaited
        since_ns = max(asked_ns, self._last_route_ns, *(one.last_lost_ns for one in self._directions))
        if now_ns - since_ns >= quiet_ns + self._on_its_way_ns or now_ns >= end_ns:
            self._awaited = None
            self._supervisor.send(Quiet(reached=now_ns < end_ns))


def _address(plan: Plan, name: str, family: Family) -> Address:
    address = plan.node(name).address(family)
    if address is None:
        raise LabBroken(f"{name} has no {family.value} address")
    return address


def _socket(address: Address, stream: SteadyStream) -> socket.socket:
    is_ipv4 = address.version == 4
    made = socket.socket(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM)
    made.setblocking(False)  # noqa: FBT003  # the standard library's way
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    level, option = (socket.IPPROTO_IP, socket.IP_TOS) if is_ipv4 else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
    made.setsockopt(level, option, stream.dscp << 2)
    made.bind((str(address), stream.port))
    return made


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The kernel's stamp, CLOCK_REALTIME."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    raise LabBroken("the kernel stamps no packets")
