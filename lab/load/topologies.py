"""What the parts of a topology file say together: the checks, and the model that comes out when all hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from lab.bgp import Community, Family, Prefix, family_of
from lab.errors import Mistake
from lab.expressroute import rules
from lab.expressroute.communities import private_peering_community
from lab.expressroute.rules import Finding, Kind
from lab.load.edges import check_edges, to_edge_bgp, to_session_rules
from lab.load.expectations import check_expectation, to_expectation
from lab.load.names import LINKS, names_of
from lab.load.overlaps import Claim, overlaps
from lab.load.reading import Reading
from lab.load.source import SourceFile, Step
from lab.load.topology_documents import BfdDocument, LinkBlockDocument, TopologyDocument
from lab.plan.addressing import LAN_HOST, VNET_HOST
from lab.policy import Policy
from lab.topology import (
    Azure,
    Bfd,
    Circuit,
    ConnectivityModel,
    Customer,
    Link,
    LinkSubnet,
    Network,
    PrivatePeering,
    Provider,
    Topology,
    VirtualNetwork,
)

TopologyReading = Reading[TopologyDocument]

NETWORKS = ("customer", "networks")
VNETS = ("azure", "vnets")
PRIVATE = ("peerings", "private")


def check_topology(reading: TopologyReading, policies: Collection[str] | None) -> Iterator[Mistake]:
    """Every mistake that no single value shows. `policies` are the known names, None where they are not known."""
    names = names_of(reading)
    yield from _names(reading)
    yield from _links(reading)
    yield from _prefixes(reading)
    yield from _region(reading)
    yield from check_edges(reading, names, policies)
    for index in range(reading.count("expect")):
        item = reading.part("expect", index)
        if item is not None:
            yield from check_expectation(item, ("expect", index), names, reading.source)


def _by(source: SourceFile, path: tuple[Step, ...], finding: Finding | None) -> Iterator[Mistake]:
    if finding is not None:
        yield source.mistake(path, f"{finding.rule.id}: {finding.what}", finding.hint)


def _names(reading: TopologyReading) -> Iterator[Mistake]:
    """Nodes have names of their own."""
    first: dict[str, str] = {}
    routers = [("customer", "routers", index) for index in range(reading.count("customer", "routers"))]
    for path in routers:
        name = reading.part(*path)
        if name in first:
            yield reading.source.mistake(path, f"router {name!r} is here twice", "one name alone puts both links on it")
        elif name is not None:
            first[name] = "router"
    for what, where in (("network", NETWORKS), ("VNet", VNETS)):
        for name in reading.keys(*where) or ():
            if name in first:
                wrong = f"{what} {name!r} has the name of a {first[name]}"
                yield reading.source.mistake((*where, name), wrong, "give each node a name of its own", at_key=True)
            first.setdefault(name, what)


def _links(reading: TopologyReading) -> Iterator[Mistake]:
    """Each link has one block of each family, with Microsoft's addresses in it, and both links the same families."""
    carried: dict[str, set[Family] | None] = {}
    for link in LINKS:
        path = (*PRIVATE, link)
        families: set[Family] = set()
        count = reading.count(*path)
        blocks = [(index, reading.part(*path, index)) for index in range(count)]
        for index, block in blocks:
            if block is None:
                continue
            family = family_of(block.subnet)
            if family in families:
                what = f"{link}: has two {family.value} blocks"
                yield reading.source.mistake((*path, index), what, "one for each address family")
            families.add(family)
            yield from _hosts(reading.source, (*path, index), block)
        carried[link] = families if count and all(block for _, block in blocks) else None
    for link, other in (LINKS, LINKS[::-1]):
        here, there = carried[link], carried[other]
        if here is not None and there is not None:
            for family in sorted(there - here, key=lambda f: f.value):
                finding = rules.same_families(family.value, lacking=link, carrying=other)
                yield from _by(reading.source, (*PRIVATE, link), finding)


def _hosts(source: SourceFile, path: tuple[Step, ...], block: LinkBlockDocument) -> Iterator[Mistake]:
    if block.customer is not None:
        yield from _by(source, (*path, "customer"), rules.customer_host(block.subnet, block.customer))
    if block.microsoft is not None:
        yield from _by(source, (*path, "microsoft"), rules.microsoft_host(block.subnet, block.microsoft))


