"""What a topology file says must hold. Each kind is data; `lab.checks` compares it with what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp import Family, Prefix
from lab.failover import Drill
from lab.packets import Protocol


class Table(Enum):
    """Where a route is looked for (RFC 4271 §3.2), the FIB being the kernel's."""

    ADJ_RIB_IN = "adj_rib_in"
    LOC_RIB = "loc_rib"
    ADJ_RIB_OUT = "adj_rib_out"
    FIB = "fib"


class SessionState(Enum):
    """Whether a BGP session is in Established (RFC 4271 §8.2.2)."""

    ESTABLISHED = "established"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpectation:
    """Every session between two routers, of one family or of all, is in a state."""

    where: str
    routers: tuple[str, str]
    family: Family | None = None
    state: SessionState = SessionState.ESTABLISHED


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteExpectation:
    """A route is in a table, or, where `present` is False, no such route is.

    `attributes` holds pairs of an attribute's name and its value in the text form of `lab.policy.text_of`; in the FIB
    the one attribute is `next_hop`. `neighbor` narrows an Adj-RIB to one peer. A next hop may be a router's name.
    """

    where: str
    at: str
    prefix: Prefix
    table: Table = Table.LOC_RIB
    neighbor: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachabilityExpectation:
    """Packets from one network's host reach another's and are answered, or, where `reachable` is False, do not.

    `dscp` (0 to 63) is sent and must arrive. `via` names, in order, the customer and Microsoft edges that must be
    crossed, and no other. The source that is seen at the destination must be in `source_in`. `family` None means every
    family that both ends have, or that of `source_in`. Packets that do not arrive must be seen at `stopped_at` last.
    The port is the destination's, 0 where it does not matter.
    """

    where: str
    source: str
    destination: str
    family: Family | None = None
    dscp: int | None = None
    via: tuple[str, ...] | None = None
    source_in: Prefix | None = None
    reachable: bool = True
    stopped_at: str | None = None
    protocol: Protocol = Protocol.ICMP
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverExpectation:
    """Across a fault a stream is out for less than a time, in both directions and every time; so after healing.

    `lost_under` bounds the packets that are lost while the fault lasts, both directions together. `back_under_ms`
    bounds the outage from healing on. None of the two means that it does not matter.
    """

    where: str
    drill: Drill
    outage_under_ms: float
    lost_under: int | None = None
    back_under_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAsked:
    """A stream that an expectation asks for. `packet_bytes` is the size of the whole IP packet.

    `loss_over_percent` is the part of its packets that it has to lose more of, so that a link is full.
    """

    source: str
    destination: str
    dscp: int
    rate_bps: int
    packet_bytes: int
    loss_over_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossExpectation:
    """A stream loses less than a part of its packets, and is late by less than a time, beside the streams of a load.

    `delay_under_ms` bounds what 99 % of the packets that arrive take, `jitter_under_ms` the mean change of that from
    one to the next. None means that it does not matter. `family` None means every family that all ends have.
    """

    where: str
    stream: StreamAsked
    load: tuple[StreamAsked, ...]
    duration_s: float
    family: Family | None = None
    loss_under_percent: float | None = None
    delay_under_ms: float | None = None
    jitter_under_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MtuExpectation:
    """The largest packet that gets from one network's host to another's without being fragmented has `packet_bytes`.

    The IP header counts. It is the way there alone that is measured: the way back may have another limit. What is
    larger has to end at one of `limited_by`, where any are named: a router, a link of a circuit, or the sender itself.
    The port is the destination's, 0 where it does not matter. `family` None means every family that both ends have.
    """

    where: str
    source: str
    destination: str
    packet_bytes: int
    limited_by: tuple[str, ...] = ()
    family: Family | None = None
    protocol: Protocol = Protocol.ICMP
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NatExpectation:
    """IPv4 packets from one network arrive at another with a source of `pool`, and are answered.

    One of the routers `at`, or any where none is named, gives them that source, and undoes it for the answer. No answer
    can come by a router that translates to the same addresses and knows nothing of the packets. It has to hold for
    `flows` flows, each from a source port of its own. The port is the destination's, 0 where it does not matter.
    """

    where: str
    source: str
    destination: str
    pool: Prefix
    at: tuple[str, ...] = ()
    flows: int = 1
    protocol: Protocol = Protocol.ICMP
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DscpExpectation:
    """Packets that one network's host sends with the mark `sent` arrive at another's with the mark `arrives` (0 to 63).

    `rewritten_by` names, in order, who changes it on the way: routers, and the switches of a provider's lines; nobody
    where it is empty, and None leaves open who it is. The way there alone is looked at. A port is 0 where it does not
    matter; `port` is the destination's. `family` None means every family that both ends have.
    """

    where: str
    source: str
    destination: str
    sent: int
    arrives: int
    rewritten_by: tuple[str, ...] | None = None
    family: Family | None = None
    protocol: Protocol = Protocol.ICMP
    port: int = 0
    source_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PathExpectation:
    """Packets between two networks' hosts cross these customer, provider and Microsoft edges, in order, and no other.

    `there` and `back` are the two directions, and None leaves one open; both have to cross the `link`, where one is
    named. It has to hold for `flows` flows, each from a source port of its own, and for every way that the tables have
    for them. The port is the destination's, 0 where it does not matter. `family` None means every family that both
    ends have.
    """

    where: str
    source: str
    destination: str
    there: tuple[str, ...] | None = None
    back: tuple[str, ...] | None = None
    link: str | None = None
    flows: int = 1
    family: Family | None = None
    protocol: Protocol = Protocol.UDP
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SymmetricExpectation:
    """Packets between two networks' hosts come back by the nodes that they went by, whichever flow they are of.

    `flows` flows are sent, each from a source port of its own, and no way of the tables may be another. The port is the
    destination's, 0 where it does not matter. `family` None means every family that both ends have.
    """

    where: str
    source: str
    destination: str
    flows: int = 1
    family: Family | None = None
    protocol: Protocol = Protocol.UDP
    port: int = 0


Expectation = (
    SessionExpectation
    | RouteExpectation
    | ReachabilityExpectation
    | MtuExpectation
    | NatExpectation
    | DscpExpectation
    | PathExpectation
    | SymmetricExpectation
    | FailoverExpectation
    | LossExpectation
)
