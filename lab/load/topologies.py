"""What the parts of a topology file say together: the checks of what no single value shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lab.bgp import Family, family_of
from lab.errors import Mistake
from lab.expressroute import public_rules, rules
from lab.expressroute.rules import Finding, Kind
from lab.expressroute.services import BY_NAME
from lab.load.circuit_rules import check_circuits
from lab.load.edges import check_edges
from lab.load.expectations import check_expectation
from lab.load.impairments import check_impairments
from lab.load.models import check_model
from lab.load.names import LINKS, names_of
from lab.load.node_names import check_node_names
from lab.load.overlaps import Claim, overlaps
from lab.load.peering_documents import LinkBlockDocument
from lab.load.places import Path, SitePlace, TopologyReading, other_site_places, peering_places, site_places
from lab.load.qos import check_qos
from lab.load.queues import check_queues
from lab.load.source import SourceFile
from lab.plan.addressing import LAN_HOST, VNET_HOST
from lab.topology import RoutingDomain

VNETS = ("azure", "vnets")
SERVICES = ("azure", "services")
_HOST_IN = {Kind.NETWORK: LAN_HOST, Kind.VNET: VNET_HOST, Kind.SERVICE: VNET_HOST}
"""The number of the address that the lab's host has in a prefix."""
_Claimant = tuple[Kind, str, Path, Path]


def check_topology(reading: TopologyReading, policies: Collection[str] | None) -> Iterator[Mistake]:
    """Every mistake that no single value shows. `policies` are the known names, None where they are not known."""
    names = names_of(reading)
    yield from check_model(reading)
    yield from check_circuits(reading)
    yield from check_node_names(reading)
    for _, _, path in peering_places(reading):
        yield from _links(reading, path)
    for path in _single_blocks(reading):
        yield from _one_of_each_family(reading, path)
    yield from _prefixes(reading)
    yield from _region(reading)
    yield from check_edges(reading, names, policies)
    yield from check_qos(reading)
    yield from check_queues(reading)
    yield from check_impairments(reading)
    for index in range(reading.count("expect")):
        item = reading.part("expect", index)
        if item is not None:
            yield from check_expectation(item, ("expect", index), names, reading.source)


def _by(source: SourceFile, path: Path, finding: Finding | None) -> Iterator[Mistake]:
    if finding is not None:
        yield source.mistake(path, f"{finding.rule.id}: {finding.what}", finding.hint)


def _links(reading: TopologyReading, peering: Path) -> Iterator[Mistake]:
    """Each link has one block of each family, with Microsoft's addresses in it, and both links the same families."""
    carried: dict[str, set[Family] | None] = {}
    for link in LINKS:
        path = (*peering, link)
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
                yield from _by(reading.source, (*peering, link), finding)
    for index in range(reading.count(*peering, "disabled")):
        family = reading.part(*peering, "disabled", index)
        known = [found for found in carried.values() if found is not None]
        if family is not None and len(known) == len(carried) and not any(family in found for found in known):
            what = f"disabled: the peering has no {family.value}"
            yield reading.source.mistake(
                (*peering, "disabled", index), what, "leave it out, or give both links a block"
            )


def _single_blocks(reading: TopologyReading) -> Iterator[Path]:
    """Where the blocks of the customers' lines to a provider and of Global Reach are."""
    for site in (*site_places(reading), *other_site_places(reading)):
        for edge in reading.keys(*site.path, "access") or ():
            yield (*site.path, "access", edge, "subnet")
    for index in range(reading.count("global_reach")):
        yield ("global_reach", index, "subnet")


def _one_of_each_family(reading: TopologyReading, path: Path) -> Iterator[Mistake]:
    families: set[Family] = set()
    for index in range(reading.count(*path)):
        block = reading.part(*path, index)
        if block is None:
            continue
        family = family_of(block)
        if family in families:
            what = f"subnet: has two {family.value} blocks"
            yield reading.source.mistake((*path, index), what, "one for each address family")
        families.add(family)


def _hosts(source: SourceFile, path: Path, block: LinkBlockDocument) -> Iterator[Mistake]:
    if block.customer is not None:
        yield from _by(source, (*path, "customer"), rules.customer_host(block.subnet, block.customer))
    if block.microsoft is not None:
        yield from _by(source, (*path, "microsoft"), rules.microsoft_host(block.subnet, block.microsoft))


