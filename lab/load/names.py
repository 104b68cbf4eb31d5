"""What the nodes of a topology are called, and which of them are BGP neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from lab.bgp import Family, family_of
from lab.load.reading import Reading
from lab.load.scalars import did_you_mean
from lab.load.topology_documents import TopologyDocument
from lab.plan.point_to_point_ethernet import GATEWAY, MICROSOFT_EDGE
from lab.topology import Link

Families = frozenset[Family]
ALL_FAMILIES = frozenset(Family)

EDGES = (MICROSOFT_EDGE[Link.PRIMARY], MICROSOFT_EDGE[Link.SECONDARY])
LINKS = tuple(link.value for link in Link)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of a file, as far as they could be read: None where it is not known what there is.

    `networks` holds the families of each network. Where a value is wrong, all families are taken to be there, so that
    one mistake does not make another.
    """

    customer_edges: tuple[str, ...] | None
    networks: Mapping[str, Families] | None
    on_premises: Families
    peering: Families

    @property
    def edges(self) -> list[str] | None:
        """The routers at both ends of the circuit."""
        return None if self.customer_edges is None else [*self.customer_edges, *EDGES]

    @property
    def routers(self) -> list[str] | None:
        """Every router that speaks BGP."""
        return None if self.edges is None else [*self.edges, GATEWAY]

    def neighbors(self) -> Mapping[frozenset[str], Families]:
        """The pairs of routers with BGP sessions, and their families."""
        pairs = {frozenset({edge, GATEWAY}): self.peering for edge in EDGES}
        if self.customer_edges:
            pairs[frozenset({self.customer_edges[0], EDGES[0]})] = self.peering
            pairs[frozenset({self.customer_edges[-1], EDGES[1]})] = self.peering
            if len(self.customer_edges) > 1:
                pairs[frozenset(self.customer_edges)] = self.on_premises
        return pairs

    def neighbors_of(self, router: str) -> list[str]:
        """The BGP neighbours of a router."""
        return [name for pair in self.neighbors() if router in pair for name in sorted(pair - {router})]


def unknown(
    name: str, known: Collection[str] | None, what: str, *, plural: str | None = None
) -> tuple[str, str] | None:
    """What is wrong with a name, and the nearest that is right; None where it is known or may be."""
    if known is None or name in known:
        return None
    return f"unknown {what} {name!r}", did_you_mean(name, known, plural or f"{what}s")


def names_of(reading: Reading[TopologyDocument]) -> Names:
    """The names of a topology file."""
    edges = reading.part("customer", "routers")
    sides = [(("customer", "networks"), ()), (("azure", "vnets"), ("prefixes",))]
    found = {
        name: set(_families(reading, (*path, name, *inner))) for path, inner in sides for name in _keys(reading, path)
    }
    known = all(reading.keys(*path) is not None for path, _ in sides)
    local = [found[name] for name in _keys(reading, ("customer", "networks"))]
    blocks = [_families(reading, ("peerings", "private", link), "subnet") for link in LINKS]
    return Names(
        customer_edges=tuple(dict.fromkeys(edges)) if edges else None,
        networks={name: frozenset(families) for name, families in found.items()} if known else None,
        on_premises=frozenset().union(*local) if local else ALL_FAMILIES,
        peering=frozenset().union(*blocks),
    )


def _keys(reading: Reading[TopologyDocument], path: tuple[str, ...]) -> tuple[str, ...]:
    return reading.keys(*path) or ()


def _families(reading: Reading[TopologyDocument], path: tuple[str, ...], *inner: str) -> Families:
    return frozenset(_each_family(reading, path, inner)) or ALL_FAMILIES


def _each_family(reading: Reading[TopologyDocument], path: tuple[str, ...], inner: tuple[str, ...]) -> Iterator[Family]:
    for index in range(reading.count(*path)):
        prefix = reading.part(*path, index, *inner)
        if prefix is None:
            yield from Family
        else:
            yield family_of(prefix)
