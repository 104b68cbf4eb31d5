"""One TCP transfer: `python tcp_transfer.py serve ADDRESS` takes in what comes, `... send ADDRESS MSS` sends a lot.

The sender says `arrived`, or `stalls` where nothing got through any more. Its largest segments are the kernel's choice
where MSS is 0. The server says when it listens, and ends with its stdin.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys

PORT = 4001
MUCH = 300_000
_BACKOFF = 4
"""Where struct tcp_info has how often in a row the retransmission timer ran out (linux/tcp.h)."""


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(address: str) -> None:
    """Answer everything that has arrived whole."""
    with socket.create_server((address, PORT)) as listening:
        say("serving")
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ConnectionResetError):
                left = MUCH
                while left and (data := connection.recv(1 << 16)):
                    left -= len(data)
                if not left:
                    connection.send(b"!")


def send(address: str, mss: int) -> None:
    """Send it, and wait for the answer as long as anything gets through."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # what is left is not sent later
        if mss:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        tcp.connect((address, PORT))
        tcp.settimeout(0)
        left = MUCH
        while tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[_BACKOFF] < 2:
            readable, writable, _ = select.select([tcp], [tcp] if left else [], [], 0.05)
            if writable:
                left -= tcp.send(bytes(left))
            if readable:
                say("arrived" if tcp.recv(1) else "closed")
                return
        say("stalls")


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1] == "serve" else send(sys.argv[2], int(sys.argv[3]))