def _prefixes(reading: TopologyReading) -> Iterator[Mistake]:
    """Prefixes do not overlap, and those with a host have room for it. Each customer of a provider has a VPN."""
    vpns: dict[str, list[SitePlace]] = {}
    for site in other_site_places(reading):
        vpns.setdefault(site.customer, []).append(site)
    own = [*_shipped(reading), *_claims(reading, _claimants(reading)), *_pools(reading)]
    for claims in (own, *(list(_claims(reading, _claimants_at(reading, sites))) for sites in vpns.values())):
        for claim, what, meant in overlaps(claims):
            yield reading.source.mistake(claim.path, what, meant)
        for claim in claims:
            yield from _room(reading, claim)


def _room(reading: TopologyReading, claim: Claim) -> Iterator[Mistake]:
    number = _HOST_IN.get(claim.kind)
    if number is not None and claim.prefix.num_addresses < number + 2:
        longest = claim.prefix.max_prefixlen - (number + 1).bit_length()
        what = f"{claim.prefix} of {claim.kind.value} {claim.name} is too small"
        meant = f"the lab's host there has the address with number {number}: a /{longest} is the smallest"
        yield reading.source.mistake(claim.path, what, meant)


def _claims(reading: TopologyReading, claimants: Iterable[_Claimant]) -> Iterator[Claim]:
    """Every prefix that could be read."""
    for kind, name, path, inner in claimants:
        for index in range(reading.count(*path)):
            prefix = reading.part(*path, index, *inner)
            if prefix is not None:
                yield Claim(kind=kind, name=name, prefix=prefix, path=(*path, index))


def _claimants(reading: TopologyReading) -> Iterator[_Claimant]:
    """What uses prefixes, but for other customers: its kind and name, where its list is, and the way into an item."""
    for circuit, _, peering in peering_places(reading):
        for link in LINKS:
            yield Kind.LINK, f"{circuit.name} {link}".strip(), (*peering, link), ("subnet",)
    yield from _claimants_at(reading, site_places(reading))
    for kind, where in ((Kind.VNET, VNETS), (Kind.SERVICE, SERVICES)):
        for name in reading.keys(*where) or ():
            yield kind, name, (*where, name, "prefixes"), ()
    for index in range(reading.count("global_reach")):
        named = " and ".join(reading.part("global_reach", index, "circuits") or ())
        yield Kind.LINK, f"of Global Reach between {named}", ("global_reach", index, "subnet"), ()


def _shipped(reading: TopologyReading) -> Iterator[Claim]:
    """The prefixes of services that come with the lab."""
    for name in reading.keys(*SERVICES) or ():
        service = reading.part(*SERVICES, name)
        if service is not None and service.prefixes is None and name in BY_NAME:
            for prefix in BY_NAME[name].prefixes:
                yield Claim(kind=Kind.SERVICE, name=name, prefix=prefix, path=(*SERVICES, name))


def _pools(reading: TopologyReading) -> Iterator[Claim]:
    """The pools that sources are translated to: one address is that of one translator, and of nothing else."""
    public = (one for one in peering_places(reading) if one[1] is RoutingDomain.MICROSOFT)
    for circuit, _, peering in public:
        for key in ("pool", *LINKS):
            path = (*peering, "nat", key)
            pool = reading.part(*path)
            if pool is not None and public_rules.nat_pool(pool, None) is None:
                name = f"{circuit.name} {key}".strip() if key in LINKS else circuit.name or "of both links"
                yield Claim(kind=Kind.POOL, name=name, prefix=pool, path=path)


def _claimants_at(reading: TopologyReading, sites: Iterable[SitePlace]) -> Iterator[_Claimant]:
    """What uses prefixes at the sites of one customer."""
    for site in sites:
        for name in reading.keys(*site.path, "networks") or ():
            yield Kind.NETWORK, name, (*site.path, "networks", name), ()
        for edge in reading.keys(*site.path, "access") or ():
            yield Kind.LINK, f"of {edge}'s line", (*site.path, "access", edge, "subnet"), ()


def _region(reading: TopologyReading) -> Iterator[Mistake]:
    """The region's community is known where a VNet shows it."""
    region = reading.part("azure", "region")
    if region is None:
        return
    given = reading.part("azure", "regional_community")
    needed = any(reading.part(*VNETS, name, "community") for name in reading.keys(*VNETS) or ())
    path = ("azure", "region") if given is None else ("azure", "regional_community")
    yield from _by(reading.source, path, rules.regional_community(region, given, needed=needed))
