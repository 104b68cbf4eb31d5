"""What holds for every value of the policy language."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import IPv4Network

from hypothesis import example, given
from hypothesis import strategies as st

from lab.bgp import Asn, AsPath, Community, Route, Segment, SegmentKind, in_order, parse_asn
from lab.policy import Change, Fate, Policy, PrefixRange, Term, evaluate
from strategies import as_paths, asns, changes, few_communities, policies, routes

TREE = [IPv4Network((number << (32 - length), length)) for length in range(5) for number in range(1 << length)]
"""Every IPv4 prefix of at most four bits."""


@given(as_paths(asns, *SegmentKind))
@example(AsPath((Segment(SegmentKind.SEQUENCE, (Asn(1),)), Segment(SegmentKind.SEQUENCE, (Asn(2),)))))
def test_an_as_path_reads_back_from_its_text(path: AsPath) -> None:
    """`AsPath.parse` is the inverse of `str`, for adjacent sequences too because they are one."""
    assert AsPath.parse(str(path)) == path


@given(asns)
def test_an_as_number_reads_back_from_both_notations(asn: Asn) -> None:
    """Asplain and asdot name the same number (RFC 5396)."""
    assert parse_asn(str(asn)) == parse_asn(f"{asn >> 16}.{asn & 0xFFFF}") == asn


@given(as_paths(asns, *SegmentKind), st.lists(asns, min_size=1, max_size=3))
def test_prepending_adds_exactly_what_was_prepended(path: AsPath, new: list[Asn]) -> None:
    """The path grows by the AS numbers prepended, in length and in content, and they are the newest."""
    after = path.prepend(*new)
    assert after.length == path.length + len(new)
    assert after.asns == (*new, *path.asns)
    assert after.neighbor_asn == new[0]


@given(st.lists(few_communities))
def test_the_order_of_communities_is_one(communities: list[Community]) -> None:
    """However communities are listed, their ordered form is the same, and ordering it again changes nothing."""
    once = in_order(communities)
    assert once == in_order(reversed(communities)) == in_order(once)
    assert set(once) == set(communities)


@given(st.sampled_from(TREE), st.integers(0, 4), st.integers(0, 4))
def test_a_prefix_range_agrees_with_enumeration(prefix: IPv4Network, one: int, two: int) -> None:
    """A range holds exactly the prefixes that share its leading bits and have an allowed length."""
    at_least, at_most = sorted((max(one, prefix.prefixlen), max(two, prefix.prefixlen)))
    found = {p for p in TREE if PrefixRange(prefix=prefix, at_least=at_least, at_most=at_most).contains(p)}
    stem = f"{int(prefix.network_address):032b}"[: prefix.prefixlen]
    expected = {
        p
        for p in TREE
        if f"{int(p.network_address):032b}"[: p.prefixlen].startswith(stem) and at_least <= p.prefixlen <= at_most
    }
    assert found == expected


@given(policies, routes)
def test_evaluation_mutates_nothing_and_repeats(policy: Policy, route: Route) -> None:
    """A policy is a function: its arguments stay as they were, and asking twice gives the same answer."""
    before = deepcopy((policy, route))
    first = evaluate(policy, route)
    assert (policy, route) == before
    assert evaluate(policy, route) == first


@given(policies, routes)
def test_prefix_and_next_hop_pass_through_every_policy(policy: Policy, route: Route) -> None:
    """A policy decides and changes attributes, but never what a route leads to, nor where."""
    after = evaluate(policy, route).route
    assert after is None or (after.prefix, after.next_hop) == (route.prefix, route.next_hop)


@given(policies, routes)
def test_the_trace_leads_to_the_outcome(policy: Policy, route: Route) -> None:
    """Steps are the terms in order up to the one that decides, and a matching term is one whose conditions all hold."""
    outcome = evaluate(policy, route)
    assert [step.term for step in outcome.steps] == list(range(1, len(outcome.steps) + 1))
    for step in outcome.steps:
        assert (step.fate is not None) is all(condition.holds for condition in step.conditions)
        assert step.fate in (None, policy.terms[step.term - 1].fate)
    decided = [step.fate for step in outcome.steps if step.fate in (Fate.ACCEPT, Fate.REJECT)]
    assert decided in ([], [outcome.steps[-1].fate] if outcome.steps else [])
    assert outcome.accepted is (decided == [Fate.ACCEPT])


@given(policies, routes)
def test_a_leading_reject_all_rejects_everything(policy: Policy, route: Route) -> None:
    """Nothing behind a term that rejects everything is reached."""
    closed = Policy(name="closed", terms=(Term(fate=Fate.REJECT), *policy.terms))
    assert evaluate(closed, route).route is None


@given(changes, routes)
def test_added_communities_arrive_and_removed_ones_are_gone(change: Change, route: Route) -> None:
    """After a change, what it adds is there and what it removes is not, unless it adds it."""
    after = change.apply(route)
    assert set(change.add_communities) <= set(after.communities)
    assert not (set(change.remove_communities) - set(change.add_communities)) & set(after.communities)
    assert after.communities == in_order(after.communities)
