"""One UDP flow: `python udp_flow.py serve ADDRESS` tells each sender its address, `... ask ADDRESS` asks for it.

Each line on the asking one's stdin is a packet of the same flow, and each line on its stdout an answer, or `nothing`
where none came within a second. Both end with their stdin. `... ask ADDRESS 2000` asks with so many octets, which may
be fragmented.
"""

from __future__ import annotations

import select
import socket
import sys

PORT = 4000
WAIT_S = 1.0
_IP_MTU_DISCOVER, _PMTUDISC_DONT = 10, 0  # linux/in.h


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(address: str) -> None:
    """Answer every packet by the address that it came from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((address, PORT))
        say("serving")
        while True:
            ready, _, _ = select.select([udp, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            _, sender = udp.recvfrom(100)
            udp.sendto(sender[0].encode(), sender)


def ask(address: str, octets: str = "1") -> None:
    """Send a packet for every line, and say what was answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(WAIT_S)
        udp.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
        udp.connect((address, PORT))
        for _ in sys.stdin:
            udp.send(bytes(int(octets)))
            try:
                say(udp.recv(100).decode())
            except TimeoutError:
                say("nothing")


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
