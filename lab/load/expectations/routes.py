"""Expectations about routes."""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import AnyCommunity, family_of, in_order
from lab.errors import Mistake
from lab.expectations import RouteExpectation, Table
from lab.load.expectation_documents.routes import RouteDocument
from lab.load.expectations.kind import Kind, Path
from lab.load.names import Names, unknown
from lab.load.source import SourceFile
from lab.plan.naming import REFLECTOR
from lab.texts import as_address, did_you_mean

_ADJ_RIBS = (Table.ADJ_RIB_IN, Table.ADJ_RIB_OUT)
_ATTRIBUTE_KEYS = (
    "origin",
    "as_path",
    "local_pref",
    "med",
    "communities",
    "large_communities",
    "extended_communities",
    "atomic_aggregate",
    "aggregator",
    "originator_id",
    "cluster_list",
    "weight",
)


def _check(route: RouteDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    wrong = unknown(route.at, names.routers, "router")
    if wrong:
        yield source.mistake((*path, "at"), *wrong)
    elif route.at in names.in_core:
        what = f"at: {route.at} holds the routes of every VPN, and a prefix may be in several of them"
        vrfs = sorted(vrf for vrf, edge in names.vrfs.items() if route.at in (edge, REFLECTOR))
        yield source.mistake((*path, "at"), what, f"ask a VRF: {', '.join(vrfs)}")
    if route.neighbor is not None:
        yield from _neighbor(route.neighbor, route, path, names, source, at_is_known=not wrong)
    if route.next_hop is not None:
        yield from _next_hop(route.next_hop, route, path, names, source)
    if route.table is Table.FIB:
        for key in _ATTRIBUTE_KEYS:
            if key in route.model_fields_set:
                what = f"{key}: the fib has no attribute but next_hop"
                yield source.mistake((*path, key), what, "ask loc_rib for it", at_key=True)


def _neighbor(  # noqa: PLR0913  # the first two are one value, without its None
    name: str, route: RouteDocument, path: Path, names: Names, source: SourceFile, *, at_is_known: bool
) -> Iterator[Mistake]:
    at = (*path, "neighbor")
    if route.table not in _ADJ_RIBS:
        what = f"neighbor: {route.table.value} holds the routes of all neighbours"
        yield source.mistake(at, what, "ask adj_rib_in or adj_rib_out", at_key=True)
    elif at_is_known and names.routers is not None and name not in names.neighbors_of(route.at):
        what = f"{name!r} is no BGP neighbour of {route.at}"
        yield source.mistake(at, what, did_you_mean(name, names.neighbors_of(route.at), "neighbours"))


def _next_hop(text: str, route: RouteDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    at, hops = (*path, "next_hop"), text.split()
    if len(hops) > 1 and route.table is not Table.FIB:
        yield source.mistake(at, "next_hop: only in the fib a route has several", "write one")
    for hop in hops:
        address = as_address(hop)
        if address is None:
            wrong = unknown(hop, names.routers, "router")
            if wrong:
                yield source.mistake(at, *wrong)
        elif address.version != route.prefix.version:
            family = family_of(route.prefix).value
            yield source.mistake(at, f"next_hop: {hop} is not of the prefix's family", f"write an {family} address")


def _convert(route: RouteDocument, key: str, where: str) -> RouteExpectation:
    return RouteExpectation(
        where=where,
        at=route.at,
        prefix=route.prefix,
        table=route.table,
        neighbor=route.neighbor,
        attributes=tuple(_attributes(route)),
        present=key == "route",
    )


def _attributes(route: RouteDocument) -> Iterator[tuple[str, str]]:
    """The attributes that are asked for, in the words of `lab.bgp.text_of`."""
    texts: dict[str, object] = {
        "next_hop": route.next_hop,
        "origin": None if route.origin is None else route.origin.value,
        "as_path": route.as_path,
        "local_pref": route.local_pref,
        "multi_exit_disc": route.med,
        "communities": _joined(route.communities),
        "large_communities": _joined(route.large_communities),
        "extended_communities": _joined(route.extended_communities),
        "atomic_aggregate": None if route.atomic_aggregate is None else "set" if route.atomic_aggregate else "",
        "aggregator": route.aggregator,
        "originator_id": route.originator_id,
        "cluster_list": None if route.cluster_list is None else " ".join(map(str, route.cluster_list)),
        "weight": route.weight,
    }
    for name, value in texts.items():
        if value is not None:
            yield name, str(value)


def _joined(communities: list[AnyCommunity] | None) -> str | None:
    return None if communities is None else " ".join(in_order(communities))


KIND = Kind(check=_check, convert=_convert)
