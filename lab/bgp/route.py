"""Routes: a prefix and its path attributes (RFC 4271 §3.1, §5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

from lab.bgp.as_path import EMPTY_PATH, AsPath
from lab.bgp.communities import Community, ExtendedCommunity, LargeCommunity, in_order
from lab.bgp.numbers import Asn
from lab.bgp.prefixes import Address, Prefix
from lab.bgp.vpn import Nlri, RouteDistinguisher, VpnPrefix

DEFAULT_LOCAL_PREF = 100
GRACEFUL_SHUTDOWN_LOCAL_PREF = 0  # RFC 8326 §4.1: the lowest


class Origin(Enum):
    """The ORIGIN attribute (RFC 4271 §5.1.1); the lower the value, the better."""

    IGP = "igp"
    EGP = "egp"
    INCOMPLETE = "incomplete"

    @property
    def preference(self) -> int:
        """The value on the wire: 0, 1 or 2."""
        return _ORIGIN_VALUE[self]


_ORIGIN_VALUE = {Origin.IGP: 0, Origin.EGP: 1, Origin.INCOMPLETE: 2}


class RouteSource(Enum):
    """How a router came by a route. It is local to the router and never leaves it."""

    BGP = "bgp"
    """Learned from a neighbour."""
    CONNECTED = "connected"
    """An own network that one of the router's interfaces is in."""
    STATIC = "static"
    """An own network that is configured."""
    AGGREGATE = "aggregate"
    """Made of more specific routes (RFC 4271 §9.2.2.2)."""


@dataclass(frozen=True, slots=True)
class Aggregator:
    """The AGGREGATOR attribute (RFC 4271 §5.1.7): who made an aggregate."""

    asn: Asn
    router_id: IPv4Address

    def __str__(self) -> str:
        return f"{self.asn}:{self.router_id}"


@dataclass(frozen=True, slots=True, order=True)
class UnknownAttribute:
    """An optional transitive attribute that is passed on unread, its value as hex digits (RFC 4271 §5)."""

    code: int
    value: str

    def __str__(self) -> str:
        return f"{self.code}:{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A prefix and its path attributes (RFC 4271 §3.1).

    `local_pref` and `multi_exit_disc` are None where the attribute is absent. `weight`, `source` and `vrf` are local to
    one router and never leave it; the weight is a convention of many vendors, above local preference in the choice.
    `vrf` names the other VRF of the router that an own route was leaked from. Communities are kept `in_order`, so that
    routes which mean the same are equal. A VPN's route has a distinguisher before its prefix, and the MPLS label that
    its next hop wants packets with (RFC 4364 §4.3.2).
    """

    prefix: Prefix
    next_hop: Address
    origin: Origin = Origin.IGP
    as_path: AsPath = EMPTY_PATH
    local_pref: int | None = None
    multi_exit_disc: int | None = None
    communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] = ()
    extended_communities: tuple[ExtendedCommunity, ...] = ()
    atomic_aggregate: bool = False
    aggregator: Aggregator | None = None
    originator_id: IPv4Address | None = None
    cluster_list: tuple[IPv4Address, ...] = ()
    unknown: tuple[UnknownAttribute, ...] = ()
    rd: RouteDistinguisher | None = None
    label: int | None = None
    weight: int = 0
    source: RouteSource = RouteSource.BGP
    vrf: str = ""

    def __post_init__(self) -> None:
        if len(self.communities) > 1:
            object.__setattr__(self, "communities", in_order(self.communities))
        if len(self.large_communities) > 1:
            object.__setattr__(self, "large_communities", in_order(self.large_communities))
        if len(self.extended_communities) > 1:
            object.__setattr__(self, "extended_communities", in_order(self.extended_communities))
        if len(self.unknown) > 1:
            object.__setattr__(self, "unknown", tuple(sorted(self.unknown)))

    @property
    def nlri(self) -> Nlri:
        """What it leads to, with the distinguisher that it may have."""
        return self.prefix if self.rd is None else VpnPrefix(self.rd, self.prefix)


ON_THE_WIRE = (
    "next_hop",
    "origin",
    "as_path",
    "local_pref",
    "multi_exit_disc",
    "communities",
    "large_communities",
    "extended_communities",
    "atomic_aggregate",
    "aggregator",
    "originator_id",
    "cluster_list",
    "unknown",
    "rd",
    "label",
)
"""The attributes that cross from one router to another, and what VPNs have with the prefix."""
LOCAL = ("weight", "source", "vrf")
"""The attributes that never leave a router."""
ATTRIBUTES = (*ON_THE_WIRE, *LOCAL)


_TITLES = {"multi_exit_disc": "med"}


def title_of(attribute: str) -> str:
    """What the files of a user and the reports call an attribute."""
    return _TITLES.get(attribute, attribute)


def text_of(route: Route, attribute: str) -> str:
    """An attribute of a route as text; empty where the route does not have it."""
    value = getattr(route, attribute)
    if value is None or value is False:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if value is True:
        return "set"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeChange:
    """One attribute, before and after."""

    attribute: str
    before: str
    after: str


def changes_between(before: Route, after: Route) -> tuple[AttributeChange, ...]:
    """The attributes that differ, in the order of `ATTRIBUTES`."""
    return tuple(
        AttributeChange(attribute=name, before=text_of(before, name), after=text_of(after, name))
        for name in ATTRIBUTES
        if getattr(before, name) != getattr(after, name)
    )
