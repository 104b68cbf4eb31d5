"""Captures in the nodes of a lab: sockets that see every packet of their node, or none while nothing is asked."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import select
import socket
import struct
from collections.abc import Callable, Iterable, Iterator

from lab.packet_filter import KEPT_BYTES, NOTHING
from lab.probes.batches import CONTROL_BYTES, NAME_BYTES, Batch
from lab.probes.sightings import Frame

_ETH_P_ALL = 3
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35  # asm-generic/socket.h
_PACKET_OUTGOING = 4  # linux/if_packet.h
_SIOCGIFNAME = 0x8910
_BUFFER_BYTES = 4 << 20
"""Asked for; the kernel gives what net.core.rmem_max allows."""
_AT_ONCE = 128
_NAME = struct.Struct(f"@HHiHBB{NAME_BYTES - 12}x")  # struct sockaddr_ll
_TIME = struct.Struct(f"@16xqq{CONTROL_BYTES - 32}x")  # struct cmsghdr, struct timespec


class Capture:
    """A packet socket in the network namespace that the caller is in. It sees nothing until it is told what to see.

    It stays open as long as the lab: to close one costs 13 ms, because the kernel waits for RCU.
    """

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self.socket.settimeout(0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.listen(NOTHING)
        self.forget()

    def listen(self, program: bytes) -> None:
        """See what this program of classic BPF lets through, in the place of any other."""
        instructions = ctypes.create_string_buffer(program, len(program))
        described = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)

    def forget(self) -> None:
        """Read away what has been captured."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(1)


class Captures:
    """A capture in each node that shows packets."""

    def __init__(self, nodes: Iterable[str], enter: Callable[[str], None]) -> None:
        self._captures: dict[str, Capture] = {}
        for name in nodes:
            enter(name)
            self._captures[name] = Capture()
        self._by_file = {one.socket.fileno(): (name, one) for name, one in self._captures.items()}
        self._ready = select.epoll()  # select knows no file descriptors above 1023
        for file in self._by_file:
            self._ready.register(file, select.EPOLLIN)
        self._batch = Batch(_AT_ONCE, KEPT_BYTES)
        self._interfaces: dict[tuple[str, int], str] = {}

    @contextlib.contextmanager
    def listening(self, program: bytes, nodes: Iterable[str] | None = None) -> Iterator[None]:
        """See packets within the block: those that a program lets through, in all nodes or in these."""
        heard = [*self._captures.values()] if nodes is None else [self._captures[name] for name in nodes]
        for one in heard:
            one.listen(program)
        try:
            yield
        finally:
            for one in heard:
                one.listen(NOTHING)
                one.forget()
            self._interfaces.clear()

    def frames(self, timeout_s: float) -> Iterator[Frame]:
        """What has been captured; waits for the first packet where there is none, until the time is over."""
        for file, _ in self._ready.poll(max(0.0, timeout_s)):
            node, capture = self._by_file[file]
            while taken := self._batch.receive(file):
                yield from self._frames_of(node, capture, taken)
                if taken < self._batch.count:
                    break

    def _frames_of(self, node: str, capture: Capture, taken: int) -> Iterator[Frame]:
        batch = self._batch
        names = _NAME.iter_unpack(batch.names[: taken * NAME_BYTES])
        times = _TIME.iter_unpack(batch.control[: taken * CONTROL_BYTES])
        for slot, (length, (_, _, index, _, kind, _), (seconds, nanoseconds)) in enumerate(
            zip(batch.lengths(taken), names, times, strict=True)
        ):
            start = slot * batch.slot_bytes
            yield Frame(
                node,
                self._interfaces.get((node, index)) or self._interface(node, capture, index),
                kind == _PACKET_OUTGOING,
                seconds * 1_000_000_000 + nanoseconds,
                bytes(batch.octets[start : start + length]),
            )

    def _interface(self, node: str, capture: Capture, index: int) -> str:
        """The name of an interface; asked for once a question, as it may be another one's later."""
        request = struct.pack("@16si20x", b"", index)
        try:
            answer = fcntl.ioctl(capture.socket, _SIOCGIFNAME, request)
            name = answer[:16].rstrip(b"\0").decode()
        except OSError:
            name = f"interface {index}"  # it is gone by now
        self._interfaces[node, index] = name
        return name
