"""The validated model of a topology file: what a circuit's owner ordered, configured and expects.

Names follow Microsoft's documents. Every rule that one value alone can break is refused where the value is built or in
`lab.load`; a `Topology` that exists can be planned.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp import (
    RFC_4271_BEST_PATH,
    Aggregate,
    Asn,
    BestPathRules,
    Community,
    Family,
    LeakedNetwork,
    Prefix,
    family_of,
)
from lab.expectations import Expectation
from lab.policy import NO_RULES, SessionRules


class ConnectivityModel(Enum):
    """How customer and Microsoft are joined."""

    POINT_TO_POINT_ETHERNET = "point_to_point_ethernet"


class Sku(Enum):
    """The tier of a circuit, which sets its limits and reach."""

    LOCAL = "local"
    STANDARD = "standard"
    PREMIUM = "premium"


class Link(Enum):
    """One of the two links of a circuit."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that no log, report or process list may show."""

    value: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The Ethernet provider's layer-2 service; `s_tag` is the outer tag of the circuit (1 to 4094)."""

    s_tag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One ExpressRoute circuit. `bandwidth_mbps` is per link."""

    sku: Sku
    bandwidth_mbps: int
    peering_location: str
    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A named network with one host that probes start from: an on-premises LAN or a VNet."""

    name: str
    prefixes: tuple[Prefix, ...]

    def of(self, family: Family) -> Prefix | None:
        """Its first prefix of a family, the one the host lives in."""
        return next((prefix for prefix in self.prefixes if family_of(prefix) is family), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeBgp:
    """What one customer edge is configured to do beside its sessions with Microsoft.

    `networks` are announced beside those of the LANs. `ibgp` are the rules of its session with the other edge.
    """

    networks: tuple[Prefix, ...] = ()
    leaked_networks: tuple[LeakedNetwork, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    best_path: BestPathRules = RFC_4271_BEST_PATH
    ibgp: SessionRules = NO_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The customer's AS. `routers` are the edges of the primary and the secondary link; one name serves both links."""

    asn: Asn
    routers: tuple[str, ...]
    networks: tuple[Network, ...]
    bgp: tuple[tuple[str, EdgeBgp], ...] = ()

    def router_of(self, link: Link) -> str:
        """The edge router at the customer's end of a link."""
        return self.routers[0] if link is Link.PRIMARY else self.routers[-1]

    def bgp_of(self, router: str) -> EdgeBgp | None:
        """What a customer edge is configured to do; None where nothing is written."""
        return dict(self.bgp).get(router)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSubnet:
    """The block of one link in one family, a /30 or a /126: first host the customer's, second Microsoft's."""

    link: Link
    prefix: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Bfd:
    """BFD of the customer edges: the interval of both directions, and the detection multiplier."""

    interval_ms: int = 300
    multiplier: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatePeering:
    """Azure private peering. `customer_md5` holds the keys of edges whose key differs from Azure's.

    `bfd` is that of the customer edges, None where they run none.
    """

    vlan_id: int
    subnets: tuple[LinkSubnet, ...]
    rules: tuple[tuple[str, SessionRules], ...]
    md5: Secret | None = None
    customer_md5: tuple[tuple[str, Secret], ...] = ()
    hold_time_s: int = 180
    bfd: Bfd | None = None

    def subnet(self, link: Link, family: Family) -> Prefix | None:
        """The block of a link in a family, None where the peering does not carry the family."""
        found = (s.prefix for s in self.subnets if s.link is link and family_of(s.prefix) is family)
        return next(found, None)

    def rules_of(self, router: str) -> SessionRules:
        """The policies and rules of a customer edge towards Microsoft."""
        return dict(self.rules).get(router, NO_RULES)

    def md5_at(self, router: str) -> Secret | None:
        """The key that a customer edge has configured."""
        return dict(self.customer_md5).get(router, self.md5)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualNetwork:
    """A VNet linked to the circuit. Azure shows its custom and its regional community only together."""

    network: Network
    community: Community | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure:
    """Microsoft's side of the circuit: a region, its VNets, and the gateway that joins them."""

    region: str
    regional_community: Community | None
    vnets: tuple[VirtualNetwork, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """One experiment: a circuit, both its ends, and what must hold."""

    name: str
    connectivity_model: ConnectivityModel
    circuit: Circuit
    customer: Customer
    private_peering: PrivatePeering
    azure: Azure
    expectations: tuple[Expectation, ...]
