"""What must hold: the checks of one expectation against the names of its topology, and its model."""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import AnyCommunity, Family, family_of, in_order
from lab.errors import Mistake
from lab.expectations import (
    Expectation,
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    Table,
)
from lab.load.expectation_documents import (
    ExpectDocument,
    PacketsDocument,
    ReachableDocument,
    RouteDocument,
    SessionDocument,
    UnreachableDocument,
)
from lab.load.names import Names, unknown
from lab.load.scalars import did_you_mean
from lab.load.source import SourceFile, Step
from lab.load.values import as_address
from lab.plan.naming import REFLECTOR

Path = tuple[Step, ...]

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


def check_expectation(item: ExpectDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    """Every name that the topology does not have, and every pair of keys that contradict each other."""
    for key in item.model_fields_set:
        match getattr(item, key):
            case SessionDocument() as session:
                yield from _session(session, (*path, key), names, source)
            case RouteDocument() as route:
                yield from _route(route, (*path, key), names, source)
            case PacketsDocument() as reachability:
                yield from _reachability(reachability, (*path, key), names, source)


def _session(session: SessionDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    at = (*path, "between")
    wrong = [found for name in session.between if (found := unknown(name, names.routers, "router"))]
    for what, meant in wrong:
        yield source.mistake(at, what, meant)
    if wrong or names.routers is None:
        return
    one, other = session.between
    families = names.pairs.get(frozenset(session.between))
    if families is None:
        known = did_you_mean(other, names.neighbors_of(one), f"neighbours of {one}")
        yield source.mistake(at, f"{one} has no BGP session with {other}", known)
    elif session.family is not None and session.family not in families:
        what = f"{one} and {other} have no {session.family.value} session"
        yield source.mistake((*path, "family"), what, _families(families))


def _families(families: frozenset[Family]) -> str:
    return f"they have {' and '.join(sorted(family.value for family in families))}"


def _route(route: RouteDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
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


def _reachability(item: PacketsDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    ends = ((item.from_, "from"), (item.to, "to"))
    missing = False
    for name, key in ends:
        wrong = unknown(name, names.networks, "network")
        if wrong:
            missing = True
            yield source.mistake((*path, key), *wrong)
    if item.from_ == item.to:
        yield source.mistake((*path, "to"), f"to: {item.to} is where the packets come from", "another network")
    elif names.networks is not None and not missing:
        common = names.networks[item.from_] & names.networks[item.to]
        if not common:
            yield source.mistake(path, f"{item.from_} and {item.to} have no address family in common")
        elif item.family is not None and item.family not in common:
            what = f"family: {item.from_} and {item.to} have no {item.family.value} in common"
            yield source.mistake((*path, "family"), what, _families(common))
    yield from _on_the_way(item, path, names, source)


def _on_the_way(item: PacketsDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    for index, name in enumerate((item.via or ()) if isinstance(item, ReachableDocument) else ()):
        wrong = unknown(name, names.edges, "edge")
        if wrong:
            yield source.mistake((*path, "via", index), *wrong)
    stopped_at = item.stopped_at if isinstance(item, UnreachableDocument) else None
    if stopped_at is not None and names.routers is not None:
        wrong = unknown(stopped_at, [name for name in names.routers if name not in names.in_core], "router")
        if wrong:
            yield source.mistake((*path, "stopped_at"), *wrong)


# conversion


def to_expectation(item: ExpectDocument, where: str) -> Expectation:
    """The model of an expectation without mistakes."""
    if item.session is not None:
        session = item.session
        return SessionExpectation(where=where, routers=session.between, family=session.family, state=session.state)
    if item.route is not None:
        return _to_route(item.route, where, present=True)
    if item.no_route is not None:
        return _to_route(item.no_route, where, present=False)
    asked = item.reachable or item.unreachable
    if asked is None:
        raise ValueError(f"{where}: an expectation without a key")
    via = asked.via if isinstance(asked, ReachableDocument) else None
    return ReachabilityExpectation(
        where=where,
        source=asked.from_,
        destination=asked.to,
        family=asked.family,
        dscp=asked.dscp,
        via=None if via is None else tuple(via),
        reachable=item.reachable is not None,
        source_in=asked.source_in if isinstance(asked, ReachableDocument) else None,
        stopped_at=asked.stopped_at if isinstance(asked, UnreachableDocument) else None,
    )


def _to_route(route: RouteDocument, where: str, *, present: bool) -> RouteExpectation:
    return RouteExpectation(
        where=where,
        at=route.at,
        prefix=route.prefix,
        table=route.table,
        neighbor=route.neighbor,
        attributes=tuple(_attributes(route)),
        present=present,
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
