"""Routes of FRR: what `show bgp ... json` prints, as FRR 8.4 does, and the `paths` of later versions.

The brief form has no communities; `show bgp ipv4 unicast json detail` has them. An own route of the router has an
unspecified next hop and counts as `static`. A key that is not there means an attribute that is absent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from lab.bgp import (
    WELL_KNOWN,
    Address,
    Aggregator,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    RouteSource,
    parse_asn,
    parse_community,
    parse_extended_community,
    parse_large_community,
    parse_prefix,
)
from lab.json_objects import JsonObject, WrongPlace, json_object, shared_address, shared_as_path
from lab.policy import Context
from lab.policy.boundary import Sample
from lab.policy.changes import WEIGHT_MAX
from lab.policy.sets import NUMBER_MAX
from lab.texts import as_address, router_id

_NAMES = {
    **WELL_KNOWN,
    "internet": Community("0:0"),
    "accept-own": Community("65535:1"),
    "route-filter-translated-v4": Community("65535:2"),
    "route-filter-v4": Community("65535:3"),
    "route-filter-translated-v6": Community("65535:4"),
    "route-filter-v6": Community("65535:5"),
    "llgr-stale": Community("65535:6"),
    "no-llgr": Community("65535:7"),
    "accept-own-nexthop": Community("65535:8"),
    "local-AS": Community("65535:65283"),
    "no-peer": Community("65535:65284"),
}
"""FRR's names of communities, those of the IANA registry."""
_ORIGINS = {"i": Origin.IGP, "e": Origin.EGP, "?": Origin.INCOMPLETE}
_ONE_PATH = ("receivedRoutes", "advertisedRoutes")
"""The keys under which a prefix has one path, and not a list of them."""
NO_COMMUNITIES = "no path in it has a community: FRR shows them where it is asked for `json detail`"


def is_frr(data: dict[str, object]) -> bool:
    """Whether a JSON document is one of these."""
    if any(isinstance(data.get(key), dict) for key in ("routes", *_ONE_PATH)) or isinstance(data.get("paths"), list):
        return True
    return bool(data) and all(isinstance(one, dict) and "vrfName" in one for one in data.values())


def is_brief(data: dict[str, object]) -> bool:
    """Whether it is the form without communities."""
    first = next(paths_of(json_object(data, ()), Counter()), None)
    return first is not None and first[1].has("path")


def frr_routes(data: dict[str, object], left_out: Counter[str] | None = None) -> Iterator[Sample]:
    """The routes of a document with the neighbours that sent them, every path of each prefix. Raises WrongPlace.

    `left_out` counts what cannot be read as a route or a community, and is whole once the last route was read.
    """
    missing = Counter() if left_out is None else left_out
    for prefix, path in paths_of(json_object(data, ()), missing):
        yield Sample(route=route_of(prefix, path, missing), context=Context(peer_address=peer_of(path)))


def peer_of(path: JsonObject) -> Address | None:
    """The neighbour that a path came from; none for the router's own."""
    peer = path.object("peer") if path.has("peer") else path
    found = peer.text("peerId", as_address, None)
    return None if found is None or found.is_unspecified else found


def paths_of(whole: JsonObject, left_out: Counter[str]) -> Iterator[tuple[Prefix, JsonObject]]:
    """Each path with its prefix."""
    if whole.has("paths"):
        yield from _listed(whole.required("prefix", parse_prefix), whole.objects("paths"), left_out)
        return
    for key in _ONE_PATH:
        if whole.has(key):
            routes = whole.object(key)
            yield from ((_parsed_prefix(text, routes), routes.object(text)) for text in routes.entries)
            return
    if not whole.has("routes"):
        for vrf in whole.entries:
            yield from paths_of(whole.object(vrf), left_out)
        return
    routes = whole.object("routes")
    for text, paths in routes.entries.items():
        if isinstance(paths, dict):
            yield from _listed(_parsed_prefix(text, routes), routes.object(text).objects("paths"), left_out)
        else:
            yield from _listed(_parsed_prefix(text, routes), routes.objects(text), left_out)


_OF_A_PREFIX = frozenset({"prefix", "version", "advertisedTo"})
"""The keys of an entry that is about the prefix itself."""


