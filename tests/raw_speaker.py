"""A BGP neighbour without manners: it opens a session, sends what it is told octet by octet, and says what it hears.

    python raw_speaker.py ROUTER_ADDRESS OWN_AS < COMMANDS

Each line of stdin is a message: `update HEX` (the body), `refresh HEX` (its body, RFC 2918), or `octets HEX`, which are
sent as they are. Each line on stdout is
one that arrived: `established`, `update HEX`, `notification CODE SUBCODE`, `closed`. It speaks until stdin ends.
"""

from __future__ import annotations

import select
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = range(1, 6)
HOLD_TIME_S = 180
AS_TRANS = 23456  # RFC 6793 §9
CONNECT_DEADLINE_S, _POLL_S = 10, 0.02


def message(kind: int, body: bytes = b"") -> bytes:
    """A BGP message (RFC 4271 §4.1)."""
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def open_body(asn: int, router_id: bytes = bytes([9, 9, 9, 9]), more: bytes = b"") -> bytes:
    """An OPEN with IPv4 unicast, four-octet AS numbers and route refresh (RFC 4760, RFC 6793, RFC 2918), and `more`."""
    capabilities = bytes([1, 4, 0, 1, 0, 1]) + struct.pack(">BBI", 65, 4, asn) + bytes([2, 0]) + more
    parameters = bytes([2, len(capabilities)]) + capabilities
    two_octets = asn if asn <= 0xFFFF else AS_TRANS
    return struct.pack(">BHH4sB", 4, two_octets, HOLD_TIME_S, router_id, len(parameters)) + parameters


def messages(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The whole messages in a buffer, which are taken out of it."""
    while len(buffer) >= 19 and len(buffer) >= (length := int.from_bytes(buffer[16:18])):
        yield buffer[18], bytes(buffer[19:length])
        del buffer[:length]


def say(*words: object) -> None:
    """Tell the test."""
    print(*words, flush=True)  # noqa: T201  # it is what this program is for


class Speaker:
    """One session, and the test that commands it."""

    def __init__(self, connection: socket.socket, asn: int) -> None:
        self._connection = connection
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._buffer = bytearray()
        self._established = False
        connection.sendall(message(OPEN, open_body(asn)))

    def serve(self) -> None:
        """Serve both sides until one of them ends."""
        while all(self._served(key.fileobj) for key, _ in self._selector.select()):
            pass

    def _served(self, source: object) -> bool:
        return self._hear() if source is self._connection else self._obey()

    def _hear(self) -> bool:
        """Tell the test what the router says; False where it says no more."""
        try:
            data = self._connection.recv(65536)
        except ConnectionResetError:
            data = b""
        self._buffer += data
        for kind, body in messages(self._buffer):
            if kind == OPEN:
                self._connection.sendall(message(KEEPALIVE))
            elif kind == KEEPALIVE and not self._established:
                self._established = True
                self._selector.register(sys.stdin, selectors.EVENT_READ)
                say("established")
            elif kind == UPDATE:
                say("update", body.hex())
            elif kind == NOTIFICATION:
                say("notification", body[0], body[1])
        if not data:
            say("closed")
        return bool(data)

    def _obey(self) -> bool:
        """Tell the router what the test says; False where it says no more."""
        words = sys.stdin.buffer.raw.readline().split()  # type: ignore[union-attr]  # stdin is a buffer of a raw file
        if words[:1] == [b"refresh"]:
            self._connection.sendall(message(ROUTE_REFRESH, bytes.fromhex(words[1].decode())))
        elif words[:1] == [b"octets"]:
            self._connection.sendall(bytes.fromhex(words[1].decode()))
        elif words:
            self._connection.sendall(message(UPDATE, bytes.fromhex(words[1].decode())))
        return bool(words)


def connect(router: str) -> socket.socket:
    """A connection to a router, which may be about to listen."""
    end_s = time.monotonic() + CONNECT_DEADLINE_S
    while True:
        try:
            return socket.create_connection((router, 179), timeout=CONNECT_DEADLINE_S)
        except ConnectionRefusedError:
            if time.monotonic() > end_s:
                raise
            select.select((), (), (), _POLL_S)


if __name__ == "__main__":
    with connect(sys.argv[1]) as opened:
        opened.settimeout(None)
        Speaker(opened, int(sys.argv[2])).serve()
