"""Random values for the property tests, narrow enough that they often meet."""

from __future__ import annotations

from ipaddress import IPv4Address

from hypothesis import strategies as st

from builders import P1, P2, P3
from lab.bgp import (
    NO_ADVERTISE,
    NO_EXPORT,
    Asn,
    AsPath,
    Community,
    Family,
    LargeCommunity,
    Origin,
    Route,
    Segment,
    SegmentKind,
    parse_prefix,
)
from lab.policy import Change, Fate, Match, Policy, PrefixList, PrefixRange, Term

asns = st.integers(1, 0xFFFFFFFF).map(Asn)
few_asns = st.sampled_from([65001, 65002, 65010, 12076]).map(Asn)
"""AS numbers of `builders`, the router's own included, so that loops happen."""
few_communities = st.sampled_from([Community("1:1"), Community("1:2"), NO_EXPORT, NO_ADVERTISE])
few_large_communities = st.sampled_from([LargeCommunity("1:1:1"), LargeCommunity("1:1:2")])
prefixes = st.sampled_from([P1, P2, P3, parse_prefix("10.1.2.0/24"), parse_prefix("2001:db8::/32")])


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
    communities=st.lists(few_communities, max_size=2).map(tuple),
    large_communities=st.lists(few_large_communities, max_size=2).map(tuple),
    weight=st.sampled_from([0, 1]),
)


def optional_tuples(values: st.SearchStrategy[Community]) -> st.SearchStrategy[tuple[Community, ...] | None]:
    """None, or a few values."""
    return st.none() | st.lists(values, max_size=2).map(tuple)


matches = st.builds(
    Match,
    prefix_list=st.none()
    | st.just(
        PrefixList(name="ten", ranges=(PrefixRange(prefix=parse_prefix("10.0.0.0/8"), at_least=16, at_most=16),))
    ),
    any_community=st.lists(few_communities, max_size=1).map(tuple),
    any_large_community=st.lists(few_large_communities, max_size=1).map(tuple),
    as_path_contains=st.none() | few_asns,
    family=st.none() | st.sampled_from(Family),
)
changes = st.builds(
    Change,
    local_pref=st.sampled_from([None, 50, 200]),
    multi_exit_disc=st.sampled_from([None, 0, 9]),
    weight=st.sampled_from([None, 0, 9]),
    origin=st.none() | st.sampled_from(Origin),
    prepend=st.lists(few_asns, max_size=2).map(tuple),
    communities=optional_tuples(few_communities),
    add_communities=st.lists(few_communities, max_size=2).map(tuple),
    remove_communities=st.lists(few_communities, max_size=2).map(tuple),
    add_large_communities=st.lists(few_large_communities, max_size=2).map(tuple),
    remove_large_communities=st.lists(few_large_communities, max_size=2).map(tuple),
)
terms = st.builds(Term, fate=st.sampled_from(Fate), match=matches, change=changes)
policies = st.lists(terms, max_size=4).map(lambda found: Policy(name="random", terms=tuple(found)))
