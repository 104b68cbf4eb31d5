"""What the real circuit refuses: `RULES` lists the rules, and each function finds where a value breaks one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp import Address, Community, Prefix, parse_community
from lab.expressroute.communities import (
    REGION_NAMES,
    microsoft_community,
    private_peering_community,
)
from lab.expressroute.facts import (
    BANDWIDTHS_MBPS,
    BFD,
    CIRCUIT_API,
    CONNECTION_WEIGHTS,
    CUSTOM_COMMUNITIES,
    DIRECT,
    DIRECT_BANDWIDTHS_MBPS,
    FAQ,
    GATEWAY_MOST_BYTES,
    GLOBAL_REACH,
    GLOBAL_REACH_BLOCK_LENGTH,
    HOLD_TIMES_S,
    LINK_BLOCK_LENGTH,
    LOCATIONS_BY_PROVIDER,
    MD5_KEY_LENGTH,
    MICROSOFT_ASN,
    MICROSOFT_BFD_INTERVAL_MS,
    NAT,
    OPTIMIZE_ROUTING,
    PORTAL_ROUTING,
    RESERVED_ASNS,
    ROUTE_FILTER,
    ROUTING,
    VLAN_IDS,
    Source,
    Tag,
)
from lab.expressroute.locations import AREAS, LOCATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that Microsoft's side refuses, or that it is assumed to refuse."""

    id: str
    title: str
    source: Source
    tag: Tag = Tag.DOCUMENTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that a value breaks: what is wrong, and what would be right."""

    rule: Rule
    what: str
    meant: str = ""

    @property
    def hint(self) -> str:
        """What would be right, and who says so."""
        says = f"{self.rule.tag.value}: {self.rule.source}"
        return f"{self.meant} ({says})" if self.meant else says


BLOCK_LENGTH = Rule(id="ER001", title="A link block is a /30, or a /126 in IPv6", source=ROUTING)
BLOCK_HOSTS = Rule(
    id="ER002", title="The first host of a link block is the customer's, the second Microsoft's", source=ROUTING
)
OWN_ASN = Rule(id="ER003", title="The customer's AS is none of those that Microsoft reserves", source=ROUTING)
NOT_MICROSOFT_ASN = Rule(
    id="ER004", title="The customer's AS is not Microsoft's, 12076", source=ROUTING, tag=Tag.ASSUMED
)
ASN_RANGE = Rule(id="ER005", title="An AS number is from 1 to 4294967295", source=CIRCUIT_API)
VLAN_RANGE = Rule(id="ER006", title="A VLAN tag is from 1 to 4094", source=CIRCUIT_API, tag=Tag.ASSUMED)
MD5_KEY = Rule(id="ER007", title="An MD5 key is 1 to 25 letters and digits", source=PORTAL_ROUTING)
SAME_FAMILIES = Rule(id="ER008", title="Both links of a peering carry the same address families", source=ROUTING)
BLOCKS_APART = Rule(id="ER009", title="Link blocks do not overlap one another", source=ROUTING)
BLOCK_AND_VNET = Rule(id="ER010", title="Link blocks do not overlap a VNet", source=ROUTING)
BLOCK_AND_NETWORK = Rule(
    id="ER011", title="Link blocks do not overlap a customer network", source=ROUTING, tag=Tag.ASSUMED
)
VNETS_APART = Rule(id="ER012", title="VNets of a circuit do not overlap one another", source=FAQ, tag=Tag.ASSUMED)
VNET_AND_NETWORK = Rule(id="ER013", title="Customer networks do not overlap a VNet", source=ROUTING)
VNET_COMMUNITY = Rule(id="ER014", title="The community of a VNet is 12076:value", source=CUSTOM_COMMUNITIES)
VNET_COMMUNITY_VALUE = Rule(
    id="ER015",
    title="The value of a VNet's community is from 1 to 65535",
    source=CUSTOM_COMMUNITIES,
    tag=Tag.ASSUMED,
)
REGION = Rule(id="ER016", title="The region is one that Microsoft's documents name", source=ROUTING)
REGION_COMMUNITY = Rule(
    id="ER017", title="A region's community is the published one; only where none is, it may be given", source=ROUTING
)
HOLD_TIME = Rule(id="ER018", title="The hold time is from 10 to 180 seconds", source=FAQ)
BANDWIDTH = Rule(id="ER019", title="The bandwidth is one that providers sell", source=DIRECT)
BFD_INTERVAL = Rule(id="ER020", title="A BFD interval of the customer is 300 ms or longer", source=BFD)
PUBLIC_BLOCK = Rule(id="ER021", title="Link blocks of Microsoft peering are public", source=ROUTING)
PUBLIC_PREFIX = Rule(id="ER022", title="Advertised public prefixes are public, and no default route", source=ROUTING)
PUBLIC_ASN = Rule(
    id="ER023", title="On Microsoft peering the AS is public, or a public one is given for the prefixes", source=ROUTING
)
PEERING_VLANS = Rule(id="ER024", title="The peerings of a circuit have different VLANs", source=ROUTING)
DOT1Q_TAGS = Rule(id="ER025", title="With Dot1Q every peering on a port pair has a VLAN of its own", source=DIRECT)
S_TAG = Rule(id="ER026", title="A circuit on a port pair has an S-tag with QinQ, and none with Dot1Q", source=DIRECT)
S_TAGS = Rule(id="ER027", title="With QinQ every circuit on a port pair has an S-tag of its own", source=DIRECT)
REACH_OF_LOCAL = Rule(id="ER028", title="A circuit with the Local SKU has no Global Reach", source=GLOBAL_REACH)
REACH_BETWEEN_AREAS = Rule(
    id="ER029", title="Global Reach between geopolitical areas needs Premium on both circuits", source=GLOBAL_REACH
)
REACH_LOCATIONS = Rule(
    id="ER030", title="Global Reach joins circuits of different peering locations", source=GLOBAL_REACH
)
REACH_BLOCK = Rule(id="ER031", title="The block of Global Reach is a /29, or a /125 in IPv6", source=GLOBAL_REACH)
FILTER_COMMUNITY = Rule(
    id="ER032", title="A route filter names communities of regions and services", source=ROUTE_FILTER
)
FILTER_AUTHORIZATION = Rule(
    id="ER033", title="A route filter names Microsoft 365 only where that is authorised", source=ROUTE_FILTER
)
WEIGHT = Rule(id="ER034", title="The weight of a connection is from 0 to 32000", source=OPTIMIZE_ROUTING)
DIRECT_BANDWIDTH = Rule(id="ER035", title="The bandwidth is one that ExpressRoute Direct has", source=DIRECT)
LOCATION = Rule(
    id="ER036",
    title="Where it matters what is in reach, the peering location is a published one",
    source=LOCATIONS_BY_PROVIDER,
)
LOCAL_LOCATION = Rule(id="ER037", title="The Local SKU is sold at the peering location", source=LOCATIONS_BY_PROVIDER)
ENCAPSULATION = Rule(id="ER038", title="All circuits on a port pair have its one encapsulation", source=DIRECT)
POOL_ADDRESSES = Rule(id="ER039", title="Sources are translated to public IPv4 addresses", source=NAT)
POOL_REGISTERED = Rule(
    id="ER040", title="A NAT pool is inside an advertised public prefix", source=NAT, tag=Tag.INFERRED
)
POOLS_APART = Rule(
    id="ER041", title="Each router that translates has a NAT pool of its own", source=NAT, tag=Tag.INFERRED
)
SERVICE_PREFIX = Rule(id="ER042", title="The prefixes of a public service are public", source=ROUTING, tag=Tag.INFERRED)
REGION_IN_REACH = Rule(
    id="ER043",
    title="The VNets' region is one that the circuit's SKU reaches from its peering location",
    source=FAQ,
    tag=Tag.INFERRED,
)
GATEWAY_SIZE = Rule(
    id="ER044",
    title="No packet of more than 1400 bytes crosses the gateway of a VNet",
    source=FAQ,
    tag=Tag.INFERRED,
)

RULES = (
    BLOCK_LENGTH,
    BLOCK_HOSTS,
    OWN_ASN,
    NOT_MICROSOFT_ASN,
    ASN_RANGE,
    VLAN_RANGE,
    MD5_KEY,
    SAME_FAMILIES,
    BLOCKS_APART,
    BLOCK_AND_VNET,
    BLOCK_AND_NETWORK,
    VNETS_APART,
    VNET_AND_NETWORK,
    VNET_COMMUNITY,
    VNET_COMMUNITY_VALUE,
    REGION,
    REGION_COMMUNITY,
    HOLD_TIME,
    BANDWIDTH,
    BFD_INTERVAL,
    PUBLIC_BLOCK,
    PUBLIC_PREFIX,
    PUBLIC_ASN,
    PEERING_VLANS,
    DOT1Q_TAGS,
    S_TAG,
    S_TAGS,
    REACH_OF_LOCAL,
    REACH_BETWEEN_AREAS,
    REACH_LOCATIONS,
    REACH_BLOCK,
    FILTER_COMMUNITY,
    FILTER_AUTHORIZATION,
    WEIGHT,
    DIRECT_BANDWIDTH,
    LOCATION,
    LOCAL_LOCATION,
    ENCAPSULATION,
    POOL_ADDRESSES,
    POOL_REGISTERED,
    POOLS_APART,
    SERVICE_PREFIX,
    REGION_IN_REACH,
    GATEWAY_SIZE,
)
"""Every rule, in the order of its id."""


def link_block(block: Prefix) -> Finding | None:
    """Whether a link block has the one length that Microsoft takes."""
    length = LINK_BLOCK_LENGTH[block.version]
    if block.prefixlen == length:
        return None
    if block.prefixlen == length - 1:
        low = block.network_address
        meant = f"write its halves, {low}/{length} for the primary link and {low + 4}/{length} for the secondary"
    else:
        meant = f"give each link a /{length} of its own"
    return Finding(
        rule=BLOCK_LENGTH, what=f"a link block is a /{length}, and {block} is a /{block.prefixlen}", meant=meant
    )


def customer_host(block: Prefix, address: Address) -> Finding | None:
    """Whether the customer's address is the first host of its block."""
    return _host(block, address, 1, "the customer's address", "first")


