"""Streams of packets as the lab sends and receives them: each request in a process of its own, for as long as it takes.

So the supervisor goes on hearing its routers. Sender and receiver read one clock: a packet's time begins right before
it is handed to the source's kernel, and ends when the destination's kernel has it.
"""

from __future__ import annotations

import gc
import heapq
import os
import random
import select
import selectors
import socket
import struct
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lab.bgp import Family
from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.logs import Logs
from lab.messages import Message, StreamsSent
from lab.plan import Plan
from lab.processes import be_prompt, start_part, waited_ns
from lab.questions.control import Broken
from lab.runtimes.namespaces import enter_network_namespace
from lab.runtimes.timer import Timer
from lab.streams import Arrival, Stream, StreamLog, Trial, TrialResult, summarize

TRAFFIC = "traffic"
_HEADERS_BYTES = {Family.IPV4: 20 + 8, Family.IPV6: 40 + 8}
_NUMBER = struct.Struct("!Q")
_FIRST = (1 << 64) - 1
"""The number of the packets that are sent before the stream, until one has arrived."""
_FIRST_ARRIVES_S, _AGAIN_S = 4.5, 0.1
_QUIET_S = 0.3
"""Where nothing has come for so long, and twice the time that the first packet took, nothing more will."""
_LATE_NS = 20_000_000
"""A packet that is due for longer is left out: sent behind its time, it would make the stream a burst."""
_BUFFER_BYTES = 8 << 20
_DATAGRAM_BYTES = 2048
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SO_RXQ_OVFL = 33, 35, 40  # asm-generic/socket.h
_IP_RECVTOS, _IP_TOS, _IPV6_RECVTCLASS, _IPV6_TCLASS = 13, 1, 66, 67  # linux/in.h, linux/in6.h
_CONTROL_SPACE = 128
_TIMESPEC = struct.Struct("=qq")


class Traffic:
    """The streams that clients of a supervisor have asked for, until they are answered."""

    def __init__(self, namespaces: Mapping[str, int], logs: Logs, selector: selectors.BaseSelector) -> None:
        self._namespaces = namespaces
        self._logs = logs
        self._selector = selector
        self._clients: dict[Channel, Channel] = {}

    def send(self, plan: Plan, client: Channel, trial: Trial, carriers: Collection[int]) -> None:
        """Make a trial that a client asks for; it is answered when all of it is over.

        `carriers` are the processes of the lab that carry packets.
        """
        ends = [_ends(plan, stream) for stream in trial.streams]
        ours, theirs = socket.socketpair()

        def run() -> None:
            ours.close()
            ways = [
                _Way.open(stream, source, target, self._namespaces)
                for stream, (source, target) in zip(trial.streams, ends, strict=True)
            ]
            pids = (*carriers, os.getpid())
            before = sum(map(waited_ns, pids))
            results = summarize(_send(ways, trial.duration_s))
            waited_ms = (sum(map(waited_ns, pids)) - before) / 1e6
            result = TrialResult(trial=trial, results=results, waited_ms=waited_ms)
            Channel(theirs, "the supervisor").send(StreamsSent(result=result))

        start_part(TRAFFIC, self._logs.open(TRAFFIC), run)
        theirs.close()
        sender = Channel(ours, "the process that sends streams")
        self._clients[sender] = client
        self._selector.register(sender, selectors.EVENT_READ, lambda: self._from(sender))

    def forget(self, client: Channel) -> None:
        """Let nobody be answered who is gone; what was asked for goes on to its end."""
        for sender in [sender for sender, asked in self._clients.items() if asked is client]:
            self._close(sender)

    def _from(self, sender: Channel) -> None:
        client = self._clients[sender]
        try:
            answers: list[Message] = sender.receive()
        except ChannelClosed as problem:
            answers = [Broken(reason=str(problem), log=self._logs.tail(TRAFFIC))]
        for answer in answers[:1]:
            self._close(sender)
            try:
                client.send(answer)
            except ChannelClosed:
                return

    def _close(self, sender: Channel) -> None:
        self._selector.unregister(sender)
        sender.close()
        del self._clients[sender]


def _ends(plan: Plan, stream: Stream) -> tuple[str, str]:
    source, target = (plan.node(name).address(stream.family) for name in (stream.source, stream.destination))
    if source is None or target is None:
        raise LabBroken(f"{stream.source} and {stream.destination} have no {stream.family.value} address in common")
    return str(source), str(target)


