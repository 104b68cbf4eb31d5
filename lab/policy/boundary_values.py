"""The values at which the conditions and changes of a term turn: what lies just inside of them, and just outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from ipaddress import ip_address, ip_network
from itertools import islice, permutations, product
from typing import Any, TypeVar

from lab.bgp import (
    Address,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    Origin,
    Prefix,
    RouteSource,
    parse_asn,
    parse_community,
    parse_extended_community,
    parse_large_community,
)
from lab.policy.changes import WEIGHT_MAX, Change, CommunityChange, NumberChange, Operation
from lab.policy.conditions import Match
from lab.policy.evaluation import Term
from lab.policy.examples import examples
from lab.policy.sets import (
    NUMBER_MAX,
    Asked,
    CommunityPattern,
    CommunitySet,
    NumberRange,
    PatternKind,
    PrefixList,
    PrefixRange,
    Quantifier,
)

STRANGER = Asn(64496)
"""An AS for documentation (RFC 5398), which policies are not about."""
PRIVATE = Asn(64512)
LONGEST_PATH = 300
"""AS numbers: no path of a policy's interest is longer."""
_STRANGE_COMMUNITY = Community(f"{STRANGER}:1")
_PREFIXES = (ip_network("203.0.113.0/24"), ip_network("2001:db8:cb00::/48"))  # for documentation
_NEXT_HOPS = {Family.IPV4: ip_address("198.51.100.1"), Family.IPV6: ip_address("2001:db8:c633::1")}
_IN_COMMON = 200
"""Prefixes of one condition that lie in several lists."""
Value = TypeVar("Value")


def ordinary_prefix(family: Family) -> Prefix:
    """A prefix that policies are not about."""
    return _PREFIXES[0] if family is Family.IPV4 else _PREFIXES[1]


def ordinary_next_hop(family: Family) -> Address:
    """A next hop that policies are not about."""
    return _NEXT_HOPS[family]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryValues:
    """Values of each attribute of a route, and of the neighbour, at which something turns.

    Of communities each value is one of them, which a route may have or not. A `path_length` is what an AS path may be
    made as long as.
    """

    prefix: tuple[Prefix, ...] = ()
    next_hop: tuple[Address, ...] = ()
    origin: tuple[Origin, ...] = ()
    as_path: tuple[AsPath, ...] = ()
    path_length: tuple[int, ...] = ()
    local_pref: tuple[int | None, ...] = ()
    multi_exit_disc: tuple[int | None, ...] = ()
    communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] = ()
    extended_communities: tuple[ExtendedCommunity, ...] = ()
    weight: tuple[int, ...] = ()
    source: tuple[RouteSource, ...] = ()
    vrf: tuple[str, ...] = ()
    neighbor: tuple[str, ...] = ()

    @staticmethod
    def union(every: Sequence[BoundaryValues]) -> BoundaryValues:
        """The values of all."""
        return BoundaryValues(**{name: _once(v for one in every for v in one.of(name)) for name in ATTRIBUTES})

    def without(self, other: BoundaryValues) -> BoundaryValues:
        """The values that another one does not have."""
        return BoundaryValues(**{name: _not_in(self.of(name), frozenset(other.of(name))) for name in ATTRIBUTES})

    def of(self, attribute: str) -> tuple[Any, ...]:
        """The values of one attribute."""
        return tuple(getattr(self, attribute))


ATTRIBUTES = tuple(one.name for one in fields(BoundaryValues))
"""What a boundary route can have one or another value of."""
COMMUNITIES = ("communities", "large_communities", "extended_communities")


def values_of(term: Term) -> BoundaryValues:
    """Where one term turns."""
    match, change = term.match, term.change
    return BoundaryValues(
        prefix=_once(_prefixes(match)),
        next_hop=_once(_next_hops(match)),
        origin=tuple(Origin) if match.origin or change.origin else (),
        as_path=_once(_paths(match, change)),
        path_length=_once(_lengths(match)),
        local_pref=_once(_numbers(match.local_pref, change.local_pref, NUMBER_MAX)),
        multi_exit_disc=_once(_numbers(match.multi_exit_disc, change.multi_exit_disc, NUMBER_MAX)),
        communities=_once(_communities(parse_community, (match.community,), change.communities, _STRANGE_COMMUNITY)),
        large_communities=_once(
            _communities(
                parse_large_community,
                (match.large_community,),
                change.large_communities,
                LargeCommunity(f"{STRANGER}:1:1"),
            )
        ),
        extended_communities=_once(_extended(match, change)),
        weight=_once(one for one in _numbers(match.weight, change.weight, WEIGHT_MAX) if one is not None),
        source=tuple(RouteSource) if match.source else (),
        vrf=(*match.vrf, "", "another") if match.vrf else (),
        neighbor=(*match.neighbor, "", "another") if match.neighbor else (),
    )


