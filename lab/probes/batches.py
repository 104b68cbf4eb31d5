"""Many packets at one system call: recvmmsg(2) and sendmmsg(2), which Python does not have.

The octets lie in one buffer a kind, in slots of equal size: a slice with a step has the same field of every packet.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_MESSAGE = struct.Struct("@QI4xQQQQi4xI4x")  # struct mmsghdr (bits/socket.h) where pointers have 64 bits
_VECTOR = struct.Struct("@QQ")
_LENGTH_AT = 56
_MSG_DONTWAIT = 0x40
NAME_BYTES = 32
"""Room for any socket's address: sockaddr_in6 has 28 octets, sockaddr_ll 20."""
CONTROL_BYTES = 64
"""Room for a time and one more ancillary message."""
_NOTHING_NOW = (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED)


class Batch:
    """`count` packets of at most `slot_bytes`, with the addresses and ancillary messages that go with them.

    A packet begins `skip_bytes` behind the beginning of its slot, so that its fields can be aligned.
    """

    def __init__(self, count: int, slot_bytes: int, *, skip_bytes: int = 0) -> None:
        self.count, self.slot_bytes, self.room = count, slot_bytes, slot_bytes - skip_bytes
        self.octets = bytearray(count * slot_bytes)
        self.names = bytearray(count * NAME_BYTES)
        self.control = bytearray(count * CONTROL_BYTES)
        self._vectors = bytearray(count * _VECTOR.size)
        self._messages = bytearray(count * _MESSAGE.size)
        octets, names, control, vectors, self._at = map(
            _address, (self.octets, self.names, self.control, self._vectors, self._messages)
        )
        for slot in range(count):
            _VECTOR.pack_into(self._vectors, slot * _VECTOR.size, octets + slot * slot_bytes + skip_bytes, self.room)
            _MESSAGE.pack_into(
                self._messages, slot * _MESSAGE.size,
                names + slot * NAME_BYTES, NAME_BYTES, vectors + slot * _VECTOR.size, 1,
                control + slot * CONTROL_BYTES, CONTROL_BYTES, 0, 0,
            )  # fmt: skip
        self._empty = bytes(self._messages)

    def receive(self, file: int) -> int:
        """Take in what a socket has, as far as there is room; how many packets. Raises OSError."""
        self._messages[:] = self._empty
        taken: int = _libc.recvmmsg(file, ctypes.c_void_p(self._at), self.count, _MSG_DONTWAIT, None)
        if taken >= 0:
            return taken
        return _nothing_now()

    def lengths(self, taken: int) -> Iterator[int]:
        """How long each of the received packets is."""
        return (length for (length,) in struct.iter_unpack("@56xI4x", self._messages[: taken * _MESSAGE.size]))

    def prepare(self, length: int, name_length: int) -> None:
        """Make ready to send packets of one length, to addresses of one, with nothing beside."""
        for slot in range(self.count):
            struct.pack_into("@Q", self._vectors, slot * _VECTOR.size + 8, length)
            struct.pack_into("@I", self._messages, slot * _MESSAGE.size + 8, name_length)
            struct.pack_into("@Q", self._messages, slot * _MESSAGE.size + 40, 0)

    def send(self, file: int, first: int, count: int) -> int:
        """Send packets from a slot on; how many the kernel took. Raises OSError where the first one is refused."""
        at = ctypes.c_void_p(self._at + first * _MESSAGE.size)
        sent: int = _libc.sendmmsg(file, at, count, 0)
        if sent >= 0:
            return sent
        return _nothing_now()

    def send_back(self, file: int, taken: int, most_bytes: int) -> None:
        """Send the beginnings of received packets back to where they are from, with what came with them beside."""
        for slot, length in enumerate([*self.lengths(taken)]):
            struct.pack_into("@Q", self._vectors, slot * _VECTOR.size + 8, min(length, most_bytes))
        first = 0
        while first < taken:
            try:
                first += max(1, self.send(file, first, taken - first))
            except OSError:
                first += 1  # there is no way back for this one, which the captures show
        for slot in range(taken):
            struct.pack_into("@Q", self._vectors, slot * _VECTOR.size + 8, self.room)


def _nothing_now() -> int:
    number = ctypes.get_errno()
    if number in _NOTHING_NOW:
        return 0
    raise OSError(number, os.strerror(number))


def _address(buffer: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))
