"""Routes of this project's own JSON: the tables that `erlab show` and `erlab predict` print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address

from lab.bgp import (
    Address,
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
)
from lab.load.json_source import JsonObject, WrongPlace, json_object
from lab.load.values import router_id
from lab.policy.changes import WEIGHT_MAX
from lab.policy.sets import NUMBER_MAX

_KINDS = ("routes", "rib-in", "rib-out", "prediction")


def kind_of(data: Mapping[str, object]) -> str:
    """The kind of a document of this project; empty where it says none."""
    schema = str(data.get("schema", ""))
    return schema.removeprefix("erlab/").partition("/")[0] if schema.startswith("erlab/") else ""


def erlab_routes(data: dict[str, object]) -> Iterator[Route]:
    """The routes of a document, each once. Raises WrongPlace."""
    whole = json_object(data, ())
    kind = kind_of(data)
    if kind == "prediction":
        tables = list(whole.objects("routers"))
    elif kind in _KINDS:
        tables = [whole]
    else:
        meant = "give what erlab show routes, rib-in, rib-out or erlab predict print"
        raise WrongPlace(("schema",), f"a document of the kind {kind!r} has no routes", meant)
    yield from dict.fromkeys(route for one in tables for route in _routes(one))


def _routes(table: JsonObject) -> Iterator[Route]:
    for key in ("rib_in", "rib_out"):
        if table.has(key):
            yield from (_route(route) for session in table.objects(key) for route in session.objects("routes"))
    if table.has("routes"):
        yield from map(_route, table.objects("routes"))


def _route(one: JsonObject) -> Route:
    return Route(
        prefix=one.required("prefix", parse_prefix),
        next_hop=one.object("next_hop").required("address", _address),
        origin=one.text("origin", Origin, Origin.IGP),
        as_path=one.text("as_path", _as_path, AsPath()),
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
        weight=one.number("weight", WEIGHT_MAX) or 0,
        source=one.text("source", RouteSource, RouteSource.BGP),
        vrf=one.text("vrf", str, ""),
    )


@lru_cache(maxsize=65536)
def _address(text: str) -> Address:
    return ip_address(text)


@lru_cache(maxsize=65536)
def _as_path(text: str) -> AsPath:
    return AsPath.parse(text)


def _aggregator(text: str) -> Aggregator:
    asn, _, router = text.partition(":")
    return Aggregator(parse_asn(asn), router_id(router))


def _unknown(text: str) -> UnknownAttribute:
    code, _, value = text.partition(":")
    if not (code.isascii() and code.isdecimal()):
        raise ValueError(f"{text!r} is no attribute's code and value")
    return UnknownAttribute(int(code), value)