def _not_in(values: Iterable[Value], others: frozenset[Value]) -> tuple[Value, ...]:
    return tuple(one for one in values if one not in others)


def _once(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))


# prefixes


def _prefixes(match: Match) -> Iterator[Prefix]:
    for one in _ranges(match.prefix_list):
        yield from _around(one)
    yield from islice(_in_common(match.prefix_list), _IN_COMMON)
    if match.prefix_list is not None or match.family is not None:
        yield from _PREFIXES


def _ranges(asked: Asked[PrefixList] | None) -> Iterator[PrefixRange]:
    return (one for found in (asked.sets if asked else ()) for one in found.ranges)


def _in_common(asked: Asked[PrefixList] | None) -> Iterator[Prefix]:
    """Where all of several lists have to hold a prefix: the ends of the ones in the networks of the others."""
    if asked is None or asked.quantifier is not Quantifier.ALL:
        return
    for inner, outer in permutations(_ranges(asked), 2):
        if inner.prefix.version == outer.prefix.version and inner.prefix.subnet_of(outer.prefix):  # type: ignore[arg-type]  # of one version
            for length in (outer.at_least, outer.at_most, outer.at_least - 1, outer.at_most + 1):
                if inner.prefix.prefixlen <= length <= inner.prefix.max_prefixlen:
                    yield ip_network((inner.prefix.network_address, length))


def _around(one: PrefixRange) -> Iterator[Prefix]:
    """Each end of the lengths and the one beyond it, the network itself, a shorter one, and what lies beside.

    The longest ones are the first and the last of the network: another range may hold one of them too.
    """
    prefix, longest = one.prefix, one.prefix.max_prefixlen
    own = prefix.prefixlen
    for length in (one.at_least, one.at_most, one.at_least - 1, one.at_most + 1, own, own + 1):
        if own <= length <= longest:
            yield ip_network((prefix.network_address, length))
    for length in (one.at_most, one.at_most + 1):
        if length <= longest:
            yield ip_network((prefix.broadcast_address, length), strict=False)
    if own > 0:
        yield prefix.supernet()
        beside = type(prefix.network_address)(int(prefix.network_address) ^ 1 << (longest - own))
        yield ip_network((beside, one.at_least))


def _next_hops(match: Match) -> Iterator[Address]:
    for one in _ranges(match.next_hop):
        first, last = one.prefix.network_address, one.prefix.broadcast_address
        yield from (first, last)
        if int(first) > 0:
            yield first - 1
        if int(last) < (1 << one.prefix.max_prefixlen) - 1:
            yield last + 1


# numbers


def _numbers(asked: NumberRange | None, change: NumberChange | None, most: int) -> Iterator[int | None]:
    if asked is not None and asked.absent:
        yield from (None, 0)
    elif asked is not None:
        near = (asked.low, asked.high, asked.low - 1, asked.high + 1)
        yield from (one for one in near if 0 <= one <= most)
        yield None
    if change is not None:
        yield from (None, change.value, min(change.value + 1, most))
        if change.operation in (Operation.PLUS, Operation.MINUS):
            yield from (0, 150, most - change.value)


# AS paths


_DIGITS = re.compile("[0-9]+")


def _paths(match: Match, change: Change) -> Iterator[AsPath]:
    entries = [one for found in (match.as_path.sets if match.as_path else ()) for one in found.entries]
    patterns = [one.pattern for one in entries if one.pattern]
    changes_path = bool(change.replace_asns or change.remove_private_asns or change.prepend_last or change.prepend)
    if not (patterns or changes_path or change.as_path is not None):
        return
    found = [path for pattern in patterns for path in paths_like(pattern)]
    yield from found
    tokens = [asn for path in found for asn in path.asns]
    tokens += [asn for pattern in patterns for text in _DIGITS.findall(pattern) if (asn := _asn(text)) is not None]
    tokens += [before for before, _ in change.replace_asns]
    tokens += [PRIVATE] if change.remove_private_asns else []
    yield from (AsPath(), AsPath.of(STRANGER), AsPath.parse(f"{{{STRANGER}}}"))
    for asn in dict.fromkeys(tokens):
        yield from shapes(asn)


def _lengths(match: Match) -> Iterator[int]:
    entries = [one for found in (match.as_path.sets if match.as_path else ()) for one in found.entries]
    for length in (match.as_path_length, *(one.length for one in entries)):
        if length is not None:
            ends = (length.low, length.high, length.low - 1, length.high + 1)
            yield from (count for count in ends if 0 <= count <= LONGEST_PATH)


