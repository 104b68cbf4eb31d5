"""The conditions of a term: what is asked of a route, the answer, and what in the route made it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from lab.bgp import (
    DEFAULT_LOCAL_PREF,
    Address,
    Asn,
    Family,
    Origin,
    Prefix,
    Route,
    RouteSource,
    family_of,
    is_route_target,
    text_of,
)
from lab.policy.sets import Asked, AsPathSet, CommunitySet, NumberRange, PrefixList


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a policy runs: at which router, on the session with which neighbour.

    `own_address` is the router's on the session: what `next_hop self` means. None and empty where it is not known.
    """

    neighbor: str = ""
    peer_address: Address | None = None
    own_asn: Asn | None = None
    own_address: Address | None = None


NOWHERE = Context()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition that was asked of a route."""

    text: str
    holds: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The conditions of a term, all of which must hold. One that is None or empty is not asked.

    A tuple of plain values asks for any of them. A neighbour is a router's name or its address.
    """

    prefix_list: Asked[PrefixList] | None = None
    as_path: Asked[AsPathSet] | None = None
    as_path_length: NumberRange | None = None
    community: Asked[CommunitySet] | None = None
    large_community: Asked[CommunitySet] | None = None
    extended_community: Asked[CommunitySet] | None = None
    route_target: Asked[CommunitySet] | None = None
    next_hop: Asked[PrefixList] | None = None
    origin: tuple[Origin, ...] = ()
    local_pref: NumberRange | None = None
    multi_exit_disc: NumberRange | None = None
    weight: NumberRange | None = None
    neighbor: tuple[str, ...] = ()
    family: Family | None = None
    source: tuple[RouteSource, ...] = ()
    vrf: tuple[str, ...] = ()

    def questions(self) -> tuple[tuple[Aspect, Any], ...]:
        """The aspects of a route that are asked about, each with what is asked."""
        return tuple((aspect, asked) for aspect in ASPECTS if (asked := getattr(self, aspect.name)) not in (None, ()))

    def test(self, route: Route, context: Context = NOWHERE) -> Iterator[Condition]:
        """Each condition that is asked, with its answer."""
        for aspect, asked in self.questions():
            yield Condition(
                text=f"{aspect.name} {aspect.words(asked)}",
                holds=aspect.holds(asked, route, context),
                because=aspect.because(asked, route, context),
            )


EVERY_ROUTE = Match()


def _any_of(values: tuple[Any, ...]) -> str:
    return " or ".join(str(getattr(value, "value", value)) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """One aspect of a route that a condition can ask about: a field of `Match`."""

    name: str
    holds: Callable[[Any, Route, Context], bool]
    because: Callable[[Any, Route, Context], str]
    words: Callable[[Any], str] = str


def _host(address: Address) -> Prefix:
    return ip_network(address)


def _communities(name: str, attribute: str, *, only: Callable[[Any], bool] = lambda _: True) -> Aspect:
    def has(route: Route) -> list[str]:
        return [one for one in getattr(route, attribute) if only(one)]

    def holds(asked: Asked[CommunitySet], route: Route, _: Context) -> bool:
        present = has(route)
        return asked.holds(lambda one: one.find(present) is not None)

    def because(asked: Asked[CommunitySet], route: Route, _: Context) -> str:
        present = has(route)
        common = dict.fromkeys(found for one in asked.sets if (found := one.find(present)) is not None)
        return f"it has {', '.join(common or present) or 'none'}"

    return Aspect(name=name, holds=holds, because=because)


def _in_prefix_lists(name: str, of: Callable[[Route], Prefix], words: Callable[[Route], str]) -> Aspect:
    def because(asked: Asked[PrefixList], route: Route, _: Context) -> str:
        prefix = of(route)
        ranges = [(one.name, str(r)) for one in asked.sets if (r := one.find(prefix)) is not None]
        found = [text if text == name else f"{name}: {text}" for name, text in ranges]  # a literal is its own name
        return f"{words(route)} is in {', '.join(found)}" if found else f"{words(route)} is in none of its ranges"

    return Aspect(
        name=name,
        holds=lambda asked, route, _: asked.holds(lambda one: one.find(of(route)) is not None),
        because=because,
    )


def _as_path_because(asked: Asked[AsPathSet], route: Route, _: Context) -> str:
    found = [str(entry) for one in asked.sets if (entry := one.find(route.as_path)) is not None]
    which = f" and matches {', '.join(found)}" if found else ""
    return f"the path is '{route.as_path}'{which}"


def _number(name: str, of: Callable[[Route], int | None]) -> Aspect:
    return Aspect(
        name=name,
        holds=lambda asked, route, _: asked.contains(of(route)),
        because=lambda _asked, route, _: f"it is {'absent' if of(route) is None else of(route)}",
    )


def _value(name: str, of: Callable[[Route], Any]) -> Aspect:
    return Aspect(
        name=name,
        holds=lambda asked, route, _: of(route) in asked,
        because=lambda _asked, route, _: f"it is {text_of(route, name) or 'none'}",
        words=_any_of,
    )


def _neighbor_names(context: Context) -> tuple[str, ...]:
    return tuple(str(one) for one in (context.neighbor, context.peer_address) if one)


ASPECTS = (
    _in_prefix_lists("prefix_list", lambda route: route.prefix, lambda route: str(route.prefix)),
    Aspect(
        name="as_path",
        holds=lambda asked, route, _: asked.holds(lambda one: one.find(route.as_path) is not None),
        because=_as_path_because,
    ),
    _number("as_path_length", lambda route: route.as_path.length),
    _communities("community", "communities"),
    _communities("large_community", "large_communities"),
    _communities("extended_community", "extended_communities"),
    _communities("route_target", "extended_communities", only=is_route_target),
    _in_prefix_lists("next_hop", lambda route: _host(route.next_hop), lambda route: str(route.next_hop)),
    _value("origin", lambda route: route.origin),
    _number("local_pref", lambda route: DEFAULT_LOCAL_PREF if route.local_pref is None else route.local_pref),
    _number("multi_exit_disc", lambda route: route.multi_exit_disc),
    _number("weight", lambda route: route.weight),
    Aspect(
        name="neighbor",
        holds=lambda asked, _, context: any(name in asked for name in _neighbor_names(context)),
        because=lambda _asked, _route, context: f"it is {' '.join(_neighbor_names(context)) or 'not known'}",
        words=_any_of,
    ),
    Aspect(
        name="family",
        holds=lambda asked, route, _: family_of(route.prefix) is asked,
        because=lambda _asked, route, _: f"it is {family_of(route.prefix).value}",
        words=lambda asked: str(asked.value),
    ),
    _value("source", lambda route: route.source),
    _value("vrf", lambda route: route.vrf),
)
"""In the order in which a term asks: the cheap and decisive first."""
