"""Two versions of a policy: each kind of edit is found on the boundary routes, and what is the same is called so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from asked import in_list, in_paths, in_set
from builders import P1, set_to
from lab.bgp import Asn, AsPath, Origin, RemovePrivate, Route, parse_community
from lab.policy import (
    Asked,
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Fate,
    Match,
    NextHopRule,
    NumberChange,
    NumberRange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    Quantifier,
    Term,
)
from lab.policy.boundary import boundary, sample
from lab.policy.difference import DifferenceReport, Presence, Version, compare, versions

BASE = Term(
    fate=Fate.ACCEPT,
    name="base",
    match=Match(
        prefix_list=in_list("10.0.0.0/8", 16, 24),
        as_path=in_paths("_65001_"),
        as_path_length=NumberRange(low=0, high=4),
        community=in_set("65010:1", "65010:2"),
        multi_exit_disc=NumberRange(low=10, high=20),
        neighbor=("msee1",),
    ),
    change=Change(
        local_pref=NumberChange(operation=Operation.PLUS, value=50),
        communities=CommunityChange(add=(parse_community("65010:9"),)),
        prepend=(Asn(65010),),
    ),
)


def matching(**changed: object) -> Term:
    """The base with other conditions."""
    return replace(BASE, match=replace(BASE.match, **changed))  # type: ignore[arg-type]  # fields of Match


def changing(**changed: object) -> Term:
    """The base with other changes."""
    return replace(BASE, change=replace(BASE.change, **changed))  # type: ignore[arg-type]  # fields of Change


REMOVED = CommunitySet(name="r", patterns=in_set("65010:1").sets[0].patterns)
EDITS = {
    "le": matching(prefix_list=in_list("10.0.0.0/8", 16, 25)),
    "ge": matching(prefix_list=in_list("10.0.0.0/8", 17, 24)),
    "network": matching(prefix_list=in_list("10.0.0.0/9", 16, 24)),
    "no_prefix_list": matching(prefix_list=None),
    "as_path_anchored": matching(as_path=in_paths("^65001_")),
    "as_path_last": matching(as_path=in_paths("_65001$")),
    "as_path_class": matching(as_path=in_paths("_6500[1-3]_")),
    "as_path_without_underscores": matching(as_path=in_paths("65001")),
    "length": matching(as_path_length=NumberRange(low=0, high=5)),
    "community_gone": matching(community=in_set("65010:1")),
    "community_more": matching(community=in_set("65010:1", "65010:2", "65010:3")),
    "med": matching(multi_exit_disc=NumberRange(low=10, high=21)),
    "med_absent": matching(multi_exit_disc=NumberRange(absent=True)),
    "neighbor": matching(neighbor=("msee1", "msee2")),
    "fate": replace(BASE, fate=Fate.REJECT),
    "next_term": replace(BASE, fate=Fate.NEXT_TERM),
    "plus": changing(local_pref=NumberChange(operation=Operation.PLUS, value=51)),
    "set_to_what_plus_makes_of_the_default": changing(local_pref=set_to(150)),
    "weight_zero": changing(weight=set_to(0)),
    "origin": changing(origin=Origin.IGP),
    "added_community": changing(communities=CommunityChange(add=(parse_community("65010:8"),))),
    "removed_community": changing(communities=CommunityChange(remove=(REMOVED,), add=(parse_community("65010:9"),))),
    "replaced_communities": changing(communities=CommunityChange(replace=(), add=(parse_community("65010:9"),))),
    "prepended_twice": changing(prepend=(Asn(65010), Asn(65010))),
    "prepended_last": changing(prepend=(), prepend_last=1),
    "private_ases": changing(remove_private_asns=RemovePrivate.ALL),
    "replaced_as": changing(replace_asns=((Asn(65001), Asn(65002)),)),
    "next_hop": changing(next_hop=ip_address("172.16.0.9")),
    "next_hop_self": changing(next_hop_rule=NextHopRule.SELF),
    "next_hop_unchanged": changing(next_hop_rule=NextHopRule.UNCHANGED),
}
OTHER = in_list("10.0.0.0/16", 16, 32)
TWO = tuple(one.patterns[0] for one in in_set("65010:1", "65010:2").sets)


def version(old: Term, new: Term) -> Version:
    """A policy of one term, old and new."""
    return Version(name="p", old=Policy(name="p", terms=(old,)), new=Policy(name="p", terms=(new,)))


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("backwards", [False, True])
def test_every_edit_of_a_term_is_found(name: str, *, backwards: bool) -> None:
    """Each single edit shows on a boundary route, in whichever direction it is made."""
    pair = (EDITS[name], BASE) if backwards else (BASE, EDITS[name])
    (found,) = compare([version(*pair)])

    assert found.differences
    assert found.differs


def in_lists(*texts: tuple[str, int, int]) -> Asked[PrefixList]:
    """All of some prefix lists of one range."""
    return Asked(sets=tuple(in_list(*one).sets[0] for one in texts), quantifier=Quantifier.ALL)


def in_pattern(text: str, kind: PatternKind = PatternKind.REGULAR_EXPRESSION) -> Asked[CommunitySet]:
    """A set of one pattern."""
    return Asked(sets=(CommunitySet(name=text, patterns=(CommunityPattern(kind=kind, text=text),)),))


WILDCARD = PatternKind.WILDCARD
NEAR = {
    "a_digit_behind": (Match(community=in_pattern("^65010:1")), Match(community=in_pattern("^65010:1$"))),
    "a_digit_before": (Match(community=in_pattern("100$")), Match(community=in_pattern(":100$"))),
    "a_digit_before_the_first": (
        Match(large_community=in_pattern("6501:1")),
        Match(large_community=in_pattern("^6501:1")),
    ),
    "two_ases_or_more": (Match(as_path=in_paths("^65001(_[0-9]+)?$")), Match(as_path=in_paths("^65001(_[0-9]+)*$"))),
    "a_bare_set": (Match(as_path=in_paths("^[^ ]+$")), Match(as_path=in_paths("^[0-9]+$"))),
    "in_both_lists": tuple(
        Match(prefix_list=in_lists(("10.0.0.0/8", 8, high), ("10.1.0.0/16", 16, 32))) for high in (24, 23)
    ),
    "behind_another_range": tuple(
        Match(
            prefix_list=Asked(
                sets=(
                    PrefixList(
                        name="two",
                        ranges=(*in_list("10.0.0.0/8", 8, high).sets[0].ranges, *OTHER.sets[0].ranges),
                    ),
                )
            )
        )
        for high in (24, 23)
    ),
    "route_origin": (
        Match(extended_community=in_pattern("target:65010:*", WILDCARD)),
        Match(extended_community=in_pattern("*:65010:*", WILDCARD)),
    ),
}


@pytest.mark.parametrize("name", NEAR)
def test_what_is_nearly_the_same_is_told_apart(name: str) -> None:
    """Conditions that part at a digit, at a second repetition, or in a set of ASes have a route between them."""
    old, new = (Term(fate=Fate.ACCEPT, match=match) for match in NEAR[name])
    (found,) = compare([version(old, new)])

    assert found.differences


def test_what_a_policy_hands_to_the_next_one_is_compared() -> None:
    """A policy that always goes on to the next one differs by its changes, and from one that rejects."""
    goes_on = Term(fate=Fate.NEXT_POLICY, change=Change(weight=set_to(7)))
    other = replace(goes_on, change=Change(weight=set_to(8)))
    (found,) = compare([version(goes_on, other)])

    assert found.differences
    assert found.differences[0].before.goes_on
    assert found.differences[0].after.route == replace(found.differences[0].sample.route, weight=8)
    for fate in (Fate.REJECT, Fate.ACCEPT):
        assert compare([version(goes_on, replace(goes_on, fate=fate))])[0].differences


def test_what_is_written_differently_is_not_called_equal() -> None:
    """Patterns that no route tells apart may still differ: the report ends with 3."""
    (found,) = compare(
        [version(*(Term(fate=Fate.ACCEPT, match=Match(as_path=in_paths(p))) for p in ("65001", "(65001)")))]
    )

    assert (found.differs, found.is_open) == (False, True)
    assert DifferenceReport(old="o", new="n", comparisons=(found,)).exit_code == 3


def test_names_and_order_make_no_difference() -> None:
    """Other names of terms, sets and called policies, other places, and another order of what is a set say the same."""
    old, new = (
        Policy(
            name="p",
            source=source,
            terms=(
                Term(
                    fate=Fate.ACCEPT,
                    name=source,
                    match=Match(community=Asked(sets=(CommunitySet(name=source, patterns=patterns),)), vrf=vrfs),
                    call=Policy(name=f"called-{source}", source=source, terms=()),
                ),
            ),
        )
        for source, patterns, vrfs in (("a", TWO, ("x", "y")), ("b", TWO[::-1], ("y", "x")))
    )
    (found,) = compare([Version(name="p", old=old, new=new)])

    assert (found.differs, found.is_open) == (False, False)


def test_what_was_to_be_compared_and_is_not_there_proves_nothing() -> None:
    """A file of routes without any ends with 3, where nothing else differs."""
    equal = compare([version(BASE, BASE)])

    assert [DifferenceReport(old="o", new="n", comparisons=equal, given_routes=n).exit_code for n in (None, 0, 1)] == [
        0,
        3,
        0,
    ]


def test_what_is_the_same_has_no_difference() -> None:
    """A policy equals itself, also where a term is written in another way that means the same."""
    same = matching(prefix_list=in_list("10.0.0.0/8", 16, 24), community=in_set("65010:2", "65010:1"))
    (found,) = compare([version(BASE, same)])

    assert found.boundary_routes > 50
    assert not found.differences
    assert not found.differs


def test_a_term_that_hides_another_is_seen_through_it() -> None:
    """What changes in front of a term shows on the routes that the term behind it takes."""
    behind = Term(fate=Fate.ACCEPT, match=Match(community=in_set("65010:5")))
    narrow = Term(fate=Fate.REJECT, match=Match(prefix_list=in_list("10.0.0.0/8", 16, 24)))
    wide = Term(fate=Fate.REJECT, match=Match(prefix_list=in_list("10.0.0.0/8", 16, 25)))
    old, new = (Policy(name="p", terms=(first, behind)) for first in (narrow, wide))
    (found,) = compare([Version(name="p", old=old, new=new)])

    assert {one.sample.route.communities for one in found.differences} == {("65010:5",)}


@pytest.mark.parametrize("presence", [Presence.ADDED, Presence.REMOVED])
def test_a_policy_of_one_file_is_compared_with_none(presence: Presence) -> None:
    """Through a policy that is absent nothing passes; so what the other version accepts differs."""
    policy = Policy(name="p", terms=(BASE,))
    one = (
        Version(name="p", old=None, new=policy)
        if presence is Presence.ADDED
        else Version(name="p", old=policy, new=None)
    )
    (found,) = compare([one])

    assert found.version.presence is presence
    assert found.differs
    assert {difference.before.accepted for difference in found.differences} == {presence is Presence.REMOVED}


def test_a_policy_that_was_added_and_rejects_everything_is_a_difference() -> None:
    """No route changes, and still the files are not the same."""
    (found,) = compare([Version(name="p", old=None, new=Policy(name="p", terms=(Term(fate=Fate.REJECT),)))])

    assert not found.differences
    assert found.differs


def test_given_routes_come_first_and_are_gone_through_once() -> None:
    """Routes that somebody gives are compared by every policy, from an iterator that can be read only once."""
    accept = Policy(name="a", terms=(Term(fate=Fate.ACCEPT),))
    reject = replace(accept, terms=(Term(fate=Fate.REJECT),))
    pairs = [Version(name=name, old=accept, new=reject) for name in ("a", "b")]
    routes = [Route(prefix=P1, next_hop=ip_address("192.0.2.9"), as_path=AsPath.of(number)) for number in (1, 2)]

    def given() -> Iterator[Route]:
        yield from routes

    for found in compare(pairs, map(sample, given())):
        assert [one.sample.route for one in found.differences[:2]] == routes
        assert [one.given for one in found.differences[:3]] == [True, True, False]


def test_versions_are_named_in_the_order_of_the_new_file() -> None:
    """Policies of both files come in the order of the new one, those that are gone last."""
    old, new = ([Policy(name=name, terms=()) for name in names] for names in ("cab", "bxa"))

    assert [(one.name, one.presence.value) for one in versions(old, new)] == [
        ("b", "both"),
        ("x", "added"),
        ("a", "both"),
        ("c", "removed"),
    ]
    assert [one.name for one in versions(old, new, ["a", "a"])] == ["a"]


def test_a_term_that_nothing_reaches_is_named() -> None:
    """A term behind one that takes all its routes is found to be reached by no boundary route."""
    policy = Policy(name="p", terms=(replace(BASE, match=Match(community=in_set("65010:1"))), BASE, BASE))
    narrow = replace(policy, terms=(policy.terms[0], replace(BASE, match=Match(community=in_set("65010:1")))))
    (found,) = compare([Version(name="p", old=narrow, new=narrow)])

    assert [(one.policy, one.term) for one in found.unreached] == [("p", 2)]


def test_where_nothing_is_compared_nothing_is_proved() -> None:
    """A report without any policy ends with 3, one with a difference with 1, one without with 0."""
    equal = compare([version(BASE, BASE)])
    edited = compare([version(BASE, EDITS["le"])])

    assert [DifferenceReport(old="o", new="n", comparisons=one).exit_code for one in ((), equal, edited)] == [3, 0, 1]


def test_boundary_routes_are_made_from_both_versions() -> None:
    """Values of either version are among the routes."""
    old, new = (
        Policy(name="p", terms=(matching(prefix_list=in_list(text, 8, 8)),)) for text in ("10.0.0.0/8", "11.0.0.0/8")
    )
    prefixes = {str(one.route.prefix) for one in boundary((old, new)).samples}

    assert {"10.0.0.0/8", "11.0.0.0/8"} <= prefixes
