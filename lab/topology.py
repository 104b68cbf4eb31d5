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
from lab.limits import Limits
from lab.marking import MarkingRule, Remark
from lab.policy import NO_RULES, SessionRules
from lab.secret import Secret
from lab.shaping import Impairment, QueueClass
from lab.speakers import ForeignSpeaker


class ConnectivityModel(Enum):
    """How customer and Microsoft are joined (expressroute-connectivity-models.md, 2020-10)."""

    CLOUD_EXCHANGE = "cloud_exchange"
    POINT_TO_POINT_ETHERNET = "point_to_point_ethernet"
    ANY_TO_ANY_IPVPN = "any_to_any_ipvpn"
    DIRECT = "direct"


class RoutingDomain(Enum):
    """A peering of a circuit: private reaches VNets, Microsoft's public services. Each is a VRF of its own."""

    PRIVATE = "private"
    MICROSOFT = "microsoft"


class Sku(Enum):
    """The tier of a circuit, which sets its limits and reach."""

    LOCAL = "local"
    STANDARD = "standard"
    PREMIUM = "premium"


class Link(Enum):
    """One of the two links of a circuit."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


class Encapsulation(Enum):
    """How circuits share a port pair of ExpressRoute Direct (expressRoutePort.json, 2024-05-01)."""

    DOT1Q = "dot1q"
    QINQ = "qinq"


class Distribution(Enum):
    """How the provider edges of an IPVPN tell one another their VPN routes."""

    FULL_MESH = "full_mesh"
    ROUTE_REFLECTOR = "route_reflector"


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
class Access:
    """How one customer edge reaches a provider that routes: the provider's router, and a link with its sessions.

    The first host of each block is the customer's, the second the provider's. `rules` are those of the customer's end,
    `provider_rules` those of the provider's.
    """

    customer_edge: str
    provider_edge: str
    blocks: tuple[Prefix, ...]
    rules: SessionRules = NO_RULES
    provider_rules: SessionRules = NO_RULES


class Towards(Enum):
    """Which way a packet crosses a router: to Microsoft or a provider on the way there, or from there."""

    MICROSOFT = "microsoft"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """A rule by which a router marks what it forwards in a direction, None being both."""

    rule: MarkingRule
    towards: Towards | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuesTowards:
    """The queues of a router at its interface towards a neighbour, a router or a host."""

    towards: str
    rate_bps: int
    classes: tuple[QueueClass, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterQos:
    """What one router does for quality of service. Of its markings the first that matches decides."""

    marking: tuple[Marking, ...] = ()
    queues: tuple[QueuesTowards, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One place of a customer: its AS, its edge routers and their networks.

    `routers` are the edges of the primary and the secondary link of a circuit that ends here; one name serves both.
    `name` is empty where the customer has one site only. `speakers` are the edges that are another vendor's daemon.
    """

    name: str = ""
    asn: Asn
    routers: tuple[str, ...]
    networks: tuple[Network, ...]
    bgp: tuple[tuple[str, EdgeBgp], ...] = ()
    access: tuple[Access, ...] = ()
    qos: tuple[tuple[str, RouterQos], ...] = ()
    speakers: tuple[tuple[str, ForeignSpeaker], ...] = ()

    def router_of(self, link: Link) -> str:
        """The edge router at the customer's end of a link."""
        return self.routers[0] if link is Link.PRIMARY else self.routers[-1]

    def bgp_of(self, router: str) -> EdgeBgp | None:
        """What a customer edge is configured to do; None where nothing is written."""
        return dict(self.bgp).get(router)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer: its sites. `name` names its VPN, and is empty where no provider routes."""

    name: str = ""
    sites: tuple[Site, ...]

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of all sites."""
        return tuple(network for site in self.sites for network in site.networks)

    def site_of(self, router: str) -> Site:
        """The site of a customer edge. Raises KeyError."""
        for site in self.sites:
            if router in site.routers:
                return site
        raise KeyError(router)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer2:
    """A provider that only carries frames: it puts `s_tag` (1 to 4094) around the customer's at Microsoft's side.

    It leaves marks alone, or rewrites them as `remark` says, both ways.
    """

    s_tag: int
    remark: Remark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer3:
    """A provider whose routers speak BGP with Microsoft, for the primary and the secondary link.

    `distribution` is how the provider's routers tell one another VPN routes; None where it has no VPN between sites.
    Its routers mark as `qos` says, and what no rule there matches as `remark` does.
    """

    s_tag: int
    asn: Asn
    routers: tuple[str, ...]
    distribution: Distribution | None = None
    remark: Remark | None = None
    qos: tuple[tuple[str, RouterQos], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPort:
    """A pair of Microsoft's ports that the customer's edges are joined to. `s_tag` is None with `DOT1Q`."""

    encapsulation: Encapsulation
    s_tag: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSubnet:
    """The block of one link in one family, a /30 or a /126: first host the customer's, second Microsoft's."""

    link: Link
    prefix: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Bfd:
    """BFD of the routers that face Microsoft: the interval of both directions, and the detection multiplier."""

    interval_ms: int = 300
    multiplier: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFilter:
    """The communities whose prefixes Microsoft peering announces. No filter, no prefix."""

    communities: tuple[Community, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nat:
    """Source address translation at the customer's edges towards Microsoft: a pool for each link, or one for both."""

    pools: tuple[tuple[Link, Prefix], ...]

    def pool_of(self, link: Link) -> Prefix | None:
        """The pool of a link."""
        return dict(self.pools).get(link)


class PrefixState(Enum):
    """The state of the public prefixes of a Microsoft peering (expressRouteCircuit.json, 2024-05-01)."""

    CONFIGURED = "configured"
    VALIDATION_NEEDED = "validation_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPrefixes:
    """What only Microsoft peering has: the customer's public prefixes, the filters, and its translation.

    `customer_asn` is the AS that the prefixes are registered to, where it is not the peering's. Filters are by family.
    """

    advertised: tuple[Prefix, ...]
    state: PrefixState = PrefixState.CONFIGURED
    customer_asn: Asn | None = None
    route_filters: tuple[tuple[Family, RouteFilter], ...] = ()
    nat: Nat | None = None

    def route_filter(self, family: Family) -> RouteFilter | None:
        """The filter of a family, None where none is attached."""
        return dict(self.route_filters).get(family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peering:
    """One peering of a circuit. `customer_md5` holds the keys of edges whose key differs from Azure's.

    `customer_vlans` are the VLANs that the provider hands over at the customer's side, where they are not `vlan_id`.
    `enabled` are the families that are not disabled. `public` is what only Microsoft peering has. `bfd` is that of the
    routers that face Microsoft, None where they run none.
    """

    domain: RoutingDomain = RoutingDomain.PRIVATE
    vlan_id: int
    subnets: tuple[LinkSubnet, ...]
    rules: tuple[tuple[str, SessionRules], ...]
    md5: Secret | None = None
    customer_md5: tuple[tuple[str, Secret], ...] = ()
    hold_time_s: int = 180
    bfd: Bfd | None = None
    customer_vlans: tuple[tuple[Link, int], ...] = ()
    enabled: frozenset[Family] = frozenset(Family)
    public: PublicPrefixes | None = None

    def subnet(self, link: Link, family: Family) -> Prefix | None:
        """The block of a link in a family, None where the peering does not carry the family."""
        found = (s.prefix for s in self.subnets if s.link is link and family_of(s.prefix) is family)
        return next(found, None)

    def customer_vlan(self, link: Link) -> int:
        """The VLAN of the peering at the customer's side of a link."""
        return dict(self.customer_vlans).get(link, self.vlan_id)

    def rules_of(self, router: str) -> SessionRules:
        """The policies and rules of a router towards Microsoft."""
        return dict(self.rules).get(router, NO_RULES)

    def md5_at(self, router: str) -> Secret | None:
        """The key that a router has configured."""
        return dict(self.customer_md5).get(router, self.md5)


class Provisioning(Enum):
    """How far the provider has come with a circuit (`serviceProviderProvisioningState`)."""

    NOT_PROVISIONED = "not_provisioned"
    PROVISIONING = "provisioning"
    PROVISIONED = "provisioned"
    DEPROVISIONING = "deprovisioning"


class MaintenancePhase(Enum):
    """A planned maintenance of one Microsoft edge: it prepends first, then ends its sessions."""

    PREPENDED = "prepended"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A planned maintenance of the Microsoft edge of one link (planned-maintenance.md, 2023-05-10)."""

    link: Link
    phase: MaintenancePhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One ExpressRoute circuit. `bandwidth_mbps` is per link; `name` is empty where the topology has one only.

    `routers` face Microsoft on the primary and the secondary link: the customer's edges, or the provider's routers.
    """

    name: str = ""
    sku: Sku
    bandwidth_mbps: int
    peering_location: str
    carrier: Layer2 | Layer3 | DirectPort
    routers: tuple[str, ...]
    peerings: tuple[Peering, ...]
    provisioning: Provisioning = Provisioning.PROVISIONED
    maintenance: Maintenance | None = None

    def router_of(self, link: Link) -> str:
        """The router that faces Microsoft on a link."""
        return self.routers[0] if link is Link.PRIMARY else self.routers[-1]

    def peering(self, domain: RoutingDomain) -> Peering | None:
        """The peering of a routing domain, None where there is none."""
        return next((one for one in self.peerings if one.domain is domain), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualNetwork:
    """A VNet behind the gateway. Azure shows its custom and its regional community only together.

    `peered_with` names the VNet whose gateway it uses, where it has none of its own.
    """

    network: Network
    community: Community | None = None
    peered_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What joins a circuit to the gateway of the VNets; the higher `weight` is preferred (0 to 32000)."""

    circuit: str
    weight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of Microsoft's that Microsoft peering reaches: a name, its prefixes and their communities."""

    network: Network
    communities: tuple[Community, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalReach:
    """What joins the private peerings of two circuits (expressroute-global-reach.md): a /29, and a /125 in IPv6."""

    circuits: tuple[str, str]
    blocks: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure:
    """Microsoft's side: a region, its VNets and the gateway that joins them, and public services."""

    region: str
    regional_community: Community | None
    vnets: tuple[VirtualNetwork, ...]
    services: tuple[Service, ...] = ()
    gateway_instances: int = 1
    connections: tuple[Connection, ...] = ()

    def weight_of(self, circuit: str) -> int:
        """The weight of the connection to a circuit."""
        return next((one.weight for one in self.connections if one.circuit == circuit), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitLink:
    """A link of a circuit, by the circuit's name."""

    circuit: str
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpairedWire:
    """A wire that is worse than others: that of a circuit's link at the customer's side, or that of two nodes.

    It is so towards one of its two ends, or both ways where `towards` is None.
    """

    wire: CircuitLink | tuple[str, str]
    impairment: Impairment
    towards: Towards | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """One experiment: circuits, both their ends, and what must hold.

    `other_customers` share the provider of an IPVPN, and nothing else. `assumed` are the answers that the file gives to
    questions which Microsoft's documents leave open, by the name of the assumption.
    """

    name: str
    connectivity_model: ConnectivityModel
    circuits: tuple[Circuit, ...]
    customer: Customer
    azure: Azure
    expectations: tuple[Expectation, ...]
    other_customers: tuple[Customer, ...] = ()
    global_reach: tuple[GlobalReach, ...] = ()
    assumed: tuple[tuple[str, str], ...] = ()
    impairments: tuple[ImpairedWire, ...] = ()
    limits: Limits | None = None
