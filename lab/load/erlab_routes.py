"""Routes of this project's own JSON: the tables that `erlab show` and `erlab predict` print."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lab.bgp import (
    ATTRIBUTES,
    LABEL_MAX,
    Aggregator,
    AsPath,
    Origin,
    Route,
    RouteSource,
    UnknownAttribute,
    parse_asn,
    parse_community,
    parse_extended_community,
    parse_large_community,
    parse_prefix,
    parse_route_distinguisher,
)
from lab.json_objects import JsonObject, WrongPlace, json_object, shared_address, shared_as_path
from lab.load.policy_values import VRF, neighbor
from lab.policy import NOWHERE, Context
from lab.policy.boundary import Sample
from lab.policy.changes import WEIGHT_MAX
from lab.policy.sets import NUMBER_MAX
from lab.texts import router_id, shown

_TABLES = {
    "routes": ("routes",),
    "rib-in": ("rib_in",),
    "rib-out": ("rib_out",),
    "prediction": ("routes", "rib_in", "rib_out"),
}
"""The tables with routes that each kind of document has."""
_VERSION = "1"
_SESSION_KEYS = ("session", "routes")
_HOP_KEYS = ("address", "owner")
_KEYS = ("prefix", *ATTRIBUTES)
"""Of a route: one that is not known may well say what a policy asks about."""


def kind_of(data: Mapping[str, object]) -> str:
    """The kind of a document of this project; empty where it says none."""
    schema = str(data.get("schema", ""))
    return schema.removeprefix("erlab/").partition("/")[0] if schema.startswith("erlab/") else ""


def erlab_routes(data: dict[str, object]) -> Iterator[Sample]:
    """The routes of a document with the neighbours of their sessions, each once. Raises WrongPlace."""
    whole = json_object(data, ())
    kind = kind_of(data)
    if kind not in _TABLES:
        meant = "give what erlab show routes, rib-in, rib-out or erlab predict print"
        raise WrongPlace(("schema",), f"a document of the kind {kind!r} has no routes", meant)
    if data["schema"] != f"erlab/{kind}/{_VERSION}":
        what = f"{shown(data['schema'])} is of a version that is not known"
        raise WrongPlace(("schema",), what, f"this version of erlab reads erlab/{kind}/{_VERSION}")
    tables = list(whole.objects("routers")) if kind == "prediction" else [whole]
    yield from dict.fromkeys(one for table in tables for key in _TABLES[kind] for one in _samples(table, key))


def _samples(table: JsonObject, key: str) -> Iterator[Sample]:
    if key == "routes":
        yield from (Sample(route=_route(one), context=NOWHERE) for one in table.objects(key))
        return
    for session in table.objects(key):
        session.has_only(_SESSION_KEYS)
        where = Context(neighbor=session.text("session", _neighbor, ""))
        yield from (Sample(route=_route(one), context=where) for one in session.objects("routes"))


def _neighbor(session: str) -> str:
    """Whom a session is with: its name is that of the neighbour and the family."""
    return neighbor(session.partition("/")[0])


def _route(one: JsonObject) -> Route:
    one.has_only(_KEYS)
    hop = one.object("next_hop")
    hop.has_only(_HOP_KEYS)
    return Route(
        prefix=one.required("prefix", parse_prefix),
        next_hop=hop.required("address", shared_address),
        origin=one.text("origin", Origin, Origin.IGP),
        as_path=one.text("as_path", shared_as_path, AsPath()),
        local_pref=one.number("local_pref", NUMBER_MAX),
        multi_exit_disc=one.number("multi_exit_disc", NUMBER_MAX),
        communities=one.texts("communities", parse_community),
        large_communities=one.texts("large_communities", parse_large_community),
        extended_communities=one.texts("extended_communities", parse_extended_community),
        atomic_aggregate=bool(one.entries.get("atomic_aggregate")),
        aggregator=one.text("aggregator", _aggregator, None),
        originator_id=one.text("originator_id", router_id, None),
        cluster_list=one.texts("cluster_list", router_id),
        unknown=one.texts("unknown", _unknown),
        rd=one.text("rd", parse_route_distinguisher, None),
        label=one.number("label", LABEL_MAX),
        weight=one.number("weight", WEIGHT_MAX) or 0,
        source=one.text("source", RouteSource, RouteSource.BGP),
        vrf=one.text("vrf", _vrf, ""),
    )


def _aggregator(text: str) -> Aggregator:
    asn, _, router = text.partition(":")
    return Aggregator(parse_asn(asn), router_id(router))


def _unknown(text: str) -> UnknownAttribute:
    code, _, value = text.partition(":")
    if not re.fullmatch("[0-9]{1,3}:(?:[0-9a-f]{2})*", text, re.ASCII):
        raise ValueError(f"{text!r} is no attribute's code and value")
    return UnknownAttribute(int(code), value)


def _vrf(text: str) -> str:
    return str(VRF.read(text))
