"""What `gobgp -j` prints of a router's sessions and tables, as GoBGP 3.10 does.

Path attributes are told by the numbers of their types, and a few kinds of extended communities by what they mean, so
that their octets are put together again here.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Any

from lab.bgp import (
    Address,
    Aggregator,
    Asn,
    AsPath,
    BestPathRules,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    RouteSource,
    UnknownAttribute,
    extended_community,
    parse_prefix,
)
from lab.bgp.as_path import Segment, SegmentKind
from lab.plan import NodePlan, SessionPlan
from lab.rib import Path, decide
from lab.vendors import ForeignPath, ForeignSession, ForeignTables, VendorError

Object = dict[str, Any]
"""One of JSON, whose values GoBGP chooses."""

_ESTABLISHED = 6
_STATES = {1: "Idle", 2: "Connect", 3: "Active", 4: "OpenSent", 5: "OpenConfirm"}  # RFC 4271 §8.2.2
_OWN_WEIGHT = 32768  # GoBGP has none; it prefers its own routes, as routers do that give them this one
_DOWN, _PREFIX_LIMIT = 1, 2  # of admin_state
_ORIGINS = (Origin.IGP, Origin.EGP, Origin.INCOMPLETE)
_SEGMENTS = {
    1: SegmentKind.SET,
    2: SegmentKind.SEQUENCE,
    3: SegmentKind.CONFED_SEQUENCE,
    4: SegmentKind.CONFED_SET,
}
_TWO_OCTET_AS, _IPV4, _FOUR_OCTET_AS = 0, 1, 2  # RFC 4360 §3, RFC 5668


def tables(node: NodePlan, neighbors: str, ribs: Iterable[str]) -> ForeignTables:
    """The tables of a router, of what gobgp printed of its neighbours and its RIBs. Raises VendorError."""
    if node.bgp is None:
        raise ValueError(f"{node.name} is no router")
    bgp = node.bgp
    sessions = {one.peer_address: one for one in bgp.sessions}
    try:
        told = {ip_address(one["state"]["neighbor_address"]): one for one in _objects(neighbors)}
        return ForeignTables(
            sessions=tuple(_session(one, told.get(one.peer_address)) for one in bgp.sessions),
            paths=tuple(path for rib in ribs for path in _paths(rib, node, sessions, bgp.best_path)),
        )
    except VendorError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise VendorError(f"gobgp printed what cannot be read: {problem!r}") from problem


def _objects(text: str) -> list[Object]:
    """An array of objects. Raises VendorError."""
    return _of_kind(text, list)  # type: ignore[no-any-return]  # GoBGP's documents say so


def _object(text: str) -> Object:
    """An object. Raises VendorError."""
    return _of_kind(text, dict)  # type: ignore[no-any-return]  # likewise


def _of_kind(text: str, kind: type[list[Any] | dict[str, Any]]) -> Any:  # noqa: ANN401  # JSON has no narrower type
    """A value of JSON. What is none is not shown: the neighbours have their keys in it. Raises VendorError."""
    try:
        value = json.loads(text or "null")
    except ValueError as problem:
        raise VendorError(f"gobgp printed what is no JSON: {problem}") from None
    found = kind() if value is None else value
    if not isinstance(found, kind):
        raise VendorError(f"gobgp printed a {type(value).__name__} where it prints a {kind.__name__} else")
    return found


# sessions


def _session(plan: SessionPlan, told: Object | None) -> ForeignSession:
    """A session. Its Adj-RIB-In is counted only: a list of it takes one more start of gobgp for each session."""
    if told is None:
        return ForeignSession(session=plan.name, established=False, why_down="gobgpd does not know this neighbour")
    state = told.get("state", {})
    established = state.get("session_state") == _ESTABLISHED
    return ForeignSession(
        session=plan.name,
        established=established,
        why_down="" if established else _why_down(state),
        received_count=sum(one.get("state", {}).get("received", 0) for one in told.get("afi_safis", ())),
    )


def _why_down(state: Object) -> str:
    if state.get("admin_state") == _PREFIX_LIMIT:
        return "gobgpd closed it: more prefixes than its limit"
    if state.get("admin_state") == _DOWN:
        return "shut down in gobgpd"
    return f"gobgpd is in the state {_STATES.get(state.get('session_state', 0), 'unknown')} (RFC 4271 §8.2.2)"


# routes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A path that GoBGP knows; `session` is None for an own one, `router_id` that of the neighbour."""

    route: Route
    session: SessionPlan | None
    router_id: int
    best: bool

    def as_path_of_ours(self) -> Path:
        """The path as our decision looks at it; GoBGP takes every next hop for reachable."""
        session = self.session
        return Path(
            route=self.route,
            neighbor=None if session is None else session.name,
            peer_address=None if session is None else session.peer_address,
            peer_router_id=self.router_id,
            ebgp=session is not None and session.ebgp,
            interface="" if session is None else session.interface,
        )


def _paths(
    text: str, node: NodePlan, sessions: Mapping[Address, SessionPlan], rules: BestPathRules
) -> Iterator[ForeignPath]:
    for prefix, told in _object(text).items():
        known = [_known(parse_prefix(prefix), one, node, sessions) for one in told]
        used = _used(known, rules)
        for one in known:
            yield ForeignPath(
                route=one.route,
                session="" if one.session is None else one.session.name,
                best=one.best,
                forwarding=any(one is each for each in used),
            )


