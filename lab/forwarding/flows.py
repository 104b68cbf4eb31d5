"""Flows between hosts, and what became of their packets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.bgp import Address, Family, Prefix
from lab.packets import ECHO_PORT, Protocol

Source = Address | Prefix
"""An address of packets; in a prediction behind a translation, the pool, for which address is taken is the router's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A question asked with packets from one host to another, marked with `dscp` (0 to 63).

    The ports are those of UDP and TCP; 0 means any source port, and the echo port. `packet_bytes` is the size of the
    whole IP packet, its header included, and packets of a size are sent not to be fragmented; 0 means as small as can
    be.
    """

    source: str
    destination: str
    family: Family
    dscp: int = 0
    protocol: Protocol = Protocol.ICMP
    source_port: int = 0
    destination_port: int = 0
    packet_bytes: int = 0

    @property
    def port(self) -> int:
        """The destination port that is used; 0 where there is none."""
        return 0 if self.protocol is Protocol.ICMP else self.destination_port or ECHO_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A packet at an interface of a node: its mark (0 to 63) and its addresses there."""

    interface: str
    dscp: int
    source: Source
    target: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A node that a packet crossed. The sender has no `entered`; the receiver, and where a packet ended, no `left`.

    A mark that differs between `left` of one crossing and `entered` of the next was changed by what joins the two.
    """

    node: str
    entered: Seen | None = None
    left: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What tells a packet's sender that it was dropped: an ICMP error, or the reset of a TCP connection.

    `node` is the one that said so. `largest_bytes` is the largest packet that goes on there, where it says that one
    did not fit (RFC 1191 §4, RFC 4443 §3.2).
    """

    node: str
    says: str
    largest_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowResult:
    """What became of a flow's packets.

    `there` and `back` are the nodes that a request and its answer were seen at, sender first; switches are not among
    them. `sent` False means that no packet left the source, so nothing was proven. `stopped` says where and why the
    packets ended when they did not arrive or were not answered, and `refusal` what said so. `round_trip_s` is the time
    on the way there and back, by the kernel's clock, without that which the destination took to answer; a prediction
    has none.
    """

    flow: Flow
    sent: bool
    arrived: bool
    answered: bool
    there: tuple[Crossing, ...] = ()
    back: tuple[Crossing, ...] = ()
    stopped: str = ""
    refusal: Refusal | None = None
    round_trip_s: float | None = None

    @property
    def forward(self) -> tuple[str, ...]:
        """The nodes that a request was seen at."""
        return tuple(one.node for one in self.there)

    @property
    def backward(self) -> tuple[str, ...]:
        """The nodes that the answer was seen at."""
        return tuple(one.node for one in self.back)

    @property
    def marks(self) -> tuple[tuple[str, int], ...]:
        """The mark that a request had on entering each node behind the sender."""
        return tuple((node, seen.dscp) for node, seen in _entering(self.there))

    @property
    def sources(self) -> tuple[tuple[str, Source], ...]:
        """The source that a request had on entering each node behind the sender."""
        return tuple((node, seen.source) for node, seen in _entering(self.there))

    @property
    def dscp(self) -> int | None:
        """The mark on arrival; None where no request arrived."""
        return self.marks[-1][1] if self.arrived and self.marks else None

    @property
    def source_seen(self) -> Source | None:
        """The source on arrival; None where no request arrived."""
        return self.sources[-1][1] if self.arrived and self.sources else None

    @property
    def contradiction(self) -> str:
        """Why what was seen of it proves nothing; empty where that fits together."""
        return "answered, and not seen arriving" if self.sent and self.answered and not self.arrived else ""

    @property
    def translated(self) -> bool:
        """Whether a router on the way gave the packets another source."""
        return any(source != self.sources[0][1] for _, source in self.sources)


def _entering(crossings: Iterable[Crossing]) -> Iterable[tuple[str, Seen]]:
    return ((one.node, one.entered) for one in crossings if one.entered is not None)