def _prefixes(reading: TopologyReading) -> Iterator[Mistake]:
    """Prefixes do not overlap, and those with a host have room for it."""
    claims = list(_claims(reading))
    for claim, what, meant in overlaps(claims):
        yield reading.source.mistake(claim.path, what, meant)
    for claim in claims:
        number = {Kind.NETWORK: LAN_HOST, Kind.VNET: VNET_HOST, Kind.LINK: 0}[claim.kind]
        if claim.prefix.num_addresses < number + 2:
            longest = claim.prefix.max_prefixlen - (number + 1).bit_length()
            what = f"{claim.prefix} of {claim.kind.value} {claim.name} is too small"
            meant = f"the lab's host there has the address with number {number}: a /{longest} is the smallest"
            yield reading.source.mistake(claim.path, what, meant)


def _claims(reading: TopologyReading) -> Iterator[Claim]:
    """Every prefix that could be read."""
    for link in LINKS:
        for index in range(reading.count(*PRIVATE, link)):
            block = reading.part(*PRIVATE, link, index)
            if block is not None:
                yield Claim(kind=Kind.LINK, name=link, prefix=block.subnet, path=(*PRIVATE, link, index))
    for kind, where, inner in ((Kind.NETWORK, NETWORKS, ()), (Kind.VNET, VNETS, ("prefixes",))):
        for name in reading.keys(*where) or ():
            for index in range(reading.count(*where, name, *inner)):
                path = (*where, name, *inner, index)
                prefix = reading.part(*path)
                if prefix is not None:
                    yield Claim(kind=kind, name=name, prefix=prefix, path=path)


def _region(reading: TopologyReading) -> Iterator[Mistake]:
    """The region's community is known where a VNet shows it."""
    region = reading.part("azure", "region")
    if region is None:
        return
    given = reading.part("azure", "regional_community")
    needed = any(reading.part(*VNETS, name, "community") for name in reading.keys(*VNETS) or ())
    path = ("azure", "region") if given is None else ("azure", "regional_community")
    yield from _by(reading.source, path, rules.regional_community(region, given, needed=needed))


# conversion


def to_topology(document: TopologyDocument, source: SourceFile, policies: Mapping[str, Policy]) -> Topology:
    """The model of a document without mistakes."""
    customer = document.customer
    return Topology(
        name=document.name,
        connectivity_model=ConnectivityModel(document.connectivity_model),
        circuit=Circuit(
            sku=document.circuit.sku,
            bandwidth_mbps=document.circuit.bandwidth,
            peering_location=document.circuit.peering_location,
            provider=Provider(s_tag=document.circuit.provider.s_tag),
        ),
        customer=Customer(
            asn=customer.asn,
            routers=tuple(customer.routers),
            networks=tuple(_network(name, prefixes) for name, prefixes in customer.networks.items()),
            bgp=tuple((router, to_edge_bgp(edge, policies)) for router, edge in (customer.bgp or {}).items()),
        ),
        private_peering=_private_peering(document, policies),
        azure=_azure(document),
        expectations=tuple(
            to_expectation(item, source.where(("expect", index))) for index, item in enumerate(document.expect)
        ),
    )


def _network(name: str, prefixes: list[Prefix]) -> Network:
    return Network(name=name, prefixes=tuple(prefixes))


def _private_peering(document: TopologyDocument, policies: Mapping[str, Policy]) -> PrivatePeering:
    private = document.peerings.private
    links = ((Link.PRIMARY, private.primary), (Link.SECONDARY, private.secondary))
    written = (private.policies or {}).items()
    optional = {} if private.hold_time is None else {"hold_time_s": private.hold_time}
    return PrivatePeering(
        vlan_id=private.vlan_id,
        subnets=tuple(LinkSubnet(link=link, prefix=block.subnet) for link, blocks in links for block in blocks),
        rules=tuple((router, to_session_rules(edge, policies)) for router, edge in written),
        md5=private.md5,
        customer_md5=tuple((private.customer_md5 or {}).items()),
        bfd=None if private.bfd is None else _bfd(private.bfd),
        **optional,
    )


def _bfd(document: BfdDocument) -> Bfd:
    written = {"interval_ms": document.interval, "multiplier": document.multiplier}
    return Bfd(**{name: value for name, value in written.items() if value is not None})


def _azure(document: TopologyDocument) -> Azure:
    azure = document.azure
    regional: Community | None = azure.regional_community or private_peering_community(azure.region)
    return Azure(
        region=azure.region,
        regional_community=regional,
        vnets=tuple(
            VirtualNetwork(network=_network(name, vnet.prefixes), community=vnet.community)
            for name, vnet in azure.vnets.items()
        ),
    )
