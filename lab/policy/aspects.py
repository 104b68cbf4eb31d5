"""The aspects of a route that conditions ask about: how each is answered, and in which words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, ClassVar

from lab.bgp import (
    DEFAULT_LOCAL_PREF,
    Address,
    Asn,
    Family,
    Prefix,
    Route,
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


@dataclass(frozen=True, slots=True)
class Aspect(ABC):
    """One aspect of a route: the field `name` of `Match`, which holds what is asked."""

    cost: ClassVar[int] = 0
    """What an answer costs: a comparison 0, a prefix list 1, a set of communities 2, a regular expression 3."""

    name: str

    @abstractmethod
    def holds(self, asked: Any, route: Route, context: Context) -> bool:  # noqa: ANN401  # what the field of `Match` is
        """Whether the route is what is asked."""

    @abstractmethod
    def because(self, asked: Any, route: Route, context: Context) -> str:  # noqa: ANN401
        """What in the route makes it so."""

    def words(self, asked: Any) -> str:  # noqa: ANN401
        """What is asked."""
        return str(asked)


class _InPrefixLists(Aspect):
    """The prefix."""

    cost = 1

    @staticmethod
    def _of(route: Route) -> Prefix:
        return route.prefix

    @staticmethod
    def _words_of(route: Route) -> str:
        return str(route.prefix)

    def holds(self, asked: Asked[PrefixList], route: Route, _: Context) -> bool:
        prefix = self._of(route)
        return asked.holds(lambda one: one.find(prefix) is not None)

    def because(self, asked: Asked[PrefixList], route: Route, _: Context) -> str:
        prefix = self._of(route)
        shown = self._words_of(route)
        ranges = [(one.name, str(r)) for one in asked.sets if (r := one.find(prefix)) is not None]
        found = [text if text == name else f"{name}: {text}" for name, text in ranges]  # a literal is its own name
        return f"{shown} is in {', '.join(found)}" if found else f"{shown} is in none of its ranges"


class _NextHop(_InPrefixLists):
    """The next hop, as the prefix of one host."""

    @staticmethod
    def _of(route: Route) -> Prefix:
        return ip_network(route.next_hop)

    @staticmethod
    def _words_of(route: Route) -> str:
        return str(route.next_hop)


class _AsPath(Aspect):
    cost = 3

    def holds(self, asked: Asked[AsPathSet], route: Route, _: Context) -> bool:
        return asked.holds(lambda one: one.find(route.as_path) is not None)

    def because(self, asked: Asked[AsPathSet], route: Route, _: Context) -> str:
        found = [str(entry) for one in asked.sets if (entry := one.find(route.as_path)) is not None]
        which = f" and matches {', '.join(found)}" if found else ""
        return f"the path is '{route.as_path}'{which}"


@dataclass(frozen=True, slots=True)
class _Communities(Aspect):
    """The communities of one kind, the field `attribute` of a route."""

    cost: ClassVar[int] = 2

    attribute: str

    def _of(self, route: Route) -> list[str]:
        return list(getattr(route, self.attribute))

    def holds(self, asked: Asked[CommunitySet], route: Route, _: Context) -> bool:
        present = self._of(route)
        return asked.holds(lambda one: one.find(present) is not None)

    def because(self, asked: Asked[CommunitySet], route: Route, _: Context) -> str:
        present = self._of(route)
        common = dict.fromkeys(found for one in asked.sets if (found := one.find(present)) is not None)
        return f"it has {', '.join(common or present) or 'none'}"


class _RouteTargets(_Communities):
    def _of(self, route: Route) -> list[str]:
        return [one for one in route.extended_communities if is_route_target(one)]


class _Number(Aspect):
    """A number of the route, which may be absent."""

    def _of(self, route: Route) -> int | None:
        match self.name:
            case "as_path_length":
                return route.as_path.length
            case "local_pref":
                return DEFAULT_LOCAL_PREF if route.local_pref is None else route.local_pref
            case "multi_exit_disc":
                return route.multi_exit_disc
            case _:
                return route.weight

    def holds(self, asked: NumberRange, route: Route, _: Context) -> bool:
        return asked.contains(self._of(route))

    def because(self, asked: NumberRange, route: Route, _: Context) -> str:
        del asked
        number = self._of(route)
        return f"it is {'absent' if number is None else number}"


class _OneOf(Aspect):
    """A plain value of the route, of which any of several is asked."""

    def holds(self, asked: tuple[Any, ...], route: Route, _: Context) -> bool:
        return getattr(route, self.name) in asked

    def because(self, asked: tuple[Any, ...], route: Route, _: Context) -> str:
        del asked
        return f"it is {text_of(route, self.name) or 'none'}"

    def words(self, asked: tuple[Any, ...]) -> str:
        return _any_of(asked)


class _Neighbor(Aspect):
    """The neighbour of the session, by its name or its address."""

    def holds(self, asked: tuple[str, ...], _: Route, context: Context) -> bool:
        return any(name in asked for name in _neighbor_names(context))

    def because(self, asked: tuple[str, ...], _: Route, context: Context) -> str:
        del asked
        return f"it is {' '.join(_neighbor_names(context)) or 'not known'}"

    def words(self, asked: tuple[str, ...]) -> str:
        return _any_of(asked)


class _Family(Aspect):
    def holds(self, asked: Family, route: Route, _: Context) -> bool:
        return family_of(route.prefix) is asked

    def because(self, asked: Family, route: Route, _: Context) -> str:
        del asked
        return f"it is {family_of(route.prefix).value}"

    def words(self, asked: Family) -> str:
        return str(asked.value)


def _any_of(values: tuple[Any, ...]) -> str:
    return " or ".join(str(getattr(value, "value", value)) for value in values)


def _neighbor_names(context: Context) -> tuple[str, ...]:
    return tuple(str(one) for one in (context.neighbor, context.peer_address) if one)


ASPECTS = (
    _InPrefixLists("prefix_list"),
    _AsPath("as_path"),
    _Number("as_path_length"),
    _Communities("community", "communities"),
    _Communities("large_community", "large_communities"),
    _Communities("extended_community", "extended_communities"),
    _RouteTargets("route_target", "extended_communities"),
    _NextHop("next_hop"),
    _OneOf("origin"),
    _Number("local_pref"),
    _Number("multi_exit_disc"),
    _Number("weight"),
    _Neighbor("neighbor"),
    _Family("family"),
    _OneOf("source"),
    _OneOf("vrf"),
)
"""In the order in which traces tell them."""