def _listed(prefix: Prefix, paths: Iterator[JsonObject], left_out: Counter[str]) -> Iterator[tuple[Prefix, JsonObject]]:
    """The paths of a prefix; an entry that is about the prefix itself is none."""
    for path in paths:
        if path.has("nexthops") or path.has("aspath"):
            yield prefix, path
        elif not path.entries.keys() <= _OF_A_PREFIX:
            left_out["paths without nexthops and aspath"] += 1


def _parsed_prefix(text: str, routes: JsonObject) -> Prefix:
    try:
        return parse_prefix(text)
    except ValueError as problem:
        raise WrongPlace((*routes.path, text), str(problem)) from None


def route_of(prefix: Prefix, path: JsonObject, left_out: Counter[str]) -> Route:
    """The route of a path. Raises WrongPlace."""
    next_hop = _next_hop(path)
    extended, unknown = path.object("extendedCommunity").text("string", _extended_communities, ((), ()))
    left_out.update(f"extended communities {kind}" for kind in unknown)
    detail = path.object("aspath") if path.has("aspath") else None
    return Route(
        prefix=prefix,
        next_hop=next_hop,
        origin=_origin(path),
        as_path=path.text("path", _as_path, AsPath()) if detail is None else detail.text("string", _as_path, AsPath()),
        local_pref=path.number("locPrf", NUMBER_MAX),
        multi_exit_disc=path.number("metric", NUMBER_MAX),
        communities=path.object("community").text("string", _communities, ()),
        large_communities=path.object("largeCommunity").text("string", _large_communities, ()),
        extended_communities=extended,
        atomic_aggregate=bool(path.entries.get("atomicAggregate")),
        aggregator=_aggregator(path),
        originator_id=path.text("originatorId", router_id, None),
        cluster_list=path.object("clusterList").texts("list", router_id),
        weight=path.number("weight", WEIGHT_MAX) or 0,
        source=RouteSource.STATIC if next_hop.is_unspecified else RouteSource.BGP,
    )


def _next_hop(path: JsonObject) -> Address:
    """The global next hop of a path: in IPv6 a link-local one may stand beside it (RFC 2545 §3)."""
    for key in ("nextHop", "nextHopGlobal"):
        if path.has(key):
            return path.required(key, shared_address)
    hops = list(path.objects("nexthops"))
    chosen = next((one for one in hops if one.entries.get("scope") != "link-local"), None) or next(iter(hops), None)
    if chosen is None:
        raise WrongPlace((*path.path, "nexthops"), "a path without a next hop")
    return chosen.required("ip", shared_address)


def _origin(path: JsonObject) -> Origin:
    if path.has("bgpOriginCode"):
        code = path.text("bgpOriginCode", str, "")
        if code not in _ORIGINS:
            raise WrongPlace((*path.path, "bgpOriginCode"), f"{code!r} is no origin", "i, e or ?")
        return _ORIGINS[code]
    return path.text("origin", lambda value: Origin(value.lower()), Origin.INCOMPLETE)


def _aggregator(path: JsonObject) -> Aggregator | None:
    if not path.has("aggregatorAs"):
        return None
    asn = path.text("aggregatorAs", parse_asn, None)
    router = path.text("aggregatorId", router_id, None)
    return None if asn is None or router is None else Aggregator(asn, router)


def _as_path(text: str) -> AsPath:
    return AsPath() if text == "Local" else shared_as_path(text)


@lru_cache(maxsize=65536)
def _communities(text: str) -> tuple[Community, ...]:
    return tuple(_NAMES.get(word) or parse_community(word) for word in text.split())


@lru_cache(maxsize=65536)
def _large_communities(text: str) -> tuple[LargeCommunity, ...]:
    return tuple(map(parse_large_community, text.split()))


_KINDS = {"RT": "target", "SoO": "origin"}
_KIND = re.compile("[A-Za-z]{1,20}", re.ASCII)


@lru_cache(maxsize=65536)
def _extended_communities(text: str) -> tuple[tuple[ExtendedCommunity, ...], tuple[str, ...]]:
    """Route targets and route origins, `RT:65010:100 SoO:192.0.2.1:5`, and the kinds that FRR writes without octets."""
    found, unknown = [], []
    for word in re.split(r"\s+(?=[A-Za-z])", text.strip()):
        kind, _, rest = word.partition(":")
        if kind in _KINDS:
            found.append(parse_extended_community(f"{_KINDS[kind]}:{rest}"))
        else:
            unknown.append(kind if _KIND.fullmatch(kind) else "of an unknown kind")
    return tuple(found), tuple(unknown)
