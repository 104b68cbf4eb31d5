"""What the parts of a topology file say together: the checks of what no single value shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lab.bgp import Family, family_of
from lab.errors import Mistake
from lab.expressroute import rules
from lab.expressroute.rules import Finding, Kind
from lab.load.circuit_rules import check_circuits
from lab.load.edges import check_edges
from lab.load.expectations import check_expectation
from lab.load.models import check_model
from lab.load.names import LINKS, names_of
from lab.load.overlaps import Claim, overlaps
from lab.load.peering_documents import LinkBlockDocument
from lab.load.places import Path, TopologyReading, other_site_places, peering_places, site_places
from lab.load.source import SourceFile
from lab.plan.addressing import LAN_HOST, VNET_HOST

VNETS = ("azure", "vnets")
SERVICES = ("azure", "services")


def check_topology(reading: TopologyReading, policies: Collection[str] | None) -> Iterator[Mistake]:
    """Every mistake that no single value shows. `policies` are the known names, None where they are not known."""
    names = names_of(reading)
    yield from check_model(reading)
    yield from check_circuits(reading)
    yield from _names(reading)
    for _, _, path in peering_places(reading):
        yield from _links(reading, path)
    yield from _prefixes(reading)
    yield from _region(reading)
    yield from check_edges(reading, names, policies)
    for index in range(reading.count("expect")):
        item = reading.part("expect", index)
        if item is not None:
            yield from check_expectation(item, ("expect", index), names, reading.source)


def _by(source: SourceFile, path: Path, finding: Finding | None) -> Iterator[Mistake]:
    if finding is not None:
        yield source.mistake(path, f"{finding.rule.id}: {finding.what}", finding.hint)


def _names(reading: TopologyReading) -> Iterator[Mistake]:
    """Nodes have names of their own."""
    first: dict[str, str] = {}
    sites = [*site_places(reading), *other_site_places(reading)]
    for path in [(*site.path, "routers") for site in sites]:
        for index in range(reading.count(*path)):
            name = reading.part(*path, index)
            if name in first:
                meant = "one name alone puts both links on it"
                yield reading.source.mistake((*path, index), f"router {name!r} is here twice", meant)
            elif name is not None:
                first[name] = "router"
    sides = [("network", (*site.path, "networks")) for site in sites]
    for what, where in (*sides, ("VNet", VNETS), ("service", SERVICES)):
        for name in reading.keys(*where) or ():
            if name in first:
                wrong = f"{what} {name!r} has the name of a {first[name]}"
                yield reading.source.mistake((*where, name), wrong, "give each node a name of its own", at_key=True)
            first.setdefault(name, what)


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


def _hosts(source: SourceFile, path: Path, block: LinkBlockDocument) -> Iterator[Mistake]:
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
        number = {Kind.NETWORK: LAN_HOST, Kind.LINK: 0}.get(claim.kind, VNET_HOST)
        if claim.prefix.num_addresses < number + 2:
            longest = claim.prefix.max_prefixlen - (number + 1).bit_length()
            what = f"{claim.prefix} of {claim.kind.value} {claim.name} is too small"
            meant = f"the lab's host there has the address with number {number}: a /{longest} is the smallest"
            yield reading.source.mistake(claim.path, what, meant)


def _claims(reading: TopologyReading) -> Iterator[Claim]:
    """Every prefix that could be read, but for those of other customers, which are in a VPN of their own."""
    for kind, name, path, inner in _claimants(reading):
        for index in range(reading.count(*path)):
            prefix = reading.part(*path, index, *inner)
            if prefix is not None:
                yield Claim(kind=kind, name=name, prefix=prefix, path=(*path, index))


def _claimants(reading: TopologyReading) -> Iterator[tuple[Kind, str, Path, Path]]:
    """What uses prefixes: its kind and name, where its list of prefixes is, and the way into an item of that."""
    for circuit, _, peering in peering_places(reading):
        for link in LINKS:
            yield Kind.LINK, f"{circuit.name} {link}".strip(), (*peering, link), ("subnet",)
    for site in site_places(reading):
        for name in reading.keys(*site.path, "networks") or ():
            yield Kind.NETWORK, name, (*site.path, "networks", name), ()
    for kind, where in ((Kind.VNET, VNETS), (Kind.SERVICE, SERVICES)):
        for name in reading.keys(*where) or ():
            yield kind, name, (*where, name, "prefixes"), ()
    for site in site_places(reading):
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
