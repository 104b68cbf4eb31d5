"""Numbers that Microsoft documents, each with the document that it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp import Asn


class Tag(Enum):
    """How well a behaviour of Microsoft's side is known."""

    DOCUMENTED = "documented"
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
CUSTOM_COMMUNITIES = Source(document="how-to-configure-custom-bgp-communities.md", edition="2021-10-18")

MICROSOFT_ASN = Asn(12076)  # ROUTING: the peer of every peering
GATEWAY_ASN = Asn(65515)  # ROUTING: a VNet gateway
MICROSOFT_HOLD_TIME_S = 180  # FAQ: of Microsoft's edge, not changeable; the lower of the two ends is used
MICROSOFT_BFD_INTERVAL_MS = 300  # BFD: of Microsoft's edge, both ways, not to be shortened; the slower side wins
MICROSOFT_BFD_MULTIPLIER = 3  # assumed: that of the customer's side in every sample (BFD); Microsoft's is not published
RESERVED_ASNS = range(65515, 65521)  # ROUTING: kept for Microsoft's own use; a VNet gateway is 65515

LINK_BLOCK_LENGTH = {4: 30, 6: 126}  # ROUTING, by IP version
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
