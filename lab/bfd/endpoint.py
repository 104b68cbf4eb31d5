"""All BFD sessions of a router: which one a packet is for (RFC 5880 §6.8.6, RFC 5881 §3-5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lab.bfd.packet import ControlPacket, Discarded, decode
from lab.bfd.session import Output, Session
from lab.bgp import Address

PORT = 3784
"""Where control packets of single-hop sessions go (RFC 5881 §4)."""
SOURCE_PORTS = range(49152, 65536)
"""Where they come from (RFC 5881 §4)."""
HOP_LIMIT = 255
"""The TTL or hop limit that they are sent with, and must arrive with: nobody farther away can (RFC 5881 §5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """A UDP payload that came to `PORT`, between two addresses, with the TTL or hop limit that it had then."""

    octets: bytes
    source: Address
    destination: Address
    hop_limit: int


class Endpoint:
    """The sessions of a router by name, each between a local address and a peer's."""

    def __init__(self, sessions: Mapping[str, tuple[Address, Address, Session]]) -> None:
        self._sessions = {name: session for name, (_, _, session) in sessions.items()}
        self._by_discriminator = {session.discriminator: name for name, (_, _, session) in sessions.items()}
        self._by_addresses = {(local, peer): name for name, (local, peer, _) in sessions.items()}

    @property
    def next_s(self) -> float:
        """When `elapse` is due."""
        return min((session.next_s for session in self._sessions.values()), default=math.inf)

    def receive(self, datagram: Datagram, now_s: float) -> tuple[str, list[Output]]:
        """Take a packet; the answer is whose it was, and what that session does. Raises Discarded."""
        if datagram.hop_limit != HOP_LIMIT:
            raise Discarded(f"it arrived with TTL {datagram.hop_limit}, not {HOP_LIMIT} (RFC 5881 §5)")
        packet = decode(datagram.octets)
        name = self._session_of(packet, datagram)
        return name, self._sessions[name].receive(packet, now_s)

    def elapse(self, now_s: float) -> list[tuple[str, list[Output]]]:
        """Do what is due."""
        return [(name, session.elapse(now_s)) for name, session in self._sessions.items() if session.next_s <= now_s]

    def _session_of(self, packet: ControlPacket, datagram: Datagram) -> str:
        if packet.your_discriminator:
            name = self._by_discriminator.get(packet.your_discriminator)
            if name is None:
                raise Discarded(f"no session has the discriminator {packet.your_discriminator}")
            return name
        name = self._by_addresses.get((datagram.destination, datagram.source))
        if name is None:
            raise Discarded(f"no session is with {datagram.source} from {datagram.destination}")
        return name