def microsoft_host(block: Prefix, address: Address) -> Finding | None:
    """Whether Microsoft's address is the second host of its block."""
    return _host(block, address, 2, "Microsoft's address", "second")


def _host(block: Prefix, address: Address, number: int, whose: str, ordinal: str) -> Finding | None:
    right = block.network_address + number
    if address == right:
        return None
    what = f"{whose} is the {ordinal} host of {block}, and {address} is not"
    return Finding(rule=BLOCK_HOSTS, what=what, meant=f"write {right}")


def customer_asn(asn: int) -> Finding | None:
    """Whether a customer can peer from an AS."""
    if not 1 <= asn <= 0xFFFFFFFF:
        return Finding(rule=ASN_RANGE, what=f"AS number {asn} is out of range", meant="from 1 to 4294967295")
    if asn in RESERVED_ASNS:
        reserved = f"{RESERVED_ASNS[0]} to {RESERVED_ASNS[-1]}"
        return Finding(rule=OWN_ASN, what=f"AS {asn} is reserved by Microsoft", meant=f"use one outside of {reserved}")
    if asn == MICROSOFT_ASN:
        return Finding(rule=NOT_MICROSOFT_ASN, what=f"AS {asn} is Microsoft's own", meant="write the customer's")
    return None


def vlan_id(tag: int) -> Finding | None:
    """Whether a number is a VLAN tag, inner or outer."""
    if tag in VLAN_IDS:
        return None
    return Finding(rule=VLAN_RANGE, what=f"{tag} is no VLAN tag", meant="from 1 to 4094")


