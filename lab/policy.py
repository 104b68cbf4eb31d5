"""The policy language: an ordered list of terms, each a match, changes and a fate.

`evaluate` walks the terms in order and answers with the fate of the route and the trace of every term that it tried. A
route that no term decides is rejected, as with every vendor's route map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from lab.bgp import (
    Asn,
    Community,
    Family,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    family_of,
    in_order,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixRange:
    """The prefixes inside `prefix` whose length is from `at_least` to `at_most` bits."""

    prefix: Prefix
    at_least: int
    at_most: int

    def __post_init__(self) -> None:
        if not self.prefix.prefixlen <= self.at_least <= self.at_most <= self.prefix.max_prefixlen:
            raise ValueError(
                f"{self}: lengths must satisfy {self.prefix.prefixlen} <= ge <= le <= {self.prefix.max_prefixlen}"
            )

    def contains(self, prefix: Prefix) -> bool:
        """Whether `prefix` is one of them."""
        return (
            self.at_least <= prefix.prefixlen <= self.at_most
            and prefix.version == self.prefix.version
            and prefix.subnet_of(self.prefix)  # type: ignore[arg-type]  # the line above made the versions equal
        )

    def __str__(self) -> str:
        low = f" ge {self.at_least}" if self.at_least != self.prefix.prefixlen else ""
        high = f" le {self.at_most}" if self.at_most != self.at_least or low else ""
        return f"{self.prefix}{low}{high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixList:
    """A named set of prefixes: the union of its ranges."""

    name: str
    ranges: tuple[PrefixRange, ...]

    def find(self, prefix: Prefix) -> PrefixRange | None:
        """The first range that contains `prefix`."""
        return next((one for one in self.ranges if one.contains(prefix)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The conditions of a term, all of which must hold. One that is None or empty is not asked."""

    prefix_list: PrefixList | None = None
    any_community: tuple[Community, ...] = ()
    any_large_community: tuple[LargeCommunity, ...] = ()
    as_path_contains: Asn | None = None
    family: Family | None = None

    def test(self, route: Route) -> Iterator[Condition]:
        """Each condition that is asked, with its answer."""
        if self.prefix_list is not None:
            found = self.prefix_list.find(route.prefix)
            says = f"{route.prefix} is in {found}" if found else f"{route.prefix} is in none of its ranges"
            yield Condition(text=f"prefix_list {self.prefix_list.name}", holds=found is not None, because=says)
        for asked, has, name in (
            (self.any_community, route.communities, "community"),
            (self.any_large_community, route.large_communities, "large_community"),
        ):
            if asked:
                common = [one for one in asked if one in has]
                says = f"has {', '.join(common)}" if common else f"has {', '.join(has) or 'none'}"
                yield Condition(text=f"{name} {' or '.join(asked)}", holds=bool(common), because=says)
        if self.as_path_contains is not None:
            holds = self.as_path_contains in route.as_path.asns
            yield Condition(
                text=f"as_path_contains {self.as_path_contains}",
                holds=holds,
                because=f"the path is '{route.as_path}'",
            )
        if self.family is not None:
            is_family = family_of(route.prefix)
            yield Condition(
                text=f"family {self.family.value}", holds=is_family is self.family, because=f"it is {is_family.value}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a term does to the attributes of a route that matched. None leaves an attribute as it is."""

    local_pref: int | None = None
    multi_exit_disc: int | None = None
    weight: int | None = None
    origin: Origin | None = None
    prepend: tuple[Asn, ...] = ()
    communities: tuple[Community, ...] | None = None
    add_communities: tuple[Community, ...] = ()
    remove_communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] | None = None
    add_large_communities: tuple[LargeCommunity, ...] = ()
    remove_large_communities: tuple[LargeCommunity, ...] = ()

    def apply(self, route: Route) -> Route:
        """The route after the change: communities are first replaced, then removed, then added."""
        communities = route.communities if self.communities is None else self.communities
        large = route.large_communities if self.large_communities is None else self.large_communities
        return replace(
            route,
            local_pref=route.local_pref if self.local_pref is None else self.local_pref,
            multi_exit_disc=route.multi_exit_disc if self.multi_exit_disc is None else self.multi_exit_disc,
            weight=route.weight if self.weight is None else self.weight,
            origin=self.origin or route.origin,
            as_path=route.as_path.prepend(*self.prepend),
            communities=in_order(
                [one for one in communities if one not in self.remove_communities] + list(self.add_communities)
            ),
            large_communities=in_order(
                [one for one in large if one not in self.remove_large_communities] + list(self.add_large_communities)
            ),
        )


NO_CHANGE = Change()


class Fate(Enum):
    """What a term does with a route that matched."""

    ACCEPT = "accept"
    REJECT = "reject"
    NEXT_TERM = "next_term"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One step of a policy."""

    fate: Fate
    match: Match = Match()
    change: Change = NO_CHANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named, ordered list of terms. `source` says where it was written, or which rule of Microsoft's edge it is."""

    name: str
    terms: tuple[Term, ...]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition that was asked of a route."""

    text: str
    holds: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeChange:
    """One attribute, before and after."""

    attribute: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One term that was tried; `term` counts from 1. `fate` is None where a condition did not hold."""

    term: int
    conditions: tuple[Condition, ...]
    fate: Fate | None
    changes: tuple[AttributeChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The fate of a route: `route` is what came out, None where it was rejected; `because` names what decided."""

    policy: str
    route: Route | None
    because: str
    steps: tuple[Step, ...]

    @property
    def accepted(self) -> bool:
        """Whether the route came out."""
        return self.route is not None


ATTRIBUTES = (
    "next_hop",
    "origin",
    "as_path",
    "local_pref",
    "multi_exit_disc",
    "communities",
    "large_communities",
    "weight",
)


def text_of(route: Route, attribute: str) -> str:
    """An attribute of a route as text; empty where the route does not have it."""
    value = getattr(route, attribute)
    if value is None:
        return ""
    if isinstance(value, Origin):
        return value.value
    return " ".join(value) if isinstance(value, tuple) else str(value)


def changes_between(before: Route, after: Route) -> tuple[AttributeChange, ...]:
    """The attributes that differ, in the order of `ATTRIBUTES`."""
    return tuple(
        AttributeChange(attribute=name, before=text_of(before, name), after=text_of(after, name))
        for name in ATTRIBUTES
        if getattr(before, name) != getattr(after, name)
    )


def evaluate(policy: Policy, route: Route) -> Outcome:
    """What `policy` does with `route`, and why."""
    steps: list[Step] = []
    for number, term in enumerate(policy.terms, start=1):
        conditions = tuple(term.match.test(route))
        if not all(condition.holds for condition in conditions):
            steps.append(Step(term=number, conditions=conditions, fate=None))
            continue
        if term.fate is Fate.REJECT:
            steps.append(Step(term=number, conditions=conditions, fate=term.fate))
            return Outcome(policy=policy.name, route=None, because=f"term {number} rejects", steps=tuple(steps))
        changed = term.change.apply(route)
        steps.append(Step(term=number, conditions=conditions, fate=term.fate, changes=changes_between(route, changed)))
        route = changed
        if term.fate is Fate.ACCEPT:
            return Outcome(policy=policy.name, route=route, because=f"term {number} accepts", steps=tuple(steps))
    return Outcome(policy=policy.name, route=None, because="no term decided: the default is reject", steps=tuple(steps))
