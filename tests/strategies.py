"""Random values for the property tests, narrow enough that they often meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any, TypeVar

from hypothesis import strategies as st

from builders import P1, P2, P3, exactly
from lab.bgp import (
    BLACKHOLE,
    GRACEFUL_SHUTDOWN,
    NO_ADVERTISE,
    NO_EXPORT,
    Aggregator,
    Asn,
    AsPath,
    BestPathRules,
    Community,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    Origin,
    RemovePrivate,
    Route,
    RouteSource,
    Segment,
    SegmentKind,
    parse_prefix,
)
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Context,
    Fate,
    Match,
    NextHopRule,
    NumberChange,
    NumberRange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
)

Value = TypeVar("Value")
Named = TypeVar("Named", PrefixList, AsPathSet, CommunitySet)

asns = st.integers(1, 0xFFFFFFFF).map(Asn)
few_asns = st.sampled_from([65001, 65002, 65010, 12076]).map(Asn)
"""AS numbers of `builders`, the router's own included, so that loops happen."""
few_communities = st.sampled_from(
    [Community("1:1"), Community("1:2"), NO_EXPORT, NO_ADVERTISE, GRACEFUL_SHUTDOWN, BLACKHOLE]
)
few_large_communities = st.sampled_from([LargeCommunity("1:1:1"), LargeCommunity("1:1:2")])
few_extended_communities = st.sampled_from(
    [ExtendedCommunity("target:1:1"), ExtendedCommunity("origin:1:1"), ExtendedCommunity("4004000000000001")]
)
prefixes = st.sampled_from([P1, P2, P3, parse_prefix("10.1.2.0/24"), parse_prefix("2001:db8::/32")])


def few(values: st.SearchStrategy[Value], most: int = 2) -> st.SearchStrategy[tuple[Value, ...]]:
    """A few values."""
    return st.lists(values, max_size=most).map(tuple)


def some_fields(what: type[Value], fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Value]:
    """Values of a dataclass with at most two fields given."""
    names = st.sets(st.sampled_from(sorted(fields)), max_size=2)
    given = names.flatmap(lambda chosen: st.fixed_dictionaries({name: fields[name] for name in sorted(chosen)}))
    return given.map(lambda found: what(**found))


def as_paths(numbers: st.SearchStrategy[Asn], *kinds: SegmentKind) -> st.SearchStrategy[AsPath]:
    """AS paths of up to three segments."""
    segments = st.builds(
        Segment,
        st.sampled_from(kinds or (SegmentKind.SEQUENCE, SegmentKind.SET)),
        st.lists(numbers, min_size=1, max_size=3).map(tuple),
    )
    return st.lists(segments, max_size=3).map(lambda found: AsPath(tuple(found)))


routes = st.builds(
    Route,
    prefix=prefixes,
    next_hop=st.just(IPv4Address("192.0.2.2")),
    origin=st.sampled_from(Origin),
    as_path=as_paths(few_asns),
    local_pref=st.sampled_from([None, 100, 200]),
    multi_exit_disc=st.sampled_from([None, 0, 1]),
    communities=few(few_communities),
    large_communities=few(few_large_communities),
    extended_communities=few(few_extended_communities),
    atomic_aggregate=st.booleans(),
    aggregator=st.sampled_from([None, Aggregator(Asn(65001), IPv4Address("10.0.0.1"))]),
    weight=st.sampled_from([0, 1]),
    source=st.sampled_from(RouteSource),
    vrf=st.sampled_from(["", "branch"]),
)


# what a term asks


def asked(values: st.SearchStrategy[Named]) -> st.SearchStrategy[Asked[Named] | None]:
    """Nothing, or a question about one or two sets."""
    some = st.lists(values, min_size=1, max_size=2).map(tuple)
    return st.none() | st.builds(Asked, sets=some, quantifier=st.sampled_from(Quantifier))


def ranges(*edges: int) -> st.SearchStrategy[NumberRange | None]:
    """Nothing, or a range of numbers between edges, or the absence of a number."""
    pairs = st.tuples(st.sampled_from(edges), st.sampled_from(edges)).map(sorted)
    spans = pairs.map(lambda pair: NumberRange(low=pair[0], high=pair[1]))
    return st.none() | spans | st.just(NumberRange(absent=True))


def patterns(exact: Sequence[str], wildcard: str, expression: str) -> st.SearchStrategy[CommunitySet]:
    """Community sets of one pattern, of each kind."""
    others = [
        CommunityPattern(kind=PatternKind.WILDCARD, text=wildcard),
        CommunityPattern(kind=PatternKind.REGULAR_EXPRESSION, text=expression),
    ]
    return st.sampled_from(
        [*(exactly(one) for one in exact), *(CommunitySet(name="pattern", patterns=(one,)) for one in others)]
    )


def _prefix_list(text: str, at_least: int, at_most: int) -> PrefixList:
    one = PrefixRange(prefix=parse_prefix(text), at_least=at_least, at_most=at_most)
    return PrefixList(name=text, ranges=(one,))


