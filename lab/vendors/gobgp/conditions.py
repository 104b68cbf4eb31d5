"""What a term asks, as GoBGP asks it.

What the session or the configuration settles is settled here: the neighbour, the family, what no route can be. The rest
is a list of tests, each of which any of some conditions has to pass, or none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.bgp import ExtendedCommunity, Family, RouteSource, extended_community_octets, family_of, title_of
from lab.plan import SessionPlan
from lab.policy import (
    Asked,
    AsPathSet,
    CommunityPattern,
    CommunitySet,
    Match,
    NumberRange,
    PatternKind,
    PrefixList,
    PrefixRange,
    Quantifier,
)
from lab.policy.sets import NUMBER_MAX
from lab.vendors.gobgp.patterns import NotSaidError, as_path_expression, behind_own_as, community_expression, either
from lab.vendors.gobgp.statements import Asks, Kind, Option


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Where a chain of policies runs: on routes from a neighbour, or on those for it."""

    session: SessionPlan
    exports: bool

    @property
    def adds_own_as(self) -> bool:
        """Whether GoBGP has put the own AS before the path already, as it has before it runs an export policy."""
        return self.exports and self.session.ebgp


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """Holds where one of the `ways` holds; where it is not `wanted`, where none of them does."""

    ways: tuple[Asks, ...]
    wanted: bool = True

    @property
    def exclusive(self) -> bool:
        """Whether a route passes in one way only: types of routes exclude one another."""
        return len(self.ways) == 1 or all(one.kind is Kind.ROUTE_TYPE for one in self.ways)


def tests_of(match: Match, where: Direction) -> tuple[Test, ...] | None:
    """What the conditions of a term ask; None where no route on this session can meet them. Raises NotSaidError."""
    found: list[Test] = []
    for part in _parts(match, where):
        if part is False:
            return None
        if part is not True:
            found.append(part)
    return tuple(found)


def _parts(match: Match, where: Direction) -> Iterator[Test | bool]:
    """Each condition as a test, or as what it comes to for every route."""
    yield from _settled(match, where)
    if match.prefix_list is not None:
        yield _prefixes(match.prefix_list, where.session.family)
    if match.as_path is not None:
        yield _paths(match.as_path, where)
    if match.as_path_length is not None:
        yield from _length(match.as_path_length, where)
    yield from _of_communities(match)
    if match.next_hop is not None:
        yield from _next_hops(match.next_hop, where)
    for name in ("local_pref", "multi_exit_disc", "origin"):
        if getattr(match, name) not in (None, ()):
            raise NotSaidError(f"match: {title_of(name)}", "match a community or a prefix list")


def _settled(match: Match, where: Direction) -> Iterator[bool | Test]:
    session = where.session
    if match.neighbor:
        yield bool({session.neighbor, str(session.peer_address)} & set(match.neighbor))
    if match.family is not None:
        yield match.family is session.family
    if match.vrf:
        yield False  # with leaked networks the whole plan is refused
    if match.weight is not None:
        if where.exports:
            raise NotSaidError("match: weight, at an export", "match source")
        yield match.weight.contains(0)
    if match.source:
        yield _sources(frozenset(match.source), where)


def _sources(asked: frozenset[RouteSource], where: Direction) -> Test | bool:
    if not where.exports:
        return RouteSource.BGP in asked
    own = {RouteSource.CONNECTED, RouteSource.STATIC} & asked
    if len(own) == 1:
        raise NotSaidError("match: source connected without static, or static without connected", "name both")
    types = (*(["local"] if own else []), *(["external", "internal"] if RouteSource.BGP in asked else []))
    if len(types) == 3:
        return True
    return Test(ways=tuple(Asks(kind=Kind.ROUTE_TYPE, members=(one,)) for one in types)) if types else False


def _name(asked: Asked[PrefixList] | Asked[AsPathSet] | Asked[CommunitySet]) -> str:
    """What a set of GoBGP's is called: what the user calls it, as far as that can stand in a name."""
    return re.sub(r"[^A-Za-z0-9.:/_-]+", "-", "+".join(one.name for one in asked.sets)).strip("-")[:60] or "set"


def _none(test: Test) -> Test:
    return Test(ways=test.ways, wanted=False)


# prefixes