@dataclass(slots=True, kw_only=True)
class _Way:
    """A stream with its two sockets, and what was seen of it."""

    stream: Stream
    out: socket.socket
    in_: socket.socket
    to: tuple[str, int]
    padding: bytes
    refused: str = ""
    sent_ns: list[int] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    first_sent_ns: int = 0
    first_took_ns: int | None = None
    overflowed: int = 0

    @classmethod
    def open(cls, stream: Stream, source: str, target: str, namespaces: Mapping[str, int]) -> _Way:
        """Open its sockets in the namespaces of its hosts."""
        is_ipv4 = stream.family is Family.IPV4
        kind = socket.AF_INET if is_ipv4 else socket.AF_INET6
        enter_network_namespace(namespaces[stream.destination])
        in_ = socket.socket(kind, socket.SOCK_DGRAM)
        for option in (_SO_TIMESTAMPNS, _SO_RXQ_OVFL):
            in_.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            in_.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        except PermissionError:  # an ordinary user has what net.core.rmem_max allows
            in_.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        in_.setsockopt(*((socket.IPPROTO_IP, _IP_RECVTOS) if is_ipv4 else (socket.IPPROTO_IPV6, _IPV6_RECVTCLASS)), 1)
        in_.bind((target, 0))
        in_.settimeout(0)
        enter_network_namespace(namespaces[stream.source])
        out = socket.socket(kind, socket.SOCK_DGRAM)
        mark = (socket.IPPROTO_IP, _IP_TOS) if is_ipv4 else (socket.IPPROTO_IPV6, _IPV6_TCLASS)
        out.setsockopt(*mark, stream.dscp << 2)
        out.bind((source, 0))
        out.settimeout(0)
        padding = bytes(stream.packet_bytes - _HEADERS_BYTES[stream.family] - _NUMBER.size)
        return cls(stream=stream, out=out, in_=in_, to=in_.getsockname()[:2], padding=padding)

    def send(self, number: int) -> int | None:
        """Send a packet; returns when, and None where the kernel did not take it."""
        packet = _NUMBER.pack(number) + self.padding
        at_ns = time.time_ns()
        try:
            self.out.sendto(packet, self.to)  # a connected socket would be told of what routers refuse, and not send
        except BlockingIOError:
            return None
        except OSError as problem:
            self.refused = os.strerror(problem.errno or 0)
            return None
        return at_ns

    def send_next(self) -> None:
        """Send the stream's next packet, unless the kernel does not take it."""
        at_ns = self.send(len(self.sent_ns))
        if at_ns is not None:
            self.sent_ns.append(at_ns)

    def read(self) -> None:
        """Take in what has arrived."""
        while True:
            try:
                packet, control, _, _ = self.in_.recvmsg(_DATAGRAM_BYTES, _CONTROL_SPACE)
            except BlockingIOError:
                return
            at_ns, tos = 0, 0
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                    seconds, nanoseconds = _TIMESPEC.unpack(content)
                    at_ns = seconds * 1_000_000_000 + nanoseconds
                elif (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                    self.overflowed = int.from_bytes(content, "little")
                elif kind in (_IP_TOS, _IPV6_TCLASS):
                    tos = content[0]
            (number,) = _NUMBER.unpack_from(packet)
            if number == _FIRST:
                self.first_took_ns = at_ns - self.first_sent_ns  # or less, where it was sent again meanwhile
            else:
                self.arrivals.append(Arrival(number=number, at_ns=at_ns, dscp=tos >> 2))


def _send(ways: list[_Way], duration_s: float) -> list[StreamLog]:
    """Send all streams side by side, each at its rate, and take in what arrives."""
    gc.disable()  # a pause of it would be one of the streams
    be_prompt()
    ready = select.epoll()
    by_fd = {way.in_.fileno(): way for way in ways}
    for fd in by_fd:
        ready.register(fd, select.EPOLLIN)
    _find_the_way(ways, ready, by_fd)
    planned = [way.stream.packets(duration_s) for way in ways]
    timer = Timer()
    ready.register(timer.fileno(), select.EPOLLIN)
    start_ns = time.monotonic_ns()
    due = [(start_ns, number, 0) for number in range(len(ways))]
    while due:
        at_ns, number, count = due[0]
        now_ns = time.monotonic_ns()
        if now_ns < at_ns:
            timer.set(at_ns)
            for fd, _ in ready.poll():
                if fd == timer.fileno():
                    timer.clear()
                else:
                    by_fd[fd].read()
            continue
        way = ways[number]
        if now_ns - at_ns <= _LATE_NS:
            way.send_next()
        heapq.heappop(due)
        if count + 1 < planned[number]:
            # at any moment of its turn: streams in step would always find a queue alike (RFC 2330 §11.1)
            next_ns = start_ns + round(1e9 * way.stream.gap_s * (count + 1 + random.random()))  # noqa: S311  # no secret
            heapq.heappush(due, (next_ns, number, count + 1))
    ready.unregister(timer.fileno())
    _wait_for_the_rest(ways, ready, by_fd)
    return [
        StreamLog(
            stream=way.stream,
            planned=count,
            sent_ns=way.sent_ns,
            arrivals=way.arrivals,
            overflowed=way.overflowed,
            refused=way.refused,
        )
        for way, count in zip(ways, planned, strict=True)
    ]


def _find_the_way(ways: list[_Way], ready: select.epoll, by_fd: Mapping[int, _Way]) -> None:
    """Send a first packet of each stream until one has arrived, so that every neighbour on the way is known."""
    end_s = time.monotonic() + _FIRST_ARRIVES_S
    missing = ways
    while missing and (now_s := time.monotonic()) < end_s:
        for way in missing:
            sent_ns = way.send(_FIRST)
            way.first_sent_ns = way.first_sent_ns or sent_ns or 0
        again_s = now_s + _AGAIN_S
        while missing and (now_s := time.monotonic()) < again_s:
            for fd, _ in ready.poll(again_s - now_s):
                by_fd[fd].read()
            missing = [way for way in missing if way.first_took_ns is None]


def _wait_for_the_rest(ways: list[_Way], ready: select.epoll, by_fd: Mapping[int, _Way]) -> None:
    slowest_s = max((way.first_took_ns or 0) for way in ways) / 1e9
    while any(len(way.arrivals) < len(way.sent_ns) for way in ways):
        events = ready.poll(_QUIET_S + 2 * slowest_s)
        if not events:
            return
        for fd, _ in events:
            by_fd[fd].read()