def md5_key(key: str) -> Finding | None:
    """Whether Azure takes an MD5 key. The finding never shows it."""
    if not 1 <= len(key) <= MD5_KEY_LENGTH:
        return Finding(rule=MD5_KEY, what=f"the key has {len(key)} characters", meant=f"1 to {MD5_KEY_LENGTH}")
    if not (key.isascii() and key.isalnum()):
        return Finding(rule=MD5_KEY, what="the key has characters that Azure refuses", meant="only a-z, A-Z and 0-9")
    return None


def vnet_community(text: str) -> Finding | None:
    """Whether a text can be the custom community of a VNet."""
    example = f"such as {microsoft_community(20001)}"
    try:
        asn, _, value = parse_community(text).partition(":")
    except ValueError:
        return Finding(rule=VNET_COMMUNITY, what=f"{text!r} is not {MICROSOFT_ASN}:value", meant=example)
    if int(asn) != MICROSOFT_ASN:
        what = f"the community of a VNet starts with {MICROSOFT_ASN}: and {text!r} does not"
        return Finding(rule=VNET_COMMUNITY, what=what, meant=example)
    if value == "0":
        return Finding(rule=VNET_COMMUNITY_VALUE, what=f"{text!r} has no value", meant=example)
    return None


def region(name: str) -> Finding | None:
    """Whether a region is known."""
    if name in REGION_NAMES:
        return None
    return Finding(rule=REGION, what=f"region {name!r} is not known")


