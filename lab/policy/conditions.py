"""The conditions of a term: what is asked of a route, the answer, and what in the route made it so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.bgp import Family, Origin, Route, RouteSource, title_of
from lab.policy.aspects import ASPECTS, NOWHERE, Aspect, Context
from lab.policy.sets import Asked, AsPathSet, CommunitySet, NumberRange, PrefixList


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
        """The aspects of a route that are asked about, each with what is asked, in the order in which traces tell."""
        return tuple((aspect, asked) for aspect in ASPECTS if (asked := getattr(self, aspect.name)) not in (None, ()))

    def cheapest_first(self) -> tuple[tuple[Aspect, Any], ...]:
        """The same, those first that take least time: what must all hold may be asked in any order."""
        return tuple(sorted(self.questions(), key=lambda question: question[0].cost))

    def test(self, route: Route, context: Context = NOWHERE) -> Iterator[Condition]:
        """Each condition that is asked, with its answer."""
        for aspect, asked in self.questions():
            yield Condition(
                text=f"{title_of(aspect.name)} {aspect.words(asked)}",
                holds=aspect.holds(asked, route, context),
                because=aspect.because(asked, route, context),
            )


EVERY_ROUTE = Match()
