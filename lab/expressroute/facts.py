"""Numbers that Microsoft documents, each with the document that it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp import Asn


class Tag(Enum):
    """How well a behaviour of Microsoft's side is known."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    """Seen in published output, and promised by nobody."""
    INFERRED = "inferred"
    """Follows from what is documented or observed."""
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document of Microsoft and the date of the edition that was read."""

    document: str
    edition: str

    def __str__(self) -> str:
        return f"{self.document}, {self.edition}"


ROUTING = Source(document="expressroute-routing.md", edition="2026-03-12")
BFD = Source(document="expressroute-bfd.md", edition="2023-06-30")
FAQ = Source(document="expressroute-faqs.md", edition="2026-03-31")
PORTAL_ROUTING = Source(document="expressroute-howto-routing-portal-resource-manager.md", edition="2019")
CIRCUIT_API = Source(document="Microsoft.Network expressRouteCircuit.json", edition="2024-05-01")
DIRECT = Source(document="expressroute-erdirect-about.md", edition="2026-03-02")
CIRCUIT_PEERINGS = Source(document="expressroute-circuit-peerings.md", edition="2026-08-27")
ROUTE_FILTER = Source(document="how-to-routefilter-cli.md", edition="2023-09-15")
OPTIMIZE_ROUTING = Source(document="expressroute-optimize-routing.md", edition="2023-06-15")
MAINTENANCE = Source(document="planned-maintenance.md", edition="2023-05-10")
GLOBAL_REACH = Source(document="expressroute-global-reach.md", edition="2019")
WORKFLOWS = Source(document="expressroute-workflows.md", edition="2023-06-30")
S2S_BACKUP = Source(document="use-s2s-vpn-as-backup-for-expressroute-privatepeering.md", edition="2022-12-27")
NAT = Source(document="expressroute-nat.md", edition="2019")
QOS = Source(document="expressroute-qos.md", edition="2023-06-30")
LOCATIONS_BY_PROVIDER = Source(document="expressroute-locations-providers.md", edition="2026-04-28")
CUSTOM_COMMUNITIES = Source(document="how-to-configure-custom-bgp-communities.md", edition="2021-10-18")

MICROSOFT_ASN = Asn(12076)  # ROUTING: the peer of every peering
GATEWAY_ASN = Asn(65515)  # ROUTING: a VNet gateway
MICROSOFT_HOLD_TIME_S = 180  # FAQ: of Microsoft's edge, not changeable; the lower of the two ends is used
MICROSOFT_BFD_INTERVAL_MS = 300  # BFD: of Microsoft's edge, both ways, not to be shortened; the slower side wins
RESERVED_ASNS = range(65515, 65521)  # ROUTING: kept for Microsoft's own use; a VNet gateway is 65515
DOCUMENTATION_ASNS = range(64496, 64512)  # ROUTING: not allowed in the path on Microsoft peering (RFC 5398)
MAINTENANCE_PREPENDS = 8  # MAINTENANCE: of 12076, towards the customer and towards the gateway

PRIVATE_PREFIX_LIMITS = {4: 4000, 6: 100}  # FAQ, CIRCUIT_PEERINGS: of a customer's session, by IP version
PRIVATE_PREFIX_LIMITS_PREMIUM = {4: 10000, 6: 100}  # FAQ, CIRCUIT_PEERINGS
PUBLIC_PREFIX_LIMITS = {4: 200, 6: 200}  # FAQ, CIRCUIT_PEERINGS: of a customer's session on Microsoft peering
GATEWAY_PREFIX_LIMITS = {4: 1000, 6: 100}  # FAQ: of a gateway's session with a circuit
GATEWAY_MOST_BYTES = 1400  # FAQ: of a TCP or UDP packet through a VNet gateway, which takes no fragments
ECMP_CIRCUITS = 4  # FAQ: the load is shared over at most so many circuits
CONNECTION_WEIGHTS = range(32001)  # OPTIMIZE_ROUTING: of the connection of a circuit, the highest wins

LINK_BLOCK_LENGTH = {4: 30, 6: 126}  # ROUTING, by IP version
GLOBAL_REACH_BLOCK_LENGTH = {4: 29, 6: 125}  # GLOBAL_REACH, by IP version
VLAN_IDS = range(1, 4095)  # IEEE 802.1Q §9.6: 0 and 4095 are no VLANs
MD5_KEY_LENGTH = 25  # PORTAL_ROUTING: at most, alphanumeric only
HOLD_TIMES_S = range(10, MICROSOFT_HOLD_TIME_S + 1)  # FAQ: from the lowest useful value to the one of Microsoft's edge
BANDWIDTHS_MBPS = {  # of a circuit through a provider
    "50 Mbps": 50,
    "100 Mbps": 100,
    "200 Mbps": 200,
    "500 Mbps": 500,
    "1 Gbps": 1000,
    "2 Gbps": 2000,
    "5 Gbps": 5000,
    "10 Gbps": 10000,
}
DIRECT_BANDWIDTHS_MBPS = {  # DIRECT: of a circuit on a port pair of the customer's own, which must be as fast
    "1 Gbps": 1000,
    "2 Gbps": 2000,
    "5 Gbps": 5000,
    "10 Gbps": 10000,
    "40 Gbps": 40000,
    "100 Gbps": 100000,
    "200 Gbps": 200000,
    "400 Gbps": 400000,
}