def regional_community(region_name: str, given: Community | None, *, needed: bool) -> Finding | None:
    """Whether a region's community may be given, or must be because a VNet shows it."""
    published = private_peering_community(region_name)
    if given is not None and published is not None and given != published:
        what = f"the community of {region_name} is {published}, not {given}"
        return Finding(rule=REGION_COMMUNITY, what=what, meant="leave it out")
    if given is None and published is None and needed:
        what = f"no community is published for {region_name}, and a VNet with a community shows it too"
        return Finding(rule=REGION_COMMUNITY, what=what, meant="give the one that Azure shows as regional_community")
    return None


def hold_time(seconds: int) -> Finding | None:
    """Whether a hold time is useful towards Microsoft, who offers 180 s; the lower of the two is used."""
    if seconds in HOLD_TIMES_S:
        return None
    low, high = HOLD_TIMES_S[0], HOLD_TIMES_S[-1]
    return Finding(rule=HOLD_TIME, what=f"{seconds} s is no useful hold time", meant=f"{low} s to {high} s")


def bfd_interval(interval_ms: int) -> Finding | None:
    """Whether a BFD interval has an effect: Microsoft's side has its own, and the slower one is used."""
    if interval_ms >= MICROSOFT_BFD_INTERVAL_MS:
        return None
    low = MICROSOFT_BFD_INTERVAL_MS
    what = f"{interval_ms} ms would have no effect: Microsoft's side has {low} ms, and the slower one is used"
    return Finding(rule=BFD_INTERVAL, what=what, meant=f"write {low} ms or more")


def bandwidth(text: str) -> Finding | None:
    """Whether a bandwidth is sold."""
    if text in BANDWIDTHS_MBPS:
        return None
    return Finding(
        rule=BANDWIDTH, what=f"{text!r} is not sold by providers", meant=f"one of {', '.join(BANDWIDTHS_MBPS)}"
    )


class Kind(Enum):
    """What a prefix is used for."""

    LINK = "link"
    VNET = "VNet"
    NETWORK = "network"
    SERVICE = "service"
    POOL = "NAT pool"


_OVERLAP = {
    (Kind.LINK, Kind.LINK): BLOCKS_APART,
    (Kind.LINK, Kind.VNET): BLOCK_AND_VNET,
    (Kind.LINK, Kind.NETWORK): BLOCK_AND_NETWORK,
    (Kind.VNET, Kind.VNET): VNETS_APART,
    (Kind.VNET, Kind.NETWORK): VNET_AND_NETWORK,
    (Kind.POOL, Kind.POOL): POOLS_APART,
}


def overlap_rule(one: Kind, other: Kind) -> Rule | None:
    """The rule that keeps two kinds of prefixes apart; two customer networks are no business of Microsoft."""
    return _OVERLAP.get((one, other)) or _OVERLAP.get((other, one))


def same_families(missing: str, lacking: str, carrying: str) -> Finding:
    """The finding that a family is on one link only."""
    what = f"{missing} is on the {carrying} link only"
    return Finding(rule=SAME_FAMILIES, what=what, meant=f"give the {lacking} link a block of {missing} too")


# tags and bandwidths


def peering_vlans(one: int, other: int) -> Finding | None:
    """Whether two peerings of a circuit can be told apart."""
    what = f"VLAN {one} is that of two peerings of the circuit"
    return Finding(rule=PEERING_VLANS, what=what, meant="give each its own") if one == other else None


def dot1q_tags(one: int, other: int) -> Finding | None:
    """Whether two peerings on a port pair with Dot1Q can be told apart."""
    what = f"VLAN {one} is that of two peerings on the port pair"
    return Finding(rule=DOT1Q_TAGS, what=what, meant="give each its own, or use QinQ") if one == other else None


def s_tag(number: int | None, *, qinq: bool) -> Finding | None:
    """Whether a circuit on a port pair has an S-tag where it needs one."""
    if (number is None) is not qinq:
        return None
    if qinq:
        return Finding(rule=S_TAG, what="with QinQ a circuit has an S-tag", meant="write s_tag, 1 to 4094")
    return Finding(rule=S_TAG, what=f"with Dot1Q there is no S-tag, and {number} is one", meant="leave it out")


def s_tags(one: int, other: int) -> Finding | None:
    """Whether two circuits on a port pair with QinQ can be told apart."""
    what = f"S-tag {one} is that of two circuits on the port pair"
    return Finding(rule=S_TAGS, what=what, meant="give each its own") if one == other else None


