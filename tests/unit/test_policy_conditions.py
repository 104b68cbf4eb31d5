"""The conditions of a term: what each asks, what it answers, and what it says the route has."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from builders import P1, P6, accept, exactly
from lab.bgp import (
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    Origin,
    Route,
    RouteSource,
    parse_prefix,
)
from lab.policy import (
    NOWHERE,
    Asked,
    AsPathEntry,
    AsPathSet,
    Change,
    CommunitySet,
    Condition,
    Context,
    Match,
    NumberRange,
    PrefixList,
    PrefixRange,
    Quantifier,
    evaluate,
)

ROUTE = Route(
    prefix=P1,
    next_hop=IPv4Address("192.0.2.2"),
    as_path=AsPath.of(65001, 65002),
    local_pref=200,
    multi_exit_disc=5,
    communities=(Community("65001:1"), Community("65001:2")),
    large_communities=(LargeCommunity("65001:0:1"),),
    extended_communities=(ExtendedCommunity("target:65010:1"), ExtendedCommunity("origin:65010:2")),
    weight=3,
)
BARE = Route(prefix=P6, next_hop=IPv6Address("2001:db8:1::2"), origin=Origin.INCOMPLETE, source=RouteSource.STATIC)
AT_A = Context(
    neighbor="a", peer_address=ip_address("198.51.100.2"), own_asn=Asn(65010), own_address=ip_address("198.51.100.1")
)


def lists(*texts: str, quantifier: Quantifier = Quantifier.ANY) -> Asked[PrefixList]:
    """A question about lists of one exact prefix each, named like it."""
    found = []
    for text in texts:
        prefix = parse_prefix(text)
        one = PrefixRange(prefix=prefix, at_least=prefix.prefixlen, at_most=prefix.prefixlen)
        found.append(PrefixList(name=f"list-{text}", ranges=(one,)))
    return Asked(sets=tuple(found), quantifier=quantifier)


def paths(*patterns: str, quantifier: Quantifier = Quantifier.ANY) -> Asked[AsPathSet]:
    """A question about sets of one pattern each, named like it."""
    found = (AsPathSet(name=f"set-{one}", entries=(AsPathEntry(pattern=one),)) for one in patterns)
    return Asked(sets=tuple(found), quantifier=quantifier)


def sets(*texts: str, quantifier: Quantifier = Quantifier.ANY) -> Asked[CommunitySet]:
    """A question about sets of one community each, named like it."""
    return Asked(sets=tuple(exactly(one, name=f"set-{one}") for one in texts), quantifier=quantifier)


ALL, NONE = Quantifier.ALL, Quantifier.NONE
IS_IN = "10.1.0.0/16 is in list-10.1.0.0/16: 10.1.0.0/16"
IS_OUT = "10.1.0.0/16 is in none of its ranges"


@pytest.mark.parametrize(
    ("match", "route", "text", "holds", "because"),
    [
        # prefix_list
        (Match(prefix_list=lists("10.1.0.0/16")), ROUTE, "prefix_list list-10.1.0.0/16", True, IS_IN),
        (Match(prefix_list=lists("10.2.0.0/16")), ROUTE, "prefix_list list-10.2.0.0/16", False, IS_OUT),
        (
            Match(prefix_list=lists("10.2.0.0/16", "10.1.0.0/16")),
            ROUTE,
            "prefix_list list-10.2.0.0/16 or list-10.1.0.0/16",
            True,
            IS_IN,
        ),
        (
            Match(prefix_list=lists("10.2.0.0/16", "10.1.0.0/16", quantifier=ALL)),
            ROUTE,
            "prefix_list all of list-10.2.0.0/16, list-10.1.0.0/16",
            False,
            IS_IN,
        ),
        (
            Match(prefix_list=lists("10.1.0.0/16", "10.1.0.0/16", quantifier=ALL)),
            ROUTE,
            "prefix_list all of list-10.1.0.0/16, list-10.1.0.0/16",
            True,
            "10.1.0.0/16 is in list-10.1.0.0/16: 10.1.0.0/16, list-10.1.0.0/16: 10.1.0.0/16",
        ),
        (
            Match(prefix_list=lists("10.1.0.0/16", quantifier=NONE)),
            ROUTE,
            "prefix_list none of list-10.1.0.0/16",
            False,
            IS_IN,
        ),
        (
            Match(prefix_list=lists("10.2.0.0/16", quantifier=NONE)),
            ROUTE,
            "prefix_list none of list-10.2.0.0/16",
            True,
            IS_OUT,
        ),
        # as_path
        (
            Match(as_path=paths("_65002$")),
            ROUTE,
            "as_path set-_65002$",
            True,
            "the path is '65001 65002' and matches _65002$",
        ),
        (Match(as_path=paths("_65002$")), BARE, "as_path set-_65002$", False, "the path is ''"),
        (
            Match(as_path=paths("^65001_", "_65002$", quantifier=ALL)),
            ROUTE,
            "as_path all of set-^65001_, set-_65002$",
            True,
            "the path is '65001 65002' and matches ^65001_, _65002$",
        ),
        (
            Match(as_path=paths("^65001_", "^$", quantifier=ALL)),
            ROUTE,
            "as_path all of set-^65001_, set-^$",
            False,
            "the path is '65001 65002' and matches ^65001_",
        ),
        (
            Match(as_path=paths("^$", quantifier=NONE)),
            ROUTE,
            "as_path none of set-^$",
            True,
            "the path is '65001 65002'",
        ),
        # as_path_length
        (Match(as_path_length=NumberRange(low=2, high=2)), ROUTE, "as_path_length 2", True, "it is 2"),
        (Match(as_path_length=NumberRange(low=1)), BARE, "as_path_length >= 1", False, "it is 0"),
        # communities of the three kinds
        (Match(community=sets("1:1", "65001:2")), ROUTE, "community set-1:1 or set-65001:2", True, "it has 65001:2"),
        (Match(community=sets("1:1")), ROUTE, "community set-1:1", False, "it has 65001:1, 65001:2"),
        (Match(community=sets("1:1")), BARE, "community set-1:1", False, "it has none"),
        (
            Match(community=sets("65001:1", "65001:2", quantifier=ALL)),
            ROUTE,
            "community all of set-65001:1, set-65001:2",
            True,
            "it has 65001:1, 65001:2",
        ),
        (
            Match(community=sets("65001:1", "1:1", quantifier=ALL)),
            ROUTE,
            "community all of set-65001:1, set-1:1",
            False,
            "it has 65001:1",
        ),
        (
            Match(community=sets("65001:1", quantifier=NONE)),
            ROUTE,
            "community none of set-65001:1",
            False,
            "it has 65001:1",
        ),
        (Match(community=sets("1:1", quantifier=NONE)), BARE, "community none of set-1:1", True, "it has none"),
        (Match(large_community=sets("65001:0:1")), ROUTE, "large_community set-65001:0:1", True, "it has 65001:0:1"),
        (Match(large_community=sets("65001:0:1")), BARE, "large_community set-65001:0:1", False, "it has none"),
        (
            Match(extended_community=sets("origin:65010:2")),
            ROUTE,
            "extended_community set-origin:65010:2",
            True,
            "it has origin:65010:2",
        ),
        (
            Match(extended_community=sets("origin:1:1")),
            ROUTE,
            "extended_community set-origin:1:1",
            False,
            "it has target:65010:1, origin:65010:2",
        ),
        # route_target: RFC 4360 §4; other extended communities are none
        (
            Match(route_target=sets("target:65010:1")),
            ROUTE,
            "route_target set-target:65010:1",
            True,
            "it has target:65010:1",
        ),
        (
            Match(route_target=sets("origin:65010:2")),
            ROUTE,
            "route_target set-origin:65010:2",
            False,
            "it has target:65010:1",
        ),
        (Match(route_target=sets("target:65010:1")), BARE, "route_target set-target:65010:1", False, "it has none"),
        # next_hop
        (
            Match(next_hop=lists("192.0.2.2/32")),
            ROUTE,
            "next_hop list-192.0.2.2/32",
            True,
            "192.0.2.2 is in list-192.0.2.2/32: 192.0.2.2/32",
        ),
        (
            Match(next_hop=lists("192.0.2.0/24")),
            ROUTE,
            "next_hop list-192.0.2.0/24",
            False,
            "192.0.2.2 is in none of its ranges",
        ),
        (
            Match(next_hop=lists("2001:db8:1::2/128")),
            BARE,
            "next_hop list-2001:db8:1::2/128",
            True,
            "2001:db8:1::2 is in list-2001:db8:1::2/128: 2001:db8:1::2/128",
        ),
        # origin
        (Match(origin=(Origin.IGP,)), ROUTE, "origin igp", True, "it is igp"),
        (Match(origin=(Origin.EGP, Origin.IGP)), BARE, "origin egp or igp", False, "it is incomplete"),
        # local_pref: absent it counts as 100
        (Match(local_pref=NumberRange(low=200, high=200)), ROUTE, "local_pref 200", True, "it is 200"),
        (Match(local_pref=NumberRange(low=100, high=100)), BARE, "local_pref 100", True, "it is 100"),
        (Match(local_pref=NumberRange(high=99)), BARE, "local_pref <= 99", False, "it is 100"),
        # multi_exit_disc
        (Match(multi_exit_disc=NumberRange(low=5, high=6)), ROUTE, "med 5-6", True, "it is 5"),
        (Match(multi_exit_disc=NumberRange()), BARE, "med >= 0", False, "it is absent"),
        (Match(multi_exit_disc=NumberRange(absent=True)), BARE, "med absent", True, "it is absent"),
        (Match(multi_exit_disc=NumberRange(absent=True)), ROUTE, "med absent", False, "it is 5"),
        # weight
        (Match(weight=NumberRange(low=3, high=3)), ROUTE, "weight 3", True, "it is 3"),
        (Match(weight=NumberRange(low=1)), BARE, "weight >= 1", False, "it is 0"),
        # family
        (Match(family=Family.IPV6), BARE, "family ipv6", True, "it is ipv6"),
        (Match(family=Family.IPV6), ROUTE, "family ipv6", False, "it is ipv4"),
        # source
        (
            Match(source=(RouteSource.CONNECTED, RouteSource.STATIC)),
            BARE,
            "source connected or static",
            True,
            "it is static",
        ),
        (Match(source=(RouteSource.STATIC,)), ROUTE, "source static", False, "it is bgp"),
        # vrf
        (Match(vrf=("branch", "lab")), replace(BARE, vrf="lab"), "vrf branch or lab", True, "it is lab"),
        (Match(vrf=("branch",)), BARE, "vrf branch", False, "it is none"),
    ],
)
def test_each_condition_answers_with_its_reason(
    match: Match, route: Route, text: str, *, holds: bool, because: str
) -> None:
    """A condition says what was asked, whether it holds, and what the route has."""
    assert list(match.test(route)) == [Condition(text=text, holds=holds, because=because)]


@pytest.mark.parametrize(
    ("asked", "context", "text", "holds", "because"),
    [
        (("a",), AT_A, "neighbor a", True, "it is a 198.51.100.2"),
        (("198.51.100.2",), AT_A, "neighbor 198.51.100.2", True, "it is a 198.51.100.2"),
        (("b", "a"), AT_A, "neighbor b or a", True, "it is a 198.51.100.2"),
        (("b", "198.51.100.1"), AT_A, "neighbor b or 198.51.100.1", False, "it is a 198.51.100.2"),
        (("a",), NOWHERE, "neighbor a", False, "it is not known"),
        (("a",), Context(peer_address=ip_address("198.51.100.2")), "neighbor a", False, "it is 198.51.100.2"),
    ],
)
def test_a_neighbour_is_asked_for_by_name_or_address(
    asked: tuple[str, ...], context: Context, text: str, *, holds: bool, because: str
) -> None:
    """The neighbour is that of the session where the policy runs; where nothing is known, no name fits."""
    assert list(Match(neighbor=asked).test(ROUTE, context)) == [Condition(text=text, holds=holds, because=because)]


def test_an_empty_match_asks_nothing() -> None:
    """A term without conditions matches every route."""
    assert list(Match().test(ROUTE)) == []
    assert evaluate(accept(Change()), ROUTE).route == ROUTE


def test_zero_is_asked_for() -> None:
    """A range that holds only zero is a question, unlike an absent one."""
    zero = NumberRange(low=0, high=0)
    match = Match(as_path_length=zero, multi_exit_disc=zero, weight=zero)
    assert [(c.text, c.holds) for c in match.test(replace(BARE, multi_exit_disc=0))] == [
        ("as_path_length 0", True),
        ("med 0", True),
        ("weight 0", True),
    ]


def test_all_conditions_of_a_term_must_hold() -> None:
    """One condition that fails is enough for a term not to match, and all are shown, in the order of the language."""
    match = Match(family=Family.IPV4, as_path=paths("^1_"), weight=NumberRange(low=3, high=3))
    outcome = evaluate(accept(Change(), match), ROUTE)
    assert not outcome.accepted
    assert [(c.text, c.holds) for c in outcome.steps[0].conditions] == [
        ("as_path set-^1_", False),
        ("weight 3", True),
        ("family ipv4", True),
    ]
    assert outcome.steps[0].fate is None


def test_what_costs_most_is_asked_last() -> None:
    """A router asks for numbers before prefix lists, and matches regular expressions last; traces keep their order."""
    match = Match(as_path=paths("^1_"), community=sets("65001:1"), prefix_list=lists("10.1.0.0/16"), family=Family.IPV4)
    told = [condition.text.partition(" ")[0] for condition in match.test(ROUTE)]
    assert told == ["prefix_list", "as_path", "community", "family"]
    assert [aspect.name for aspect, _ in match.cheapest_first()] == ["family", "prefix_list", "community", "as_path"]


def test_a_literal_prefix_is_named_once() -> None:
    """A list that is one literal range says nothing that its range does not."""
    literal = PrefixList(name="10.1.0.0/16", ranges=(PrefixRange(prefix=P1, at_least=16, at_most=16),))
    (condition,) = Match(prefix_list=Asked(sets=(literal,))).test(Route(prefix=P1, next_hop=IPv4Address("192.0.2.2")))
    assert condition == Condition(text="prefix_list 10.1.0.0/16", holds=True, because="10.1.0.0/16 is in 10.1.0.0/16")
