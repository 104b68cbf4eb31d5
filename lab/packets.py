"""What IP packets are: what they carry, their ports, and the parts of a header that rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp import Address, Prefix

ECHO_PORT = 7
"""Where UDP and TCP go if nothing else is said (RFC 862)."""


class Protocol(Enum):
    """What a flow's packets are, and what answers them."""

    ICMP = "icmp"
    """Echo requests (RFC 792, RFC 4443), answered by the destination's kernel."""
    UDP = "udp"
    """Datagrams (RFC 768), answered by a responder that is opened for the question."""
    TCP = "tcp"
    """A connection (RFC 9293), to a listener that is opened for the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Ports of UDP or TCP, 1 to 65535, both ends included."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What marking looks at. An address may be all of a pool; ports are 0 where there are none."""

    protocol: Protocol
    source: Address | Prefix
    destination: Address | Prefix
    dscp: int
    source_port: int = 0
    destination_port: int = 0