def encapsulations(one: str, other: str) -> Finding | None:
    """Whether two circuits on a port pair agree on what is its own property."""
    what = f"one circuit on the port pair has {one} and this one {other}"
    return Finding(rule=ENCAPSULATION, what=what, meant="give all the same") if one != other else None


def direct_bandwidth(text: str) -> Finding | None:
    """Whether a circuit on a port pair of ExpressRoute Direct can have a bandwidth."""
    if text in DIRECT_BANDWIDTHS_MBPS:
        return None
    meant = f"one of {', '.join(DIRECT_BANDWIDTHS_MBPS)}"
    return Finding(rule=DIRECT_BANDWIDTH, what=f"{text!r} is no bandwidth of ExpressRoute Direct", meant=meant)


# connections, locations and Global Reach


def connection_weight(weight: int) -> Finding | None:
    """Whether a connection can have a weight."""
    if weight in CONNECTION_WEIGHTS:
        return None
    meant = f"{CONNECTION_WEIGHTS[0]} to {CONNECTION_WEIGHTS[-1]}, the highest wins"
    return Finding(rule=WEIGHT, what=f"{weight} is no weight of a connection", meant=meant)


def peering_location(name: str) -> Finding | None:
    """Whether it is known what is in reach of a peering location."""
    if name in LOCATIONS:
        return None
    return Finding(rule=LOCATION, what=f"peering location {name!r} is not known", meant="such as Amsterdam")


def local_location(name: str) -> Finding | None:
    """Whether a circuit with the Local SKU can be at a known peering location."""
    location = LOCATIONS.get(name)
    if location is None or location.local_regions:
        return None
    return Finding(rule=LOCAL_LOCATION, what=f"the Local SKU is not sold at {name}", meant="write standard or premium")


def region_in_reach(region_name: str, sku: str, location: str) -> Finding | None:
    """Whether a circuit can be joined to the VNets of a region. What the lab cannot tell it lets pass."""
    known = LOCATIONS.get(location)
    area = next((area for area, regions in AREAS.items() if region_name in regions), None)
    if known is None or area is None or sku == "premium":
        return None
    local = sku == "local"
    if region_name in known.local_regions if local else area == known.area:
        return None
    if local:
        what = f"from {location} the Local SKU reaches {' and '.join(known.local_regions) or 'nothing'}"
    else:
        what = f"from {location} the Standard SKU reaches {known.area}, and {region_name} is in {area}"
    return Finding(rule=REGION_IN_REACH, what=what, meant="use another SKU or peering location")


def global_reach(skus: tuple[str, str], locations: tuple[str, str]) -> Finding | None:
    """Whether two circuits can be joined, given their SKUs and peering locations."""
    if "local" in skus:
        what = "a circuit with the Local SKU has no Global Reach"
        return Finding(rule=REACH_OF_LOCAL, what=what, meant="write standard or premium")
    if locations[0] == locations[1]:
        return Finding(rule=REACH_LOCATIONS, what=f"both circuits are at {locations[0]}", meant="use two locations")
    areas = [LOCATIONS[name].area for name in locations if name in LOCATIONS]
    if len(set(areas)) > 1 and set(skus) != {"premium"}:
        what = f"{locations[0]} is in {areas[0]} and {locations[1]} in {areas[1]}"
        return Finding(rule=REACH_BETWEEN_AREAS, what=what, meant="both circuits need the Premium SKU")
    return None


def global_reach_block(block: Prefix) -> Finding | None:
    """Whether a block has the length that Global Reach takes."""
    length = GLOBAL_REACH_BLOCK_LENGTH[block.version]
    if block.prefixlen == length:
        return None
    what = f"the block of Global Reach is a /{length}, and {block} is not"
    return Finding(rule=REACH_BLOCK, what=what, meant="both links get a half of it")


def gateway_size(packet_bytes: int) -> Finding | None:
    """Whether a packet of a size can get from or to a VNet."""
    if packet_bytes <= GATEWAY_MOST_BYTES:
        return None
    what = f"bytes: a gateway forwards packets of {GATEWAY_MOST_BYTES} bytes at most"
    meant = f"{GATEWAY_MOST_BYTES}, or assume gateway_packet_limit: none, as with FastPath"
    return Finding(rule=GATEWAY_SIZE, what=what, meant=meant)