def _prefixes(asked: Asked[PrefixList], family: Family) -> Test | bool:
    of_family = [[one for one in each.ranges if family_of(one.prefix) is family] for each in asked.sets]
    ranges = of_family[0]
    for others in of_family[1:]:
        if asked.quantifier is Quantifier.ALL:
            ranges = [both for one in ranges for other in others if (both := _both(one, other)) is not None]
        else:
            ranges = [*ranges, *others]
    if not ranges:
        return asked.quantifier is Quantifier.NONE
    option = Option.INVERT if asked.quantifier is Quantifier.NONE else Option.ANY
    name = f"{_name(asked)}-{family.value}"
    return Test(ways=(Asks(kind=Kind.PREFIX, name=name, members=_members(ranges), option=option),))


def _both(one: PrefixRange, other: PrefixRange) -> PrefixRange | None:
    """The prefixes that are in two ranges."""
    outer, inner = sorted((one, other), key=lambda each: each.prefix.prefixlen)
    low, high = max(one.at_least, other.at_least), min(one.at_most, other.at_most)
    if not _covers(outer, inner) or low > high:
        return None
    return PrefixRange(prefix=inner.prefix, at_least=low, at_most=high)


def _covers(outer: PrefixRange, inner: PrefixRange) -> bool:
    width = outer.prefix.max_prefixlen - outer.prefix.prefixlen
    first, second = int(outer.prefix.network_address), int(inner.prefix.network_address)
    return outer.prefix.prefixlen <= inner.prefix.prefixlen and (first ^ second) >> width == 0


def _members(ranges: list[PrefixRange]) -> tuple[str, ...]:
    """The members of a prefix set. GoBGP asks the longest that holds a prefix only: it has the wider ones' lengths."""
    members = [
        f"{inner.prefix} {outer.at_least}..{outer.at_most}"
        for inner in ranges
        for outer in ranges
        if _covers(outer, inner)
    ]
    return tuple(dict.fromkeys(members))


# AS paths


def _paths(asked: Asked[AsPathSet], where: Direction) -> Test | bool:
    entries = [[*one.entries] for one in asked.sets]
    if asked.quantifier is Quantifier.ALL and len(entries) > 1:
        if any(entry.length is not None for one in entries for entry in one):
            raise NotSaidError("match: all of several sets of AS paths with lengths", "match as_path_length beside")
        members = tuple("|".join(f"(?:{_path(entry.pattern, where)})" for entry in one) for one in entries)
        return Test(ways=(Asks(kind=Kind.AS_PATH, name=_name(asked), members=members, option=Option.ALL),))
    every = [entry for one in entries for entry in one]
    patterns = tuple(_path(entry.pattern, where) for entry in every if entry.length is None)
    ways = [Asks(kind=Kind.AS_PATH, name=_name(asked), members=patterns)] if patterns else []
    for entry in every:
        if entry.length is not None:
            asks = list(_bounds(entry.length, where))
            if len(asks) > 1:
                raise NotSaidError("a set of AS paths with a length from one number to another", "match as_path_length")
            ways += asks
            if not asks:
                return asked.quantifier is not Quantifier.NONE
    test = Test(ways=tuple(ways))
    return test if asked.quantifier is not Quantifier.NONE else _none(test)


def _path(pattern: str, where: Direction) -> str:
    return behind_own_as(pattern, where.session.local_asn) if where.adds_own_as else as_path_expression(pattern)


def _length(asked: NumberRange, where: Direction) -> Iterator[Test | bool]:
    yield from (Test(ways=(asks,)) for asks in _bounds(asked, where))


def _bounds(asked: NumberRange, where: Direction) -> Iterator[Asks]:
    """The bounds of a length, all of which it must keep; at an export to another AS the own AS is in the path."""
    more = 1 if where.adds_own_as else 0
    if asked.low == asked.high:
        yield Asks(kind=Kind.AS_PATH_LENGTH, members=("eq", str(asked.low + more)))
        return
    if asked.low > 0:
        yield Asks(kind=Kind.AS_PATH_LENGTH, members=("ge", str(asked.low + more)))
    if asked.high < NUMBER_MAX:
        yield Asks(kind=Kind.AS_PATH_LENGTH, members=("le", str(asked.high + more)))


# communities


