"""The process of a lab's impaired wires: frames that enter at one end leave by the other late, or not at all.

Each such wire is two pairs of veths, from a node to the process's own network namespace, and the process is between
them. It is used on every kernel, so that a lab does not answer otherwise where netem is there (docs/decisions/0022).
"""

from __future__ import annotations

import heapq
import select
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from lab.netlink import LinkMonitor, Netlink
from lab.node.frames import (
    AUXDATA_BYTES,
    PACKET_AUXDATA,
    SOL_PACKET,
    VNET_HEADER_BYTES,
    Octets,
    retagged,
    stripped_tag,
)
from lab.plan import Endpoint
from lab.processes import be_prompt
from lab.runtimes.passage import Passage
from lab.runtimes.tagger import packet_socket
from lab.runtimes.timer import Timer

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the same number is that of its control message
_TIMESPEC = struct.Struct("=qq")
_CONTROL_SPACE = socket.CMSG_SPACE(AUXDATA_BYTES) + socket.CMSG_SPACE(_TIMESPEC.size)
_MOST_OCTETS = 1 << 17
_AT_ONCE = 64
"""Frames that one end is read for before the others have their turn."""
_MOST_WAITING = 100_000
"""Frames under way on all wires; what comes while there are so many is lost."""


class Wires:
    """It is made before any end is up, so that it misses no frame and no carrier; then `run` takes over a process."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._ways: dict[int, tuple[socket.socket, Passage]] = {}
        self._monitors: dict[int, tuple[str, LinkMonitor]] = {}
        self._far_ends: dict[Endpoint, list[str]] = defaultdict(list)
        self._waiting: list[tuple[int, int, socket.socket, Sequence[Octets]]] = []
        self._number = 0
        self._buffer = memoryview(bytearray(_MOST_OCTETS))

    def open(self, interface: str) -> int:
        """Read the frames of an interface of the namespace that the calling thread is in; returns its number."""
        one = packet_socket(interface)
        one.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._sockets[one.fileno()] = one
        return one.fileno()

    def join(self, entry: int, exit_: int, passage: Passage) -> None:
        """Frames that enter by one interface leave by another as the passage says."""
        self._ways[entry] = self._sockets[exit_], passage

    def watch(self, node: str) -> None:
        """Hear of the interfaces in the namespace that the calling thread is in, which is that node's."""
        monitor = LinkMonitor()
        self._monitors[monitor.fileno()] = node, monitor

    def follow(self, end: Endpoint, far_end: str) -> None:
        """Have the interface before the other node, which is down at first, be up exactly when this node's end is.

        So an end that goes down takes the carrier from the other one, as it does in a pair of veths.
        """
        self._far_ends[end].append(far_end)

    def close(self) -> None:
        """Close what was opened: it is another process's now."""
        for one in self._sockets.values():
            one.close()
        for _, monitor in self._monitors.values():
            monitor.close()

    def run(self) -> None:
        """Carry frames for ever. The calling thread is in the namespace of the wires."""
        be_prompt()
        netlink, timer = Netlink(), Timer()
        started: set[Endpoint] = set()
        handlers: dict[int, Callable[[int], None]] = dict.fromkeys(self._sockets, self._take_in)
        handlers |= dict.fromkeys(self._monitors, lambda fd: self._pass_on_carriers(fd, started, netlink))
        handlers[timer.fileno()] = lambda _: timer.clear()
        ready = select.epoll()
        for fd in handlers:
            ready.register(fd, select.EPOLLIN)
        while True:
            for fd, _ in ready.poll():
                handlers[fd](fd)
            self._let_out()
            if self._waiting:
                timer.set(self._waiting[0][0])

    def _pass_on_carriers(self, monitor: int, started: set[Endpoint], netlink: Netlink) -> None:
        node, links = self._monitors[monitor]
        for event in links.read():
            end = Endpoint(node=node, interface=event.interface)
            if event.started == (end in started):
                continue
            started ^= {end}
            for far_end in self._far_ends.get(end, ()):
                if event.started:
                    netlink.up(far_end)
                else:
                    netlink.down(far_end)
        netlink.commit()

    def _take_in(self, entry: int) -> None:
        """Read what has come. Its way counts from when the kernel had it, not from when this process looked."""
        receive, buffer = self._sockets[entry].recvmsg_into, self._buffer
        exit_, passage = self._ways[entry]
        # In this order: a pause between the two makes frames late, and never early.
        real_ns, now_ns = time.time_ns(), time.monotonic_ns()
        for _ in range(_AT_ONCE):
            try:
                length, control, _, _ = receive((buffer,), _CONTROL_SPACE)
            except OSError:
                return  # there is no more, or the interface went down
            at_ns, tag = now_ns, b""
            for level, kind, content in control:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = _TIMESPEC.unpack(content)
                    at_ns = seconds * 1_000_000_000 + nanoseconds - real_ns + now_ns
                elif level == SOL_PACKET and kind == PACKET_AUXDATA:
                    tag = stripped_tag(content)
            leaves_ns = passage.leaves_ns(at_ns, length + len(tag) - VNET_HEADER_BYTES)
            if leaves_ns is None or len(self._waiting) >= _MOST_WAITING:
                continue
            parts = retagged(bytes(buffer[:length]), 0, tag)
            self._number += 1
            heapq.heappush(self._waiting, (leaves_ns, self._number, exit_, parts))

    def _let_out(self) -> None:
        """Send what is due."""
        due_ns = time.monotonic_ns()
        while self._waiting and self._waiting[0][0] <= due_ns:
            _, _, exit_, parts = heapq.heappop(self._waiting)
            try:
                exit_.sendmsg(parts)
            except OSError:
                continue  # a frame that cannot be sent is lost, as on any wire
