"""The tagger: a process that puts VLAN tags on frames and takes them off, where the kernel has no VLAN devices.

A sub-interface is the upper end of a veth pair, whose lower end is in the tagger's own network namespace. The tagger
reads frames at ports and at lower ends, and sends each on with the tags that it must have there (docs/decisions/0014).
"""

from __future__ import annotations

import select
import socket
from collections import defaultdict
from collections.abc import Callable

from lab.netlink import LinkMonitor, Netlink
from lab.node.frames import AUXDATA_BYTES, PACKET_AUXDATA, SOL_PACKET, remark, retagged, stripped_tag, tags_within
from lab.plan import Endpoint
from lab.processes import be_prompt

_ETH_P_ALL = 3
_PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 15, 23  # linux/if_packet.h
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h
_BUFFER_BYTES = 8 << 20
_MOST_OCTETS = 1 << 17
_AUXDATA_SPACE = socket.CMSG_SPACE(AUXDATA_BYTES)
_AT_ONCE = 64
"""Frames that one port is read for before the others have their turn."""


def packet_socket(interface: str) -> socket.socket:
    """What reads and sends whole frames at an interface of this namespace, and says what offloads left to do."""
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    for option in (PACKET_AUXDATA, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING):
        one.setsockopt(SOL_PACKET, option, 1)
    try:
        one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:  # an ordinary user has what net.core.rmem_max allows
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    one.settimeout(0)
    one.bind((interface, _ETH_P_ALL))
    return one


class Tagger:
    """It is made before any port is up, so that it misses no frame and no carrier; then `run` takes over a process."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._ways: dict[int, dict[bytes, tuple[socket.socket, bytes, bytes]]] = {}
        self._monitors: dict[int, tuple[str, LinkMonitor]] = {}
        self._on_port: dict[Endpoint, list[str]] = defaultdict(list)
        self._buffer = memoryview(bytearray(_MOST_OCTETS))

    def open(self, interface: str) -> int:
        """Read the frames of an interface of the namespace that the calling thread is in; returns its number."""
        one = packet_socket(interface)
        self._sockets[one.fileno()] = one
        self._ways[one.fileno()] = {}
        return one.fileno()

    def join(self, one: tuple[int, bytes], other: tuple[int, bytes], marks: bytes = b"") -> None:
        """Frames with these tags at one interface leave by the other with the tags there, and the other way round.

        `marks` are what becomes of the 64 marks of packets, where it is not empty.
        """
        for (entry, tags), (exit_, new_tags) in ((one, other), (other, one)):
            self._ways[entry][tags] = self._sockets[exit_], new_tags, marks

    def watch(self, node: str) -> None:
        """Hear of the carriers in the namespace that the calling thread is in, which is that node's."""
        monitor = LinkMonitor()
        self._monitors[monitor.fileno()] = node, monitor

    def follow(self, port: Endpoint, lower_end: str) -> None:
        """Have a lower end, which is down at first, be up exactly when its port has a carrier."""
        self._on_port[port].append(lower_end)

    def close(self) -> None:
        """Close what was opened: it is another process's now."""
        for one in self._sockets.values():
            one.close()
        for _, monitor in self._monitors.values():
            monitor.close()

    def run(self) -> None:
        """Carry frames for ever. The calling thread is in the namespace of the lower ends."""
        be_prompt()
        netlink = Netlink()
        up: set[Endpoint] = set()
        handlers: dict[int, Callable[[int], None]] = dict.fromkeys(self._sockets, self._carry)
        handlers |= dict.fromkeys(self._monitors, lambda fd: self._pass_on_carriers(fd, up, netlink))
        ready = select.epoll()
        for fd in handlers:
            ready.register(fd, select.EPOLLIN)
        while True:
            for fd, _ in ready.poll():
                handlers[fd](fd)

    def _pass_on_carriers(self, monitor: int, up: set[Endpoint], netlink: Netlink) -> None:
        node, links = self._monitors[monitor]
        for event in links.read():
            port = Endpoint(node=node, interface=event.interface)
            if event.up == (port in up):
                continue
            up ^= {port}
            for lower_end in self._on_port.get(port, ()):
                if event.up:
                    netlink.up(lower_end)
                else:
                    netlink.down(lower_end)
        netlink.commit()

    def _carry(self, entry: int) -> None:
        receive, ways, buffer = self._sockets[entry].recvmsg_into, self._ways[entry], self._buffer
        for _ in range(_AT_ONCE):
            try:
                length, control, _, _ = receive((buffer,), _AUXDATA_SPACE)
            except OSError:
                return  # there is no more, or the interface went down
            frame = buffer[:length]
            within = tags_within(frame)
            way = ways.get(stripped_tag(control[0][2]) + within)
            if way is None:
                continue  # nobody wants these tags
            exit_, tags, marks = way
            if marks:
                remark(frame, len(within), marks)
            try:
                exit_.sendmsg(retagged(frame, len(within), tags))
            except OSError:
                continue  # a frame that cannot be sent is lost, as in any switch
