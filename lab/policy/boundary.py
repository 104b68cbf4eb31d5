"""Routes at the values of what policies ask: made from the policies themselves, to tell one from another.

Around a route that each term takes, one attribute at a time goes through every value at which a term of any of the
policies turns; then the attributes that the term asks about go through their values two by two. That the policies agree
on all of these routes is no proof that they are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import chain, combinations, islice, product
from typing import Any

from lab.bgp import Address, Asn, AsPath, Family, Prefix, Route, family_of
from lab.policy.aspects import Aspect, Context
from lab.policy.boundary_values import (
    ATTRIBUTES,
    COMMUNITIES,
    LONGEST_PATH,
    STRANGER,
    BoundaryValues,
    ordinary_next_hop,
    ordinary_prefix,
    values_of,
)
from lab.policy.changes import ContextMissingError
from lab.policy.compiled import compiled_policy
from lab.policy.conditions import Match
from lab.policy.coverage import with_called
from lab.policy.evaluation import Policy, Term
from lab.policy.sets import NumberRange

MOST_ROUTES = 5000
"""Of one comparison. Only very long policies have more of them."""
_PAIRED = 12
"""Values of an attribute that are paired with those of another."""
_TRIED = 2000
"""Values that are tried to make a route which a term takes."""
_EVALUATED = 200
"""Routes that are tried to find one which no earlier term decides."""
MOST_TERMS_ASKED = 1_000_000
"""Of one policy, by all its boundary routes together: a policy of a thousand terms takes seconds, and not minutes."""
_MOST_BASES = 2
"""Of each term."""
_CROSSED = 40
_OWN_ASN = Asn(64500)
_OWN_ADDRESS = {Family.IPV4: ip_address("198.51.100.2"), Family.IPV6: ip_address("2001:db8:c633::2")}

_ATTRIBUTE_OF = {
    "prefix_list": "prefix",
    "family": "prefix",
    "as_path_length": "as_path",
    "community": "communities",
    "large_community": "large_communities",
    "extended_community": "extended_communities",
    "route_target": "extended_communities",
}
"""The attribute that a condition asks about, where it has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A route, and where a policy is asked about it."""

    route: Route
    context: Context


def sample(route: Route, neighbor: str = "") -> Sample:
    """A route from a neighbour, at a router with an AS and addresses for documentation."""
    own = _OWN_ADDRESS[family_of(route.prefix)]
    context = Context(own_asn=_OWN_ASN, own_address=own)
    peer = _address(neighbor)
    return Sample(
        route=route,
        context=replace(context, neighbor=neighbor) if peer is None else replace(context, peer_address=peer),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The boundary routes of several versions of a policy.

    `complete` says that these are all; of policies with very many conditions or terms they are the first ones.
    `searched` says that for each term a route was looked for that reaches it.
    """

    samples: tuple[Sample, ...]
    complete: bool
    searched: bool


