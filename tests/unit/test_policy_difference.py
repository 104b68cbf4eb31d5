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
    Change,
    CommunityChange,
    CommunitySet,
    Fate,
    Match,
    NextHopRule,
    NumberChange,
    NumberRange,
    Operation,
    Policy,
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

    assert [one.sample.route.communities for one in found.differences] == [("65010:5",)]


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
    prefixes = {str(one.route.prefix) for one in boundary((old, new))}

    assert {"10.0.0.0/8", "11.0.0.0/8"} <= prefixes