prefix_lists = st.sampled_from(
    [
        _prefix_list("10.0.0.0/8", 16, 16),
        _prefix_list("10.1.0.0/16", 16, 24),
        _prefix_list("10.2.0.0/15", 15, 32),
        _prefix_list("2001:db8::/32", 32, 128),
    ]
)
next_hop_lists = st.sampled_from([_prefix_list("192.0.2.2/32", 32, 32), _prefix_list("198.51.100.0/24", 32, 32)])
as_path_sets = st.sampled_from(["_65001_", "^65002", "^$", "_12076$", "[{]"]).map(
    lambda pattern: AsPathSet(name=pattern, entries=(AsPathEntry(pattern=pattern),))
) | st.integers(0, 2).map(
    lambda low: AsPathSet(name="long", entries=(AsPathEntry(length=NumberRange(low=low, high=low + 1)),))
)
MATCHES: dict[str, st.SearchStrategy[Any]] = {
    "prefix_list": asked(prefix_lists),
    "as_path": asked(as_path_sets),
    "as_path_length": ranges(0, 1, 2),
    "community": asked(patterns(["1:1", NO_EXPORT], "1:*", "^65535:")),
    "large_community": asked(patterns(["1:1:1"], "1:*:2", "^1:")),
    "extended_community": asked(patterns(["target:1:1", "4004000000000001"], "target:*:*", "^origin")),
    "route_target": asked(patterns(["target:1:1"], "target:1:*", "1$")),
    "next_hop": asked(next_hop_lists),
    "origin": few(st.sampled_from(Origin)),
    "local_pref": ranges(50, 100, 200),
    "multi_exit_disc": ranges(0, 1, 9),
    "weight": ranges(0, 1, 9),
    "neighbor": few(st.sampled_from(["a", "b", "192.0.2.2", "nobody"])),
    "family": st.none() | st.sampled_from(Family),
    "source": few(st.sampled_from(RouteSource)),
    "vrf": few(st.sampled_from(["", "branch"])),
}
few_matches = some_fields(Match, MATCHES)
"""Conditions on one or two aspects: more of them seldom hold."""


# what a term changes


def number_changes(*values: int, absent: bool = False) -> st.SearchStrategy[NumberChange | None]:
    """Nothing, or a change of a number by one of a few values."""
    operations = [Operation.SET, Operation.PLUS, Operation.MINUS, *([Operation.REMOVE] if absent else [])]
    return st.none() | st.builds(NumberChange, operation=st.sampled_from(operations), value=st.sampled_from(values))


standard_changes: st.SearchStrategy[CommunityChange[Community]] = st.builds(
    CommunityChange,
    replace=st.none() | few(few_communities),
    remove=few(patterns(["1:1", NO_EXPORT], "1:*", "^65535:")),
    add=few(few_communities),
)
large_changes: st.SearchStrategy[CommunityChange[LargeCommunity]] = st.builds(
    CommunityChange,
    replace=st.none() | few(few_large_communities),
    remove=few(patterns(["1:1:1"], "1:*:2", "^1:")),
    add=few(few_large_communities),
)
extended_changes: st.SearchStrategy[CommunityChange[ExtendedCommunity]] = st.builds(
    CommunityChange,
    replace=st.none() | few(few_extended_communities),
    remove=few(patterns(["target:1:1"], "target:*:*", "^origin")),
    add=few(few_extended_communities),
)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "local_pref": number_changes(0, 50, 200),
    "multi_exit_disc": number_changes(0, 9, 0xFFFFFFFF, absent=True),
    "weight": number_changes(0, 9, 0xFFFF),
    "origin": st.none() | st.sampled_from(Origin),
    "next_hop": st.sampled_from([None, None, ip_address("198.51.100.6"), ip_address("2001:db8::9")]),
    "next_hop_rule": st.sampled_from([None, None, NextHopRule.SELF, NextHopRule.UNCHANGED]),
    "as_path": st.none() | as_paths(few_asns),
    "replace_asns": few(st.tuples(few_asns, few_asns), most=1),
    "remove_private_asns": st.sampled_from([None, RemovePrivate.LEADING, RemovePrivate.ALL]),
    "prepend_last": st.integers(0, 2),
    "prepend": few(few_asns),
    "communities": st.none() | standard_changes,
    "large_communities": st.none() | large_changes,
    "extended_communities": st.none() | extended_changes,
    "route_targets": st.none()
    | few(st.sampled_from([ExtendedCommunity("target:1:2"), ExtendedCommunity("target:2:1")])),
}
few_changes = some_fields(Change, CHANGES)
changes = st.builds(Change, **CHANGES)


# policies

contexts = st.builds(
    Context,
    neighbor=st.sampled_from(["", "a", "b"]),
    peer_address=st.sampled_from([None, ip_address("192.0.2.2"), ip_address("192.0.2.3")]),
    own_asn=st.just(Asn(65010)),
    own_address=st.just(ip_address("192.0.2.1")),
)
"""Where policies run; what `next_hop self` needs is known."""


def _policies(terms: st.SearchStrategy[Term]) -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        name=st.sampled_from(["one", "other"]),
        terms=few(terms, most=4),
        default=st.sampled_from([Fate.ACCEPT, Fate.REJECT, Fate.NEXT_POLICY]),
    )


_plain_terms = st.builds(
    Term,
    fate=st.sampled_from(Fate),
    name=st.sampled_from(["", "named"]),
    match=few_matches | st.just(Match()),
    change=few_changes,
)
_calling_terms = st.tuples(_plain_terms, _policies(_plain_terms)).map(
    lambda drawn: replace(drawn[0], call=None if drawn[0].fate is Fate.REJECT else drawn[1])
)
terms = _plain_terms | _calling_terms
policies = _policies(terms)
"""Policies, some of whose terms call others."""
chains = few(policies, most=3)

best_path_rules = st.builds(
    BestPathRules,
    always_compare_med=st.booleans(),
    missing_med_as_worst=st.booleans(),
    maximum_paths=st.integers(1, 4),
    multipath_relax=st.booleans(),
)
