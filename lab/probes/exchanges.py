"""How packets of each protocol are sent and answered, by the kernels of the two ends.

An exchange opens what it needs in the namespaces of the ends, for one question, and closes it afterwards.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
from collections.abc import Callable, Iterable

from lab.bgp import Address, Family
from lab.echo import echo_request
from lab.probes.batches import Batch
from lab.probes.sightings import ANSWERS, ASKS, Asked, Book

_AF = {4: socket.AF_INET, 6: socket.AF_INET6}
_UDP_HEADERS = {4: 28, 6: 48}
_IPV6_MTU_DISCOVER, _IP_MTU_DISCOVER, _PMTUDISC_PROBE = 23, 10, 3  # linux/in6.h, linux/in.h
_DATAGRAMS_AT_ONCE, _LARGEST_DATAGRAM = 64, 9216
_ANSWER_BYTES = 64
"""An answer is as short as can be, whatever was asked: its stamp has room."""
_LATER = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
"""Another packet of the question has the same ports; when it is answered this one can be sent."""
_CONNECTIONS = 4096
_AT_ONCE = struct.pack("@ii", 1, 0)
_REFLECT = "/proc/sys/net/ipv4/tcp_reflect_tos"


class Exchange:
    """Packets of one protocol. `enter` brings this thread into the namespace of a node."""

    def __init__(self, enter: Callable[[str], None], book: Book) -> None:
        self._enter = enter
        self._book = book
        self._opened = contextlib.ExitStack()

    def send(self, asked: Asked) -> None:
        """Hand a packet to the kernel of its source, which routes it like any other. It may refuse, and says why."""
        raise NotImplementedError

    def answer(self) -> None:
        """Let the destinations answer what has arrived, where their kernels do not do that themselves."""

    def done(self, asked: Iterable[Asked]) -> None:
        """Take note that nothing more is waited for from these packets."""

    def close(self) -> None:
        """Close all that was opened."""
        self._opened.close()

    def _open(self, node: str, version: int, kind: int, protocol: int = 0) -> socket.socket:
        self._enter(node)
        opened = self._opened.enter_context(socket.socket(_AF[version], kind, protocol))
        opened.settimeout(0)
        return opened


def _refused(asked: Asked, problem: OSError) -> None:
    asked.settled = True
    source, why = asked.flow.source, os.strerror(problem.errno or 0)
    asked.refused = f"{source} itself has no way: {why}"
    if problem.errno == errno.EMSGSIZE:
        asked.refused = f"{source} itself sends no packet of {asked.flow.packet_bytes} bytes: {why}"


def _mark(one: socket.socket, version: int, dscp: int) -> None:
    if version == 4:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    else:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)


def _never_fragment(one: socket.socket, version: int) -> None:
    """Send packets whole, whatever size routers have told of before."""
    if version == 4:
        one.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
    else:
        one.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)


class Echoes(Exchange):
    """ICMP echo requests; the kernel of the destination answers, with the mark that arrived (RFC 1122 §3.2.2.6)."""

    def __init__(self, enter: Callable[[str], None], book: Book) -> None:
        super().__init__(enter, book)
        self._sockets: dict[tuple[str, Family], socket.socket] = {}

    def send(self, asked: Asked) -> None:
        """Send an echo request through a raw socket, with the header that is wanted."""
        flow = asked.flow
        if (flow.source, flow.family) not in self._sockets:
            raw = self._open(flow.source, asked.source.version, socket.SOCK_RAW, socket.IPPROTO_RAW)
            _never_fragment(raw, asked.source.version)
            self._sockets[flow.source, flow.family] = raw
        packet = echo_request(
            asked.source,
            asked.target,
            dscp=flow.dscp,
            number=asked.number,
            payload=asked.stamp,
            packet_bytes=flow.packet_bytes,
        )
        try:
            self._sockets[flow.source, flow.family].sendto(packet, (str(asked.target), 0))
        except OSError as problem:
            _refused(asked, problem)


class Datagrams(Exchange):
    """UDP datagrams; a responder in the destination's namespace sends their beginning back, with the mark that came."""

    def __init__(self, enter: Callable[[str], None], book: Book) -> None:
        super().__init__(enter, book)
        self._sources: dict[tuple[str, Address, int, bool], socket.socket] = {}
        self._responders: set[tuple[str, Address, int]] = set()
        self._ready = self._opened.enter_context(select.epoll())
        self._batch = Batch(_DATAGRAMS_AT_ONCE, _LARGEST_DATAGRAM)

    def send(self, asked: Asked) -> None:
        """Send a datagram, after the responder at its destination was opened."""
        flow, version = asked.flow, asked.source.version
        self._respond(asked)
        ours = self._source(asked)
        rest = max(0, flow.packet_bytes - _UDP_HEADERS[version] - len(asked.stamp) - 1)
        level, kind = (socket.IPPROTO_IP, socket.IP_TOS) if version == 4 else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
        marked = [(level, kind, struct.pack("@i", flow.dscp << 2))]
        if ours is None:
            return
        try:
            ours.sendmsg([ASKS, asked.stamp, bytes(rest)], marked, 0, (str(asked.target), asked.port))
        except OSError as problem:
            _refused(asked, problem)

    def _source(self, asked: Asked) -> socket.socket | None:
        flow, version = asked.flow, asked.source.version
        key = (flow.source, asked.source, flow.source_port, bool(flow.packet_bytes))
        if key not in self._sources:
            ours = self._open(flow.source, version, socket.SOCK_DGRAM)
            if flow.packet_bytes:
                _never_fragment(ours, version)
            try:
                ours.bind((str(asked.source), flow.source_port))
            except OSError as problem:
                _refused(asked, problem)
                return None
            self._sources[key] = ours
        return self._sources[key]

    def _respond(self, asked: Asked) -> None:
        key = (asked.flow.destination, asked.target, asked.port)
        if key in self._responders:
            return
        self._responders.add(key)
        version = asked.target.version
        theirs = self._open(asked.flow.destination, version, socket.SOCK_DGRAM)
        if version == 4:
            theirs.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        else:
            theirs.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        with contextlib.suppress(OSError):  # a program of the user's listens there, and answers or does not
            theirs.bind((str(asked.target), asked.port))
            self._ready.register(theirs, select.EPOLLIN)

    def answer(self) -> None:
        """Send every datagram back that has arrived."""
        for file, _ in self._ready.poll(0):
            while taken := self._batch.receive(file):
                self._batch.octets[0 : taken * self._batch.slot_bytes : self._batch.slot_bytes] = ANSWERS * taken
                self._batch.send_back(file, taken, _ANSWER_BYTES)