def boundary(policies: Sequence[Policy]) -> Boundary:
    """The boundary routes of several versions of a policy, each once and always in the same order."""
    terms = list(map(_count_terms, policies))
    most = max(1, min(MOST_ROUTES, MOST_TERMS_ASKED // max(1, *terms, 0)))
    reaches = list(map(_Reach, policies))
    samples = tuple(islice(_distinct(_all(policies, reaches)), most))
    complete = len(samples) < most
    has_all_bases = complete or len(samples) > len(Family) + _MOST_BASES * sum(terms)
    return Boundary(
        samples=samples, complete=complete, searched=has_all_bases and all(reach.is_left for reach in reaches)
    )


def _count_terms(policy: Policy) -> int:
    """The terms of a policy and of those that it calls."""
    return sum(len(one.terms) for one in with_called((policy,)))


def _distinct(samples: Iterable[Sample]) -> Iterator[Sample]:
    seen: set[Sample] = set()
    for one in samples:
        if one not in seen:
            seen.add(one)
            yield one


def _all(policies: Sequence[Policy], reaches: Sequence[_Reach]) -> Iterator[Sample]:
    """Every boundary route, first those that tell most: what is not in all versions, and each term's own values."""
    versions = [_version(policy) for policy in policies]
    everywhere = _union(own for version in versions for _, _, own in version)
    unions = [_union(own for _, _, own in version) for version in versions]
    changed = _union(everywhere.without(one) for one in unions)
    terms = {
        (base, term): own
        for reach, version in zip(reaches, versions, strict=True)
        for at, term, own in version
        for base in _bases(reach, at, term, own, everywhere)
    }
    bases = tuple(dict.fromkeys((*map(_ordinary, Family), *(base for base, _ in terms))))
    yield from bases
    yield from _in_turn(_varied(base, changed) for base in bases)
    yield from _in_turn(_varied(base, own) for (base, _), own in terms.items())
    yield from _in_turn(_varied(base, everywhere) for base in bases)
    yield from _in_turn(_paired(base, term, own) for (base, term), own in terms.items())


_Place = tuple[str, int]
"""A policy's name and the number of one of its terms."""


def _version(policy: Policy) -> list[tuple[_Place, Term, BoundaryValues]]:
    """The terms of a policy and of those that it calls, with where each turns."""
    return [
        ((one.name, number), term, values_of(term))
        for one in with_called((policy,))
        for number, term in enumerate(one.terms, start=1)
    ]


def _union(values: Iterable[BoundaryValues]) -> BoundaryValues:
    return BoundaryValues.union(tuple(values))


def _in_turn(every: Iterable[Iterator[Sample]]) -> Iterator[Sample]:
    """One of each, then the next one of each, so that no term's many values leave no room for another's."""
    waiting = list(every)
    while waiting:
        going = []
        for samples in waiting:
            for one in islice(samples, 1):
                going.append(samples)
                yield one
        waiting = going


# samples


def _ordinary(family: Family) -> Sample:
    return sample(Route(prefix=ordinary_prefix(family), next_hop=ordinary_next_hop(family)))


def _with(base: Sample, attribute: str, value: Any) -> Sample:  # noqa: ANN401  # of any attribute
    """The base with another value; a prefix of the other family brings a next hop of its own."""
    route = base.route
    if attribute == "neighbor":
        return sample(route, value)
    if attribute == "prefix" and family_of(value) is not family_of(route.next_hop):
        route = replace(route, next_hop=ordinary_next_hop(family_of(value)))
    changed = sample(replace(route, **{attribute: value}))
    named = replace(changed.context, neighbor=base.context.neighbor, peer_address=base.context.peer_address)
    return replace(changed, context=named)


def _varied(base: Sample, values: BoundaryValues) -> Iterator[Sample]:
    """The base with one attribute changed."""
    return (one for attribute in ATTRIBUTES for one in _variations(base, attribute, values.of(attribute)))


def _variations(base: Sample, attribute: str, values: Iterable[Any]) -> Iterator[Sample]:
    """The base with each value of an attribute; of communities with each there, not there and alone, and with none."""
    if attribute == "path_length":
        paths = (path for length in values for path in _as_long_as(base.route.as_path, length))
        yield from (_with(base, "as_path", path) for path in paths)
        return
    if attribute not in COMMUNITIES:
        family = family_of(base.route.prefix)
        fitting = (one for one in values if attribute != "next_hop" or family_of(one) is family)
        yield from (_with(base, attribute, value) for value in fitting)
        return
    present = getattr(base.route, attribute)
    for one in values:
        others = tuple(other for other in present if other != one)
        yield _with(base, attribute, (*others, one))
        yield _with(base, attribute, others)
        yield _with(base, attribute, (one,))
    yield _with(base, attribute, ())


def _paired(base: Sample, term: Term, own: BoundaryValues) -> Iterator[Sample]:
    """The base with two of the attributes changed that a term asks about."""
    asked = dict.fromkeys(_attribute(aspect) for aspect, _ in term.match.questions())
    for one, other in combinations(asked, 2):
        few = islice(_variations(base, one, own.of(one)), _PAIRED)
        for changed in few:
            yield from islice(_variations(changed, other, own.of(other)), _PAIRED)


# bases


class _Reach:
    """Which terms of a policy a route reaches; nothing is known any more once very many terms were asked."""

    def __init__(self, policy: Policy) -> None:
        self._places: set[_Place] = set()
        self._run = compiled_policy(policy, lambda name, number: self._places.add((name, number)))
        self._terms = _count_terms(policy)
        self._left = MOST_TERMS_ASKED

    def reaches(self, one: Sample, at: _Place) -> bool:
        """Whether a term's conditions hold for what becomes of a route on its way to it."""
        self._places.clear()
        self._left -= self._terms
        with suppress(ContextMissingError):  # the context of a sample says everything
            self._run(one.route, one.context)
        return at in self._places

    @property
    def is_left(self) -> bool:
        """Whether more may be asked."""
        return self._left > 0


def _bases(
    reach: _Reach, at: _Place, term: Term, own: BoundaryValues, everywhere: BoundaryValues
) -> tuple[Sample, ...]:
    """A route that a term takes, and one that no earlier term decides, where they were found."""
    taken = _taken(term.match, own, everywhere)
    if taken is None:
        return ()
    return tuple(dict.fromkeys((taken, _reaching(reach, at, term.match, taken, everywhere) or taken)))


def _attribute(aspect: Aspect) -> str:
    return _ATTRIBUTE_OF.get(aspect.name, aspect.name)


def _taken(match: Match, own: BoundaryValues, everywhere: BoundaryValues) -> Sample | None:
    """A route for which every condition holds; None where none was found."""
    found = _ordinary(Family.IPV4)
    questions = match.questions()
    for attribute in ATTRIBUTES:
        asked = [(aspect, what) for aspect, what in questions if _attribute(aspect) == attribute]
        tried = chain((found,), islice(_candidates(match, attribute, own, everywhere, found), _TRIED))
        better = next((one for one in tried if _holds(asked, one)), None)
        if better is None:
            return None
        found = better
    return found


def _holds(asked: Iterable[tuple[Aspect, Any]], one: Sample) -> bool:
    return all(aspect.holds(what, one.route, one.context) for aspect, what in asked)


def _candidates(
    match: Match, attribute: str, own: BoundaryValues, everywhere: BoundaryValues, base: Sample
) -> Iterator[Sample]:
    """The base with values of one attribute that may satisfy what is asked of it."""
    first, rest = own.of(attribute), everywhere.of(attribute)
    combined: Callable[[Match, Sequence[Any]], Iterable[Any]] | None = _COMBINED.get(attribute)
    values: Iterable[Any] = first if combined is None else chain(first, combined(match, first))
    if attribute in COMMUNITIES:
        values = chain(((one,) for one in first), ([first] if first else []), _pairs(first))
        rest = ()
    return (_with(base, attribute, value) for value in chain(values, rest))


def _pairs(values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    return chain(combinations(values, 2), combinations(values, 3))


def _crossed_prefixes(_match: Match, prefixes: Sequence[Prefix]) -> Iterator[Prefix]:
    """Each network with the lengths of the others."""
    lengths = dict.fromkeys(one.prefixlen for one in prefixes)
    few = islice(dict.fromkeys(one.network_address for one in prefixes), _CROSSED)
    for address, length in product(few, islice(lengths, _CROSSED)):
        if length <= address.max_prefixlen:
            yield ip_network((address, length), strict=False)


def _lengthened_paths(match: Match, paths: Sequence[AsPath]) -> Iterator[AsPath]:
    """Each path made as long as is asked."""
    entries = [one.length for found in (match.as_path.sets if match.as_path else ()) for one in found.entries]
    lengths: list[NumberRange | None] = [match.as_path_length, *entries]
    wanted = dict.fromkeys(count for one in lengths if one is not None for count in (one.low, one.high))
    for path, length in product((*paths, AsPath()), wanted):
        yield from _as_long_as(path, length)


def _as_long_as(path: AsPath, length: int) -> Iterator[AsPath]:
    """A path with strange ASes at either end, or without its last or first ones, so that it is as long as that."""
    missing = length - path.length
    if 0 < missing <= LONGEST_PATH:
        more = [STRANGER] * missing
        yield path.prepend(*more)
        yield AsPath((*path.segments, *AsPath.of(*more).segments))
    elif missing < 0:
        yield AsPath.of(*path.asns[:length])
        yield AsPath.of(*path.asns[-length:] if length else ())


_COMBINED: dict[str, Callable[[Match, Sequence[Any]], Iterable[Any]]] = {
    "prefix": _crossed_prefixes,
    "as_path": _lengthened_paths,
}


def _reaching(reach: _Reach, at: _Place, match: Match, base: Sample, values: BoundaryValues) -> Sample | None:
    """A route like the base that a term takes and that no earlier one decides; None where none was found."""
    questions = match.questions()
    taken = (one for one in islice(chain((base,), _varied(base, values)), _TRIED) if _holds(questions, one))
    return next((one for one in islice(taken, _EVALUATED) if reach.is_left and reach.reaches(one, at)), None)


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
