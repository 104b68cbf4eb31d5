"""The routes that are made from policies: for each thing that a term can ask, one inside and one outside of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asked import in_list, in_paths, in_set
from builders import set_to
from lab.bgp import (
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    Origin,
    RouteSource,
    parse_prefix,
)
from lab.policy import (
    Asked,
    Change,
    Fate,
    Match,
    NumberRange,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
    evaluate,
)
from lab.policy.boundary import MOST_ROUTES, MOST_TERMS_ASKED, Sample, boundary
from lab.policy.boundary_values import values_of
from lab.policy.coverage import matched

CONDITIONS = {
    "prefix_list": Match(prefix_list=in_list("10.0.0.0/8", 16, 24)),
    "prefix_list_ipv6": Match(prefix_list=in_list("2001:db8::/32", 48, 64)),
    "none_of_a_prefix_list": Match(prefix_list=replace(in_list("203.0.113.0/24", 24, 24), quantifier=Quantifier.NONE)),
    "next_hop": Match(next_hop=in_list("172.16.0.2/32", 32, 32)),
    "as_path": Match(as_path=in_paths("^12076_65010$")),
    "as_path_length": Match(as_path_length=NumberRange(low=3, high=4)),
    "as_path_of_a_length": Match(as_path=in_paths("_65001$"), as_path_length=NumberRange(low=4)),
    "community": Match(community=in_set("65010:1")),
    "all_communities": Match(community=in_set("65010:1", "65010:2", "65010:3", quantifier=Quantifier.ALL)),
    "no_community": Match(community=in_set("65010:1", quantifier=Quantifier.NONE)),
    "large_community": Match(large_community=in_set("65010:1:1")),
    "extended_community": Match(extended_community=in_set("origin:65010:1")),
    "route_target": Match(route_target=in_set("target:65010:1")),
    "origin": Match(origin=(Origin.EGP,)),
    "local_pref": Match(local_pref=NumberRange(low=200, high=300)),
    "med": Match(multi_exit_disc=NumberRange(low=1)),
    "no_med": Match(multi_exit_disc=NumberRange(absent=True)),
    "weight": Match(weight=NumberRange(low=7, high=7)),
    "neighbor": Match(neighbor=("msee1",)),
    "neighbor_address": Match(neighbor=("172.16.0.2",)),
    "family": Match(family=Family.IPV6),
    "source": Match(source=(RouteSource.STATIC,)),
    "vrf": Match(vrf=("branch",)),
    "two_at_once": Match(prefix_list=in_list("10.0.0.0/8", 8, 8), community=in_set("65010:1"), family=Family.IPV4),
}


def held(match: Match, one: Sample) -> bool:
    """Whether every condition holds."""
    return all(condition.holds for condition in match.test(one.route, one.context))


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_has_a_route_inside_and_one_outside(name: str) -> None:
    """For each kind of condition there is a boundary route for which it holds, and one for which it does not."""
    match = CONDITIONS[name]
    made = boundary((Policy(name="p", terms=(Term(fate=Fate.ACCEPT, match=match),)),)).samples

    assert {held(match, one) for one in made} == {True, False}


@pytest.mark.parametrize("length", [15, 16, 24, 25])
def test_each_end_of_a_range_and_the_length_beyond_it_is_a_route(length: int) -> None:
    """A range from /16 to /24 gives routes of both lengths, of one bit less and of one bit more."""
    prefixes = values_of(Term(fate=Fate.ACCEPT, match=Match(prefix_list=in_list("10.16.0.0/12", 16, 24)))).prefix

    assert parse_prefix(f"10.16.0.0/{length}") in prefixes


def test_what_lies_around_and_beside_a_range_is_a_route() -> None:
    """A range gives its own network, the one around it, and the one beside it."""
    prefixes = values_of(Term(fate=Fate.ACCEPT, match=Match(prefix_list=in_list("10.16.0.0/12", 16, 24)))).prefix

    assert {parse_prefix(text) for text in ("10.16.0.0/12", "10.0.0.0/11", "10.0.0.0/16")} <= set(prefixes)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "255.255.255.255/32", "::/0", "ffff::/16", "128.0.0.0/1"])
def test_a_range_at_the_end_of_all_addresses_breaks_nothing(text: str) -> None:
    """The default route, single addresses and the last network have routes too."""
    prefix = parse_prefix(text)
    match = (
        Match(prefix_list=in_list(text, prefix.prefixlen, prefix.max_prefixlen), next_hop=in_list(text, 0, 0))
        if (prefix.prefixlen == 0)
        else Match(prefix_list=in_list(text, prefix.prefixlen, prefix.max_prefixlen))
    )

    assert prefix in values_of(Term(fate=Fate.ACCEPT, match=match)).prefix


def test_an_as_is_alone_in_front_in_the_middle_at_the_end_absent_and_nowhere() -> None:
    """The ASes of a pattern stand in every place of a path, and there are the empty path and a strange one."""
    paths = values_of(Term(fate=Fate.ACCEPT, match=Match(as_path=in_paths("_65001_")))).as_path

    for asns in ((65001,), (65001, 64496), (64496, 65001, 64496), (64496, 65001), (64496,), ()):
        assert AsPath.of(*asns) in paths


@pytest.mark.parametrize(
    ("change", "attribute", "value"),
    [
        (Change(replace_asns=((Asn(65001), Asn(65010)),)), "as_path", AsPath.of(65001)),
        (Change(weight=set_to(0)), "weight", 1),
        (Change(origin=Origin.IGP), "origin", Origin.INCOMPLETE),
        (Change(route_targets=()), "extended_communities", ExtendedCommunity("target:64496:1")),
        (Change(multi_exit_disc=set_to(0)), "multi_exit_disc", 0),
    ],
)
def test_what_a_change_takes_away_is_there_to_be_taken(change: Change, attribute: str, value: object) -> None:
    """A change that only shows on some routes has values of these among its own."""
    assert value in values_of(Term(fate=Fate.ACCEPT, change=change)).of(attribute)


def test_a_route_reaches_a_term_behind_one_that_takes_much() -> None:
    """Where an earlier term takes the first route that is tried, another one is found that it leaves."""
    first = Term(fate=Fate.REJECT, match=Match(prefix_list=in_list("10.0.0.0/8", 8, 24)))
    second = Term(fate=Fate.ACCEPT, match=Match(prefix_list=in_list("10.0.0.0/8", 8, 32)))
    policy = Policy(name="p", terms=(first, second))

    outcomes = [evaluate(policy, one.route, one.context) for one in boundary((policy,)).samples]

    assert ("p", 2) in {one for outcome in outcomes for one in matched(outcome)}


def test_a_called_policy_is_turned_too() -> None:
    """The conditions of a policy that is called have their routes."""
    called = Policy(name="called", terms=(Term(fate=Fate.ACCEPT, match=CONDITIONS["community"]),))
    caller = Policy(name="caller", terms=(Term(fate=Fate.ACCEPT, call=called),))

    outcomes = [evaluate(caller, one.route, one.context) for one in boundary((caller,)).samples]

    assert {outcome.accepted for outcome in outcomes} == {True, False}


def test_boundary_routes_are_the_same_each_time_and_each_once() -> None:
    """The routes are in one order, and none is there twice."""
    policy = Policy(name="p", terms=tuple(Term(fate=Fate.NEXT_TERM, match=match) for match in CONDITIONS.values()))
    made = boundary((policy, policy)).samples

    assert made == boundary((policy, policy)).samples
    assert len(set(made)) == len(made)


def test_there_are_never_too_many() -> None:
    """A list of very many prefixes leaves room for other terms, and ends at the limit."""
    ranges = tuple(
        PrefixRange(prefix=parse_prefix(f"10.{high}.{low}.0/24"), at_least=24, at_most=24)
        for high in range(16)
        for low in range(64)
    )
    many = Term(fate=Fate.REJECT, match=Match(prefix_list=Asked(sets=(PrefixList(name="many", ranges=ranges),))))
    other = Term(fate=Fate.ACCEPT, match=CONDITIONS["large_community"])
    made = boundary((Policy(name="p", terms=(many, other)),)).samples

    assert len(made) == MOST_ROUTES
    assert any(one.route.large_communities == (LargeCommunity("65010:1:1"),) for one in made[:20])


def test_very_long_policies_have_fewer_routes_and_say_so() -> None:
    """Of a policy of very many terms the first routes are made, so that it takes seconds."""
    terms = tuple(Term(fate=Fate.REJECT, match=Match(community=in_set(f"65010:{number}"))) for number in range(300))
    made = boundary((Policy(name="p", terms=terms),))

    assert len(made.samples) == MOST_TERMS_ASKED // 300
    assert (made.complete, made.searched) == (False, True)
    assert boundary((Policy(name="p", terms=terms[:2]),)).complete


def test_a_term_that_nothing_satisfies_has_no_route_and_breaks_nothing() -> None:
    """A contradiction is passed over."""
    match = Match(community=in_set("65010:1", quantifier=Quantifier.NONE), prefix_list=in_list("10.0.0.0/8", 8, 8))
    impossible = replace(match, family=Family.IPV6)

    made = boundary((Policy(name="p", terms=(Term(fate=Fate.ACCEPT, match=impossible),)),)).samples

    assert made
    assert not any(held(impossible, one) for one in made)


def test_community_values_are_single_ones() -> None:
    """Of communities, a value is one that a route may have or not."""
    values = values_of(Term(fate=Fate.ACCEPT, match=CONDITIONS["all_communities"]))

    assert {Community("65010:1"), Community("65010:2"), Community("65010:3")} <= set(values.communities)
