"""The policy language: what matches, what changes, what decides, and the trace of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from builders import P1, P2, P6, accept, only
from lab.bgp import Asn, AsPath, Community, Family, LargeCommunity, Origin, Route, parse_prefix
from lab.policy import (
    ATTRIBUTES,
    AttributeChange,
    Change,
    Condition,
    Fate,
    Match,
    Outcome,
    Policy,
    PrefixList,
    PrefixRange,
    Step,
    Term,
    changes_between,
    evaluate,
    text_of,
)

ROUTE = Route(
    prefix=P1,
    next_hop=IPv4Address("192.0.2.2"),
    as_path=AsPath.of(65001, 65002),
    local_pref=200,
    multi_exit_disc=5,
    communities=(Community("65001:1"), Community("65001:2")),
    large_communities=(LargeCommunity("65001:0:1"), LargeCommunity("65001:0:2")),
    weight=3,
)
V6 = Route(prefix=P6, next_hop=IPv6Address("2001:db8:1::2"))


def prefixes(prefix: str, at_least: int, at_most: int) -> PrefixRange:
    """A prefix range."""
    return PrefixRange(prefix=parse_prefix(prefix), at_least=at_least, at_most=at_most)


@pytest.mark.parametrize(
    ("asked", "inside"),
    [
        pytest.param("10.0.0.0/8", False, id="shorter than ge"),
        pytest.param("10.0.0.0/16", True, id="ge itself"),
        pytest.param("10.255.255.0/24", True, id="le itself"),
        pytest.param("10.0.0.0/25", False, id="longer than le"),
        pytest.param("11.0.0.0/16", False, id="elsewhere"),
        pytest.param("2001::/20", False, id="the other family"),
    ],
)
def test_a_range_holds_the_prefixes_inside_it_of_its_lengths(asked: str, *, inside: bool) -> None:
    """A range holds a prefix that lies in its own and whose length is from ge to le."""
    assert prefixes("10.0.0.0/8", 16, 24).contains(parse_prefix(asked)) is inside


@pytest.mark.parametrize(("at_least", "at_most"), [(7, 24), (24, 16), (8, 33)])
def test_a_range_refuses_lengths_out_of_order(at_least: int, at_most: int) -> None:
    """Lengths must rise from the prefix's own to the family's longest."""
    with pytest.raises(ValueError, match="lengths must satisfy 8 <= ge <= le <= 32"):
        prefixes("10.0.0.0/8", at_least, at_most)


@pytest.mark.parametrize(
    ("at_least", "at_most", "text"),
    [
        (8, 8, "10.0.0.0/8"),
        (8, 24, "10.0.0.0/8 le 24"),
        (16, 24, "10.0.0.0/8 ge 16 le 24"),
        (16, 16, "10.0.0.0/8 ge 16 le 16"),
    ],
)
def test_a_range_is_shown_as_vendors_write_it(at_least: int, at_most: int, text: str) -> None:
    """Different ranges of one prefix are shown differently."""
    assert str(prefixes("10.0.0.0/8", at_least, at_most)) == text


def test_a_prefix_list_names_the_first_range_that_holds_a_prefix() -> None:
    """A list is the union of its ranges; the first one answers."""
    first, second = prefixes("10.0.0.0/8", 8, 16), prefixes("10.1.0.0/16", 16, 24)
    both = PrefixList(name="both", ranges=(first, second))
    assert both.find(P1) == first
    assert both.find(parse_prefix("10.1.2.0/24")) == second
    assert both.find(parse_prefix("10.2.2.0/24")) is None


LIST = PrefixList(name="p1", ranges=(prefixes("10.1.0.0/16", 16, 16),))


@pytest.mark.parametrize(
    ("match", "route", "condition"),
    [
        pytest.param(
            Match(prefix_list=LIST),
            ROUTE,
            Condition(text="prefix_list p1", holds=True, because="10.1.0.0/16 is in 10.1.0.0/16"),
            id="prefix list",
        ),
        pytest.param(
            Match(prefix_list=LIST),
            V6,
            Condition(text="prefix_list p1", holds=False, because="2001:db8:a::/48 is in none of its ranges"),
            id="no prefix list",
        ),
        pytest.param(
            Match(any_community=(Community("1:1"), Community("65001:2"))),
            ROUTE,
            Condition(text="community 1:1 or 65001:2", holds=True, because="has 65001:2"),
            id="one community of several",
        ),
        pytest.param(
            Match(any_community=(Community("1:1"),)),
            ROUTE,
            Condition(text="community 1:1", holds=False, because="has 65001:1, 65001:2"),
            id="no such community",
        ),
        pytest.param(
            Match(any_community=(Community("1:1"),)),
            V6,
            Condition(text="community 1:1", holds=False, because="has none"),
            id="no community at all",
        ),
        pytest.param(
            Match(any_large_community=(LargeCommunity("65001:0:1"),)),
            ROUTE,
            Condition(text="large_community 65001:0:1", holds=True, because="has 65001:0:1"),
            id="large community",
        ),
        pytest.param(
            Match(any_large_community=(LargeCommunity("65001:0:1"),)),
            V6,
            Condition(text="large_community 65001:0:1", holds=False, because="has none"),
            id="no large community",
        ),
        pytest.param(
            Match(as_path_contains=Asn(65002)),
            ROUTE,
            Condition(text="as_path_contains 65002", holds=True, because="the path is '65001 65002'"),
            id="an AS anywhere in the path",
        ),
        pytest.param(
            Match(as_path_contains=Asn(6500)),
            ROUTE,
            Condition(text="as_path_contains 6500", holds=False, because="the path is '65001 65002'"),
            id="an AS number is no substring",
        ),
        pytest.param(
            Match(family=Family.IPV6),
            V6,
            Condition(text="family ipv6", holds=True, because="it is ipv6"),
            id="family",
        ),
        pytest.param(
            Match(family=Family.IPV6),
            ROUTE,
            Condition(text="family ipv6", holds=False, because="it is ipv4"),
            id="the other family",
        ),
    ],
)
def test_each_condition_answers_with_its_reason(match: Match, route: Route, condition: Condition) -> None:
    """A condition says what was asked, whether it holds, and what the route has."""
    assert list(match.test(route)) == [condition]


def test_an_empty_match_asks_nothing() -> None:
    """A term without conditions matches every route."""
    assert list(Match().test(ROUTE)) == []
    assert evaluate(accept(Change()), ROUTE).route == ROUTE


def test_all_conditions_of_a_term_must_hold() -> None:
    """One condition that fails is enough for a term not to match, and all are shown."""
    match = Match(family=Family.IPV4, as_path_contains=Asn(1))
    outcome = evaluate(accept(Change(), match), ROUTE)
    assert not outcome.accepted
    assert [c.holds for c in outcome.steps[0].conditions] == [False, True]
    assert outcome.steps[0].fate is None


C = Community
LC = LargeCommunity


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(), ROUTE),
        (Change(local_pref=0), replace(ROUTE, local_pref=0)),
        (Change(multi_exit_disc=0), replace(ROUTE, multi_exit_disc=0)),
        (Change(weight=7), replace(ROUTE, weight=7)),
        (Change(weight=0), replace(ROUTE, weight=0)),
        (Change(origin=Origin.INCOMPLETE), replace(ROUTE, origin=Origin.INCOMPLETE)),
        (Change(prepend=(Asn(7), Asn(8))), replace(ROUTE, as_path=AsPath.of(7, 8, 65001, 65002))),
        (Change(communities=()), replace(ROUTE, communities=())),
        (Change(communities=(C("10:1"), C("9:1"))), replace(ROUTE, communities=(C("9:1"), C("10:1")))),
        (Change(add_communities=(C("9:1"),)), replace(ROUTE, communities=(C("9:1"), C("65001:1"), C("65001:2")))),
        (Change(add_communities=(C("65001:1"),)), ROUTE),
        (Change(remove_communities=(C("65001:1"), C("9:9"))), replace(ROUTE, communities=(C("65001:2"),))),
        (Change(large_communities=()), replace(ROUTE, large_communities=())),
        (Change(large_communities=(LC("1:1:1"),)), replace(ROUTE, large_communities=(LC("1:1:1"),))),
        (Change(remove_large_communities=(LC("65001:0:1"),)), replace(ROUTE, large_communities=(LC("65001:0:2"),))),
        (
            Change(add_large_communities=(LC("9:0:0"),)),
            replace(ROUTE, large_communities=(LC("9:0:0"), LC("65001:0:1"), LC("65001:0:2"))),
        ),
    ],
)
def test_a_change_touches_what_it_names_and_nothing_else(change: Change, expected: Route) -> None:
    """Each change sets its own attribute, to zero or empty as well, and leaves the others."""
    assert change.apply(ROUTE) == expected


def test_communities_are_replaced_then_removed_then_added() -> None:
    """Where one term does all three, the added ones always arrive and the removed ones never come from the new set."""
    change = Change(
        communities=(C("1:1"), C("1:2"), C("1:3")),
        remove_communities=(C("1:1"), C("1:2")),
        add_communities=(C("1:2"),),
        large_communities=(LC("1:1:1"), LC("1:1:2")),
        remove_large_communities=(LC("1:1:1"), LC("1:1:2")),
        add_large_communities=(LC("1:1:2"),),
    )
    assert change.apply(ROUTE).communities == ("1:2", "1:3")
    assert change.apply(ROUTE).large_communities == ("1:1:2",)


def test_the_first_term_that_decides_wins() -> None:
    """Later terms are not even tried, and the reason names the term."""
    policy = Policy(
        name="p",
        terms=(
            Term(fate=Fate.REJECT, match=only(P2)),
            Term(fate=Fate.ACCEPT, change=Change(weight=1)),
            Term(fate=Fate.REJECT),
        ),
    )
    outcome = evaluate(policy, ROUTE)
    assert outcome.accepted
    assert (outcome.policy, outcome.because) == ("p", "term 2 accepts")
    assert [(step.term, step.fate) for step in outcome.steps] == [(1, None), (2, Fate.ACCEPT)]


def test_a_rejecting_term_changes_nothing() -> None:
    """A term that rejects leaves no route and no trace of its changes."""
    policy = Policy(name="p", terms=(Term(fate=Fate.REJECT, change=Change(weight=1)),))
    assert evaluate(policy, ROUTE) == Outcome(
        policy="p",
        route=None,
        because="term 1 rejects",
        steps=(Step(term=1, conditions=(), fate=Fate.REJECT),),
    )


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param((), id="no term"),
        pytest.param((Term(fate=Fate.ACCEPT, match=only(P2)),), id="no term matches"),
        pytest.param((Term(fate=Fate.NEXT_TERM),), id="the last term passes on"),
    ],
)
def test_a_route_that_no_term_decides_is_rejected(terms: tuple[Term, ...]) -> None:
    """The default is reject."""
    outcome = evaluate(Policy(name="p", terms=terms), ROUTE)
    assert (outcome.route, outcome.because) == (None, "no term decided: the default is reject")
    assert len(outcome.steps) == len(terms)


def test_the_next_term_sees_what_the_one_before_changed() -> None:
    """next_term keeps the changes, and later conditions are asked of the changed route."""
    policy = Policy(
        name="p",
        terms=(
            Term(fate=Fate.NEXT_TERM, change=Change(add_communities=(C("9:9"),))),
            Term(fate=Fate.ACCEPT, match=Match(any_community=(C("9:9"),)), change=Change(local_pref=300)),
        ),
    )
    outcome = evaluate(policy, ROUTE)
    assert outcome.route == replace(ROUTE, communities=(C("9:9"), C("65001:1"), C("65001:2")), local_pref=300)
    assert [step.changes for step in outcome.steps] == [
        (AttributeChange(attribute="communities", before="65001:1 65001:2", after="9:9 65001:1 65001:2"),),
        (AttributeChange(attribute="local_pref", before="200", after="300"),),
    ]


@pytest.mark.parametrize(
    ("attribute", "text", "bare"),
    [
        ("next_hop", "192.0.2.2", "2001:db8:1::2"),
        ("origin", "igp", "igp"),
        ("as_path", "65001 65002", ""),
        ("local_pref", "200", ""),
        ("multi_exit_disc", "5", ""),
        ("communities", "65001:1 65001:2", ""),
        ("large_communities", "65001:0:1 65001:0:2", ""),
        ("weight", "3", "0"),
    ],
)
def test_every_attribute_has_a_text(attribute: str, text: str, bare: str) -> None:
    """An attribute is shown as text, empty where it is absent."""
    assert attribute in ATTRIBUTES
    assert (text_of(ROUTE, attribute), text_of(V6, attribute)) == (text, bare)


def test_an_absent_med_differs_from_zero() -> None:
    """None and 0 are different attributes, although the decision process treats them alike."""
    without = replace(ROUTE, multi_exit_disc=None)
    assert changes_between(without, replace(ROUTE, multi_exit_disc=0)) == (
        AttributeChange(attribute="multi_exit_disc", before="", after="0"),
    )
    assert changes_between(without, without) == ()
