"""What holds for every value of the policy language."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.bgp import ATTRIBUTES, Community, Route, in_order, text_of
from lab.policy import (
    DECIDED,
    Asked,
    Change,
    CommunityChange,
    Context,
    Fate,
    Match,
    NumberChange,
    Operation,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
    compiled,
    evaluate,
)
from strategies import (
    chains,
    changes,
    contexts,
    few_changes,
    few_matches,
    policies,
    prefix_lists,
    routes,
    standard_changes,
)

TREE = [IPv4Network((number << (32 - length), length)) for length in range(5) for number in range(1 << length)]
"""Every IPv4 prefix of at most four bits."""


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


@given(chains, routes, contexts)
def test_evaluation_mutates_nothing_and_repeats(chain: tuple[Policy, ...], route: Route, context: Context) -> None:
    """A policy is a function: its arguments stay as they were, and asking twice gives the same answer."""
    before = deepcopy((chain, route, context))
    first = evaluate(chain, route, context)
    assert (chain, route, context) == before
    assert evaluate(chain, route, context) == first


@given(chains, routes, contexts)
@settings(max_examples=150)
def test_the_traced_and_the_compiled_form_agree(chain: tuple[Policy, ...], route: Route, context: Context) -> None:
    """A router runs the one and explains by the other, so their answers are the same."""
    outcome = evaluate(chain, route, context)
    assert compiled(chain)(route, context) == (outcome.route, outcome.next_hop_set)


@given(chains, routes, contexts)
def test_the_prefix_and_what_names_its_makers_pass_through(
    chain: tuple[Policy, ...], route: Route, context: Context
) -> None:
    """A policy decides and changes attributes, but never what a route leads to, nor who made it."""
    after = evaluate(chain, route, context).route
    fixed = ("prefix", "atomic_aggregate", "aggregator", "originator_id", "cluster_list", "unknown", "source", "vrf")
    assert after is None or [getattr(after, name) for name in fixed] == [getattr(route, name) for name in fixed]


@given(policies, routes, contexts)
def test_the_next_hop_moves_only_where_the_outcome_says_so(policy: Policy, route: Route, context: Context) -> None:
    """A router that puts its own address on what it sends relies on it."""
    outcome = evaluate(policy, route, context)
    assert outcome.route is None or outcome.next_hop_set or outcome.route.next_hop == route.next_hop
    assert outcome.accepted or not outcome.next_hop_set


@given(chains, routes, contexts)
def test_the_trace_leads_to_the_outcome(chain: tuple[Policy, ...], route: Route, context: Context) -> None:
    """Each change in the trace begins where the one before ended, and the last ones make the route that came out."""
    outcome = evaluate(chain, route, context)
    now = {name: text_of(route, name) for name in ATTRIBUTES}
    for step in outcome.steps:
        for change in step.changes:
            assert (now[change.attribute], change.before != change.after) == (change.before, True)
            now[change.attribute] = change.after
    if outcome.route is not None:
        assert now == {name: text_of(outcome.route, name) for name in ATTRIBUTES}


@given(policies, routes, contexts)
def test_the_trace_has_every_term_up_to_the_one_that_decides(policy: Policy, route: Route, context: Context) -> None:
    """Terms stand in order, a term that matches is one whose conditions all hold, and what decides comes last."""
    outcome = evaluate(policy, route, context)
    steps = [step for step in outcome.steps if step.depth == 0]
    assert [step.term for step in steps] == list(range(1, len(steps) + 1))
    for step in steps:
        term = policy.terms[step.term - 1]
        assert (step.policy, step.name) == (policy.name, term.name)
        assert step.conditions == tuple(term.match.test(_at(step.term, policy, route, context), context))
        assert step.fate is (term.fate if all(condition.holds for condition in step.conditions) else None)
    assert all(step.fate not in (Fate.REJECT, Fate.NEXT_POLICY) for step in steps[:-1])
    by_default = outcome.because.startswith("no term decided") or outcome.because.endswith("the default is reject")
    assert by_default or outcome.term == steps[-1].term
    if outcome.accepted:
        decided = [step.fate for step in steps if step.fate in DECIDED]
        assert decided == [Fate.ACCEPT] or (decided == [] and policy.default is Fate.ACCEPT)


def _at(term: int, policy: Policy, route: Route, context: Context) -> Route:
    """The route that a term of a policy is asked about: what the terms before it make of it."""
    before = Policy(name="before", terms=policy.terms[: term - 1], default=Fate.ACCEPT)
    after = evaluate(before, route, context).route
    assert after is not None
    return after


@given(policies, routes, contexts)
def test_a_leading_reject_all_rejects_everything(policy: Policy, route: Route, context: Context) -> None:
    """Nothing behind a term that rejects everything is reached."""
    closed = Policy(name="closed", terms=(Term(fate=Fate.REJECT), *policy.terms), default=policy.default)
    assert evaluate(closed, route, context).route is None


@given(chains, policies, routes, contexts)
def test_a_chain_is_its_first_policy_and_then_the_rest(
    rest: tuple[Policy, ...], first: Policy, route: Route, context: Context
) -> None:
    """The policies behind the first have the say only where it passes the route on, and they see it changed."""
    passing = Policy(name="passing", terms=(*first.terms, Term(fate=Fate.NEXT_POLICY)))
    alone = evaluate((passing, Policy(name="all", terms=(), default=Fate.ACCEPT)), route, context)
    together = evaluate((passing, *rest), route, context)
    if alone.route is None:
        assert together.route is None
    elif len(together.steps) > len(alone.steps):
        assert together.route == evaluate(rest, alone.route, context).route


@given(few_matches, few_changes, routes, contexts)
def test_a_call_is_as_if_its_terms_stood_there(match: Match, change: Change, route: Route, context: Context) -> None:
    """A term that calls a policy of one term accepts what that term accepts, and changes what both change."""
    called = Policy(name="called", terms=(Term(fate=Fate.ACCEPT, match=match, change=change),))
    calling = Policy(name="calling", terms=(Term(fate=Fate.ACCEPT, call=called),))
    assert evaluate(calling, route, context).route == evaluate(called, route, context).route


@given(standard_changes, routes)
def test_added_communities_arrive_and_removed_ones_are_gone(change: CommunityChange[Community], route: Route) -> None:
    """After a change, what it adds is there and what it removes is not, unless it adds it."""
    after = change.apply(route.communities)
    kept = set(route.communities if change.replace is None else change.replace)
    assert set(after) == {c for c in kept if not any(s.contains(c) for s in change.remove)} | set(change.add)
    assert after == in_order(after)


@given(changes, routes, contexts)
def test_numbers_stay_in_their_range(change: Change, route: Route, context: Context) -> None:
    """No arithmetic leads out of what the wire can carry, nor a weight out of its 16 bits."""
    after = change.apply(route, context)
    assert 0 <= (after.local_pref or 0) <= 0xFFFFFFFF
    assert 0 <= (after.multi_exit_disc or 0) <= 0xFFFFFFFF
    assert 0 <= after.weight <= 0xFFFF


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_adding_is_undone_by_subtracting_unless_an_end_was_reached(number: int, value: int) -> None:
    """At the ends of the range a number stays."""
    more = NumberChange(operation=Operation.PLUS, value=value).apply(number)
    assert more == min(number + value, 0xFFFFFFFF)
    less = NumberChange(operation=Operation.MINUS, value=value).apply(more)
    assert less == (number if number + value <= 0xFFFFFFFF else 0xFFFFFFFF - value)


@given(st.lists(prefix_lists, min_size=1, max_size=3), routes)
def test_any_all_and_none_are_what_they_say(lists: list[PrefixList], route: Route) -> None:
    """`none` is the opposite of `any`, and `all` holds where each alone does."""
    answers = {
        quantifier: Asked(sets=tuple(lists), quantifier=quantifier).holds(
            lambda one: one.find(route.prefix) is not None
        )
        for quantifier in Quantifier
    }
    each = [one.find(route.prefix) is not None for one in lists]
    assert answers == {Quantifier.ANY: any(each), Quantifier.ALL: all(each), Quantifier.NONE: not any(each)}