def _of_communities(match: Match) -> Iterator[Test | bool]:
    for kind, asked in ((Kind.COMMUNITY, match.community), (Kind.LARGE_COMMUNITY, match.large_community)):
        if asked is not None:
            yield _communities(kind, asked)
    for asked in (match.extended_community, match.route_target):
        if asked is not None:
            yield from _extended(asked)


def _communities(kind: Kind, asked: Asked[CommunitySet]) -> Test | bool:
    if asked.quantifier is Quantifier.ALL and len(asked.sets) > 1:
        members = tuple(either([community_expression(pattern) for pattern in one.patterns]) for one in asked.sets)
        return Test(ways=(Asks(kind=kind, name=_name(asked), members=members, option=Option.ALL),))
    members = tuple(dict.fromkeys(community_expression(pattern) for one in asked.sets for pattern in one.patterns))
    option = Option.INVERT if asked.quantifier is Quantifier.NONE else Option.ANY
    return Test(ways=(Asks(kind=kind, name=_name(asked), members=members, option=option),)) if members else False


def _extended(asked: Asked[CommunitySet]) -> Iterator[Test | bool]:
    """Of extended communities GoBGP's options `all` and `invert` look at the route's, each one; `any` is as ours."""
    if asked.quantifier is Quantifier.ALL:
        for one in asked.sets:
            yield _any_extended(Asked(sets=(one,)))
        return
    test = _any_extended(asked)
    yield test if asked.quantifier is Quantifier.ANY else _none(test)


def _any_extended(asked: Asked[CommunitySet]) -> Test:
    members = dict.fromkeys(extended_expression(pattern) for one in asked.sets for pattern in one.patterns)
    return Test(ways=(Asks(kind=Kind.EXTENDED_COMMUNITY, name=_name(asked), members=tuple(members)),))


_EXTENDED = re.compile(r"(target|origin):(?:(\*)|\d+L?|[\d.]+):(\*|\d+)")


def extended_expression(pattern: CommunityPattern) -> str:
    """A member of a set of extended communities: of RT and SoO, as GoBGP writes them. Raises NotSaidError."""
    found = _EXTENDED.fullmatch(pattern.text)
    if pattern.kind is PatternKind.REGULAR_EXPRESSION or found is None:
        meant = "write target:…, origin:… or a wildcard such as target:65010:*"
        raise NotSaidError(f"an extended community {pattern}: GoBGP writes them in other words", meant)
    kind, anyone, value = found.groups()
    values = "[0-9]+" if value == "*" else value
    one = ExtendedCommunity(pattern.text.replace("*", "0"))
    who = "[0-9.]+" if anyone else administrator(one).replace(".", "[.]")
    return f"{'rt' if kind == 'target' else 'soo'}:^(?:{who}:{values})$"


def administrator(community: ExtendedCommunity) -> str:
    """Who gave out a route target or a route origin, as GoBGP writes it: an AS of four octets in two parts."""
    octets = extended_community_octets(community)
    upper, lower = int.from_bytes(octets[2:4]), int.from_bytes(octets[4:6])
    if octets[0] == 1:  # an IPv4 address (RFC 4360 §3.2)
        return str(IPv4Address(octets[2:6]))
    return f"{upper}.{lower}" if octets[0] == 2 else str(upper)


# next hops


def _next_hops(asked: Asked[PrefixList], where: Direction) -> Iterator[Test | bool]:
    """GoBGP asks of host addresses; of an own route at an export, for the address that it would be sent with."""
    family = where.session.family
    if asked.quantifier is Quantifier.ALL and len(asked.sets) > 1:
        raise NotSaidError("match: next_hop in all of several lists", "write one list")
    hosts = []
    for one in (each for members in asked.sets for each in members.ranges if family_of(each.prefix) is family):
        if one.at_most < one.prefix.max_prefixlen:
            continue  # it holds no address of a host
        hosts.append(str(one.prefix))
    if not hosts:
        yield asked.quantifier is Quantifier.NONE
        return
    if where.exports:
        raise NotSaidError("match: next_hop at an export", "match the neighbour's routes at the import, by a community")
    asks = Asks(kind=Kind.NEXT_HOP, members=tuple(dict.fromkeys(hosts)))
    yield Test(ways=(asks,), wanted=asked.quantifier is not Quantifier.NONE)