def _known(prefix: Prefix, told: Object, node: NodePlan, sessions: Mapping[Address, SessionPlan]) -> _Known:
    address = told.get("neighbor-ip")
    route = route_of(prefix, told["attrs"])
    if address is None:
        connected = any(one.network == prefix for each in node.interfaces for one in each.addresses)
        own = Route(
            prefix=prefix,
            next_hop=route.next_hop,
            origin=route.origin,
            weight=_OWN_WEIGHT,
            source=RouteSource.CONNECTED if connected else RouteSource.STATIC,
        )
        return _Known(route=own, session=None, router_id=0, best=bool(told.get("best")))
    session = sessions.get(ip_address(address))
    if session is None:
        raise VendorError(f"gobgpd has a route from {address}, with whom no session is planned")
    router_id = int(IPv4Address(told["source-id"]))
    return _Known(route=route, session=session, router_id=router_id, best=bool(told.get("best")))


def _used(known: list[_Known], rules: BestPathRules) -> list[_Known]:
    """The paths that packets take: GoBGP's best one, and those that our rule uses beside it.

    GoBGP forwards nothing; what shares the load is for the program to say that puts its routes into the kernel.
    """
    best = next((one for one in known if one.best), None)
    if best is None or best.session is None:
        return [one for one in known if one is best]
    learned = {one.session.name: one for one in known if one.session is not None}
    decision = decide([one.as_path_of_ours() for one in learned.values()], rules)
    used = [learned[path.neighbor] for path in decision.multipath if path.neighbor is not None]
    return used if any(one is best for one in used) else [best]


def route_of(prefix: Prefix, attributes: list[Object]) -> Route:
    """A route with the path attributes that GoBGP tells of. Raises VendorError."""
    told = {one["type"]: one for one in attributes}
    next_hop = told.get(14, told.get(3, {})).get("nexthop")
    if next_hop is None:
        raise VendorError(f"gobgp shows {prefix} without a next hop")
    return Route(
        prefix=prefix,
        next_hop=ip_address(next_hop.split("%")[0]),
        origin=_ORIGINS[told[1]["value"]] if 1 in told else Origin.INCOMPLETE,
        as_path=_as_path(told[2]["as_paths"]) if 2 in told else AsPath(),
        multi_exit_disc=told[4]["metric"] if 4 in told else None,
        local_pref=told[5]["value"] if 5 in told else None,
        atomic_aggregate=6 in told,
        aggregator=Aggregator(Asn(told[7]["as"]), IPv4Address(told[7]["address"])) if 7 in told else None,
        communities=tuple(Community(f"{one >> 16}:{one & 0xFFFF}") for one in _of(told, 8, "communities")),
        originator_id=IPv4Address(told[9]["value"]) if 9 in told else None,
        cluster_list=tuple(map(IPv4Address, _of(told, 10, "value"))),
        extended_communities=tuple(map(_extended, _of(told, 16, "value"))),
        large_communities=tuple(
            LargeCommunity(f"{one['ASN']}:{one['LocalData1']}:{one['LocalData2']}") for one in _of(told, 32, "value")
        ),
        unknown=tuple(
            UnknownAttribute(one["type"], b64decode(one["value"]).hex())
            for one in attributes
            if "flags" in one and isinstance(one.get("value"), str)
        ),
    )


def _of(told: Mapping[int, Object], number: int, key: str) -> list[Any]:
    return told[number].get(key) or [] if number in told else []


def _as_path(told: list[Object]) -> AsPath:
    return AsPath(
        tuple(Segment(_SEGMENTS[one["segment_type"]], tuple(map(Asn, one["asns"]))) for one in told if one.get("asns"))
    )


def _extended(told: Object) -> ExtendedCommunity:
    """An extended community. Raises VendorError for one of a kind that GoBGP shows in words of its own."""
    kind, subtype, value = told["type"], told["subtype"], told.get("value")
    octets = b""
    if kind & 0x3F in {_TWO_OCTET_AS, _IPV4, _FOUR_OCTET_AS} and isinstance(value, str) and ":" in value:
        who, _, number = value.rpartition(":")
        if kind & 0x3F == _IPV4:
            octets = IPv4Address(who).packed + int(number).to_bytes(2)
        elif kind & 0x3F == _TWO_OCTET_AS:
            octets = int(who).to_bytes(2) + int(number).to_bytes(4)
        else:
            upper, _, lower = who.partition(".")
            octets = int(upper).to_bytes(2) + int(lower).to_bytes(2) + int(number).to_bytes(2)
    elif isinstance(value, str):
        octets = b64decode(value)[-6:]
    elif "bandwidth" in told:  # draft-ietf-idr-link-bandwidth
        octets = int(told["asn"]).to_bytes(2) + struct.pack(">f", told["bandwidth"])
    elif "rate" in told:  # RFC 8955 §7.1
        octets = int(told["as"]).to_bytes(2) + struct.pack(">f", told["rate"])
    elif "tunnel_type" in told:  # RFC 9012 §4.1
        octets = bytes(4) + int(told["tunnel_type"]).to_bytes(2)
    if len(octets) != 6:
        raise VendorError(f"gobgp shows an extended community that cannot be read back: {json.dumps(told)}")
    return extended_community(bytes([kind, subtype]) + octets)