class Connections(Exchange):
    """TCP handshakes between the kernels of both ends: a listener is opened at the destination."""

    def __init__(self, enter: Callable[[str], None], book: Book) -> None:
        super().__init__(enter, book)
        self._listening: set[tuple[str, Address, int]] = set()
        self._listeners: dict[int, socket.socket] = {}
        self._ready = self._opened.enter_context(select.epoll())
        self._connecting: dict[int, socket.socket] = {}
        self._ports: dict[int, int] = {}
        self._reflecting: set[str] = set()

    def send(self, asked: Asked) -> None:
        """Open a connection, after the listener at its destination was opened; one that is open already is given up.

        Each try has the port of the first: by another one it might go another way where load is shared.
        """
        flow, version = asked.flow, asked.source.version
        self._listen(asked)
        self._abandon(asked.number)
        self._enter(flow.source)
        ours = socket.socket(_AF[version], socket.SOCK_STREAM)
        self._connecting[asked.number] = ours
        ours.settimeout(0)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)  # closing leaves nothing in TIME-WAIT
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _mark(ours, version, flow.dscp)
        try:
            ours.bind((str(asked.source), self._ports.get(asked.number, flow.source_port)))
            self._ports[asked.number] = ours.getsockname()[1]
            ours.connect((str(asked.target), asked.port))
        except BlockingIOError:
            pass
        except OSError as problem:
            self._abandon(asked.number)
            if problem.errno not in _LATER:
                _refused(asked, problem)
            return
        self._book.connects_from(asked, self._ports[asked.number])

    def _listen(self, asked: Asked) -> None:
        key = (asked.flow.destination, asked.target, asked.port)
        if key in self._listening:
            return
        self._listening.add(key)
        theirs = self._open(asked.flow.destination, asked.target.version, socket.SOCK_STREAM)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # a program of the user's listens there, and takes connections or does not
            theirs.bind((str(asked.target), asked.port))
            theirs.listen(_CONNECTIONS)
            self._listeners[theirs.fileno()] = theirs
            self._ready.register(theirs, select.EPOLLIN)
            self._reflect(asked.flow.destination)

    def _reflect(self, node: str) -> None:
        """Let a node answer with the mark that arrived, as it does for echoes, until the question is answered."""
        if node in self._reflecting:
            return
        self._reflecting.add(node)
        with contextlib.suppress(FileNotFoundError):  # Linux before 5.10 answers with the mark 0
            before = _setting()
            _set(b"1")
            self._opened.callback(self._restore, node, before)

    def _restore(self, node: str, before: bytes) -> None:
        self._enter(node)
        _set(before)

    def answer(self) -> None:
        """Take the connections that were opened, so that there is room for more, and end them."""
        for file, _ in self._ready.poll(0):
            while True:
                try:
                    accepted, _ = self._listeners[file].accept()
                except OSError:
                    break
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                accepted.close()

    def done(self, asked: Iterable[Asked]) -> None:
        """Give up their connections."""
        for one in asked:
            self._abandon(one.number)

    def _abandon(self, number: int) -> None:
        ours = self._connecting.pop(number, None)
        if ours is not None:
            ours.close()

    def close(self) -> None:
        """End every connection, from the end that opened it, and stop listening."""
        for number in list(self._connecting):
            self._abandon(number)
        super().close()


def _setting() -> bytes:
    with open(_REFLECT, "rb") as file:  # noqa: PTH123  # of the namespace that this thread is in
        return file.read()


def _set(value: bytes) -> None:
    with open(_REFLECT, "wb") as file:  # noqa: PTH123
        file.write(value)
