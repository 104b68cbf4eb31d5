"""A BFD speaker with a mind of its own: `bfd_peer.py LOCAL PEER STATE TTL` comes Up with a peer, says STATE and ends.

The TTL is that of its last word.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time
from ipaddress import ip_address

from lab.bfd import HOP_LIMIT, PORT, SOURCE_PORTS, ControlPacket, Session, State, decode
from lab.plan import BfdPlan

DEADLINE_S = 10.0
DISCRIMINATOR = 99


def sending(local: str) -> socket.socket:
    """A socket to send from."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, HOP_LIMIT)
    made.bind((local, SOURCE_PORTS[-1]))
    return made


def come_up(local: str, peer: str, out: socket.socket) -> int:
    """Be a session until both ends are Up; the peer's discriminator."""
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.bind((local, PORT))
    session = Session(BfdPlan(), peer=ip_address(peer), discriminator=DISCRIMINATOR, random=random.random)
    end_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < end_s:
        wait_s = max(0.0, min(session.next_s, end_s) - time.monotonic())
        output = []
        if select.select([receiving], [], [], wait_s)[0]:
            heard = decode(receiving.recv(512))
            output = session.receive(heard, time.monotonic())
            if heard.state is State.UP:
                return heard.my_discriminator
        output += session.elapse(time.monotonic())
        for one in output:
            if isinstance(one, ControlPacket):
                out.sendto(one.encode(), (peer, PORT))
    raise SystemExit(f"{peer} did not come Up within {DEADLINE_S:g} s")


def main(local: str, peer: str, state: str, hop_limit: str) -> None:
    """Come up, and say a state."""
    out = sending(local)
    last = ControlPacket(
        state=State[state],
        multiplier=3,
        my_discriminator=DISCRIMINATOR,
        your_discriminator=come_up(local, peer, out),
        desired_min_transmit_us=1_000_000,
        required_min_receive_us=300_000,
    )
    out.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(hop_limit))
    out.sendto(last.encode(), (peer, PORT))


if __name__ == "__main__":
    main(*sys.argv[1:])
