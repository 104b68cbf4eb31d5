"""Frames of an interface, read from a ring that the kernel fills (AF_PACKET, TPACKET_V3).

An ordinary user's sockets hold some two hundred packets (net.core.rmem_max); the memory of a ring is not counted so.
The layouts are those of linux/if_packet.h; Documentation/networking/packet_mmap.rst of Linux 6.12 tells the rest.
"""

from __future__ import annotations

import ctypes
import mmap
import socket
import struct
from collections.abc import Iterator

from lab.node.frames import SOL_PACKET, VNET_HEADER_BYTES, on_the_wire, tag_taken_out
from lab.pcapng import Frame

_ETH_P_ALL = 3
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 5, 6, 10, 15, 23
_TPACKET_V3 = 2
_PACKET_OUTGOING = 4
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_BLOCK_BYTES, _BLOCKS, _FRAME_BYTES = 1 << 18, 64, 1 << 11
"""A block takes the longest frame, 64 KiB that are still to be cut in segments; its frames are as long as they are."""
HANDED_OVER_MS = 20
"""A block that is not full is handed over after this time."""
_REQUEST = struct.Struct("=7I")  # struct tpacket_req3
_PROGRAM, _INSTRUCTION_BYTES = struct.Struct("@HP"), 8  # struct sock_fprog
_COUNTS = struct.Struct("=3I")  # struct tpacket_stats_v3
_BLOCK = struct.Struct("=8xIII")  # struct tpacket_block_desc: status, number of packets, offset to the first
_STATUS = struct.Struct("=I")
_STATUS_AT = 8
_OURS, _THE_KERNELS = 1, 0
_FRAME = struct.Struct("=6IHH4xIH20xB")
"""struct tpacket3_hdr: next, seconds, nanoseconds, kept, length, status, MAC header, VLAN; then of struct sockaddr_ll
the packet type."""


class Ring:
    """A capture of one interface of the network namespace that the calling thread is in when it is made.

    With `arrivals_only` it has the frames that come in by it; otherwise also those that go out. `only` is a program of
    `lab.packet_filter` that says which; empty, it is all of them. `blocks` is the size of its memory, in 256 KiB.
    """

    def __init__(
        self, interface: str, number: int, *, arrivals_only: bool, only: bytes = b"", blocks: int = _BLOCKS
    ) -> None:
        self._number = number
        self._blocks = blocks
        self._received = self._dropped = 0
        self._next_block = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        for option, value in (
            (_PACKET_VERSION, _TPACKET_V3),
            (_PACKET_VNET_HDR, 1),
            (_PACKET_IGNORE_OUTGOING, int(arrivals_only)),
        ):
            self._socket.setsockopt(SOL_PACKET, option, value)
        frames = _BLOCK_BYTES // _FRAME_BYTES * blocks
        request = _REQUEST.pack(_BLOCK_BYTES, blocks, _FRAME_BYTES, frames, HANDED_OVER_MS, 0, 0)
        self._socket.setsockopt(SOL_PACKET, _PACKET_RX_RING, request)
        self._ring = mmap.mmap(self._socket.fileno(), _BLOCK_BYTES * blocks)
        if only:
            program = ctypes.create_string_buffer(only, len(only))
            described = _PROGRAM.pack(len(only) // _INSTRUCTION_BYTES, ctypes.addressof(program))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
        self._socket.bind((interface, _ETH_P_ALL))

    def fileno(self) -> int:
        """The file descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the capture."""
        self._ring.close()
        self._socket.close()

    def read(self) -> Iterator[Frame]:
        """The frames that have been handed over, in order."""
        self._socket.getsockopt(
            socket.SOL_SOCKET, socket.SO_ERROR
        )  # of an interface that went down; or poll repeats it
        for _ in range(self._blocks):  # and no more: other interfaces want their turn
            start = self._next_block * _BLOCK_BYTES
            status, count, first = _BLOCK.unpack_from(self._ring, start)
            if not status & _OURS:
                return
            yield from self._frames(start + first, count)
            _STATUS.pack_into(self._ring, start + _STATUS_AT, _THE_KERNELS)
            self._next_block = (self._next_block + 1) % self._blocks

    def _frames(self, at: int, count: int) -> Iterator[Frame]:
        ring, number = self._ring, self._number
        for _ in range(count):
            next_, seconds, nanoseconds, kept, length, status, mac, _, tci, tpid, kind = _FRAME.unpack_from(ring, at)
            tag = tag_taken_out(status, tci, tpid)
            start = at + mac
            octets = on_the_wire(ring[start - VNET_HEADER_BYTES : start + kept], tag)
            time_ns = seconds * 1_000_000_000 + nanoseconds
            yield Frame(time_ns, number, kind == _PACKET_OUTGOING, length + len(tag), octets)
            at += next_

    def counts(self) -> tuple[int, int]:
        """How many frames came so far, and how many of them were lost because nobody read them in time."""
        received, dropped, _ = _COUNTS.unpack(self._socket.getsockopt(SOL_PACKET, _PACKET_STATISTICS, _COUNTS.size))
        self._received += received
        self._dropped += dropped
        return self._received, self._dropped