def paths_like(pattern: str) -> tuple[AsPath, ...]:
    """A few AS paths that a pattern should match."""
    return _once(path for text in examples(pattern, underscore=" ") if (path := _path(text)) is not None)


def shapes(asn: Asn) -> Iterator[AsPath]:
    """An AS alone, in front, at the end, in the middle, twice and in a set, and some with nearly the same number."""
    yield AsPath.of(asn)
    yield AsPath.of(asn, STRANGER)
    yield AsPath.of(STRANGER, asn)
    yield AsPath.of(STRANGER, asn, STRANGER)
    yield AsPath.of(asn, asn)
    yield AsPath.parse(f"{{{asn}}}")
    others = (asn - 1, asn + 1, int(f"1{asn}"), int(f"{asn}1"))
    yield from (AsPath.of(one) for one in others if 1 <= one <= NUMBER_MAX)


def _path(text: str) -> AsPath | None:
    try:
        return AsPath.parse(text)
    except ValueError:
        return None


def _asn(text: str) -> Asn | None:
    try:
        return parse_asn(text)
    except ValueError:
        return None


# communities


def _communities(
    parse: Callable[[str], Value],
    asked: Iterable[Asked[CommunitySet] | None],
    change: CommunityChange[Any] | None,
    stranger: Value,
) -> Iterator[Value]:
    sets = [one for some in asked if some is not None for one in some.sets]
    sets += change.remove if change is not None else ()
    if not sets and change is None:
        return
    for pattern in (pattern for one in sets for pattern in one.patterns):
        yield from communities_like(pattern, parse)
    if change is not None:
        yield from (*(change.replace or ()), *change.add)
    yield stranger


_BEFORE = ("", "1", "1:", "1:1:", "target:", "target:1:", "origin:")
_BEHIND = ("", "1", ":1", "1:1", ":1:1", "1:1:1")


def communities_like(pattern: CommunityPattern, parse: Callable[[str], Value]) -> tuple[Value, ...]:
    """A few communities that a pattern matches, and some that differ from them in a number, a digit or the kind."""
    near: list[str] = []
    if pattern.kind is PatternKind.EXACT:
        like = [pattern.text]
    elif pattern.kind is PatternKind.WILDCARD:
        like = list(_in_place_of_stars(pattern.text))
        near = [
            f"{_OTHER_KIND[kind]}:{rest}"
            for kind, _, rest in (one.partition(":") for one in like)
            if kind in _OTHER_KIND
        ]
    else:
        like = [whole for text in examples(pattern.text) if (whole := _completed(text, pattern, parse))]
        near = [text for one in like for text in _with_a_digit(one)]
    near += [f"{rest}{int(last) + 1}" for rest, last in map(_parted, like) if last.isdecimal()]
    return _once(one for text in (*like, *near) if (one := _parsed(parse, text)) is not None)


_OTHER_KIND = {"target": "origin", "origin": "target"}


def _in_place_of_stars(text: str) -> Iterator[str]:
    """A wildcard with the lowest number, one between and the highest, and with the kinds of extended communities."""
    for number in ("0", "100", "65535"):
        yield text.replace("*", number)
        if text.startswith("*:"):
            yield from (f"{kind}{text[1:].replace('*', number)}" for kind in _OTHER_KIND)


def _with_a_digit(text: str) -> Iterator[str]:
    """A community with a digit more before or behind each of its numbers."""
    parts = text.split(":")
    for at, part in enumerate(parts):
        if part.isdecimal():
            for longer in (f"{part}1", f"1{part}"):
                yield ":".join((*parts[:at], longer, *parts[at + 1 :]))


def _completed(text: str, pattern: CommunityPattern, parse: Callable[[str], Value]) -> str:
    """A community's text that holds the one that was found; empty where none was."""
    for before, behind in product(_BEFORE, _BEHIND):
        found = _parsed(parse, before + text + behind)
        if found is not None and pattern.matches(str(found)):
            return str(found)
    return ""


def _parted(text: str) -> tuple[str, str]:
    head, colon, last = text.rpartition(":")
    return head + colon, last


def _parsed(parse: Callable[[str], Value], text: str) -> Value | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _extended(match: Match, change: Change) -> Iterator[ExtendedCommunity]:
    asked = (match.extended_community, match.route_target)
    stranger = ExtendedCommunity(f"target:{STRANGER}:1")
    yield from _communities(parse_extended_community, asked, change.extended_communities, stranger)
    if change.route_targets is not None:
        yield from (*change.route_targets, stranger, ExtendedCommunity(f"origin:{STRANGER}:1"))
