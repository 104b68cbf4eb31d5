"""How a route goes through terms, policies, calls and chains, and the trace that it leaves."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from builders import P1, P2, any_of, only, set_to
from lab.bgp import AsPath, AttributeChange, Community, Route
from lab.policy import (
    NOWHERE,
    Change,
    CommunityChange,
    Condition,
    Fate,
    Match,
    NextHopRule,
    Outcome,
    Policy,
    Step,
    Term,
    compiled,
    evaluate,
)
from lab.policy.evaluation import evaluate_alone

ROUTE = Route(prefix=P1, next_hop=IPv4Address("192.0.2.2"), as_path=AsPath.of(65001), communities=(Community("1:1"),))
ACCEPT, REJECT, NEXT_TERM, NEXT_POLICY = Fate.ACCEPT, Fate.REJECT, Fate.NEXT_TERM, Fate.NEXT_POLICY
WEIGHTED = Change(weight=set_to(1))
PREFERRED = Change(local_pref=set_to(300))
TAGGED = Change(communities=CommunityChange(add=(Community("9:9"),)))
IS_TAGGED = Match(community=any_of("9:9"))


def policy(*terms: Term, name: str = "p", default: Fate = REJECT) -> Policy:
    """A policy."""
    return Policy(name=name, terms=terms, default=default)


def step(term: int, fate: Fate | None, *changes: AttributeChange, name: str = "p", depth: int = 0) -> Step:
    """A step of a term without conditions."""
    return Step(policy=name, term=term, conditions=(), fate=fate, changes=changes, depth=depth)


def changed(attribute: str, before: str, after: str) -> AttributeChange:
    """One attribute, before and after."""
    return AttributeChange(attribute=attribute, before=before, after=after)


TO_WEIGHT_1 = changed("weight", "0", "1")
TO_300 = changed("local_pref", "", "300")
ONLY_P2 = Condition(text="prefix_list exactly", holds=False, because="10.1.0.0/16 is in none of its ranges")


@pytest.mark.parametrize(
    ("chain", "outcome"),
    [
        pytest.param(
            (policy(Term(fate=REJECT, match=only(P2)), Term(fate=ACCEPT, change=WEIGHTED), Term(fate=REJECT)),),
            Outcome(
                policy="p",
                route=replace(ROUTE, weight=1),
                because="term 2 accepts",
                term=2,
                steps=(
                    Step(policy="p", term=1, conditions=(ONLY_P2,), fate=None),
                    step(2, ACCEPT, TO_WEIGHT_1),
                ),
            ),
            id="the first term that decides wins, and later ones are not tried",
        ),
        pytest.param(
            (policy(Term(fate=REJECT, change=WEIGHTED)),),
            Outcome(policy="p", route=None, because="term 1 rejects", term=1, steps=(step(1, REJECT),)),
            id="a term that rejects changes nothing",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT, name="all")),),
            Outcome(
                policy="p",
                route=ROUTE,
                because="term 1 (all) accepts",
                term=1,
                steps=(Step(policy="p", term=1, name="all", conditions=(), fate=ACCEPT),),
            ),
            id="a name is told with the number",
        ),
        pytest.param(
            (policy(),),
            Outcome(policy="p", route=None, because="no term decided: the default is reject", steps=()),
            id="without terms the default decides",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT, match=only(P2))),),
            Outcome(
                policy="p",
                route=None,
                because="no term decided: the default is reject",
                steps=(Step(policy="p", term=1, conditions=(ONLY_P2,), fate=None),),
            ),
            id="where no term matches the default decides",
        ),
        pytest.param(
            (policy(Term(fate=NEXT_TERM, change=WEIGHTED)),),
            Outcome(
                policy="p",
                route=None,
                because="no term decided: the default is reject",
                steps=(step(1, NEXT_TERM, TO_WEIGHT_1),),
            ),
            id="where the last term passes on the default decides",
        ),
        pytest.param(
            (policy(Term(fate=NEXT_TERM, change=WEIGHTED), default=ACCEPT),),
            Outcome(
                policy="p",
                route=replace(ROUTE, weight=1),
                because="no term decided: the default is accept",
                steps=(step(1, NEXT_TERM, TO_WEIGHT_1),),
            ),
            id="a default that accepts keeps the changes",
        ),
        pytest.param(
            (
                policy(
                    Term(fate=NEXT_TERM, change=TAGGED),
                    Term(fate=ACCEPT, match=IS_TAGGED, change=PREFERRED),
                ),
            ),
            Outcome(
                policy="p",
                route=replace(ROUTE, communities=(Community("1:1"), Community("9:9")), local_pref=300),
                because="term 2 accepts",
                term=2,
                steps=(
                    step(1, NEXT_TERM, changed("communities", "1:1", "1:1 9:9")),
                    Step(
                        policy="p",
                        term=2,
                        conditions=(Condition(text="community exactly", holds=True, because="it has 9:9"),),
                        fate=ACCEPT,
                        changes=(TO_300,),
                    ),
                ),
            ),
            id="the next term sees what the one before changed",
        ),
        pytest.param(
            (),
            Outcome(policy="", route=None, because="there is no policy", steps=()),
            id="an empty chain rejects",
        ),
        pytest.param(
            (policy(Term(fate=NEXT_POLICY, change=WEIGHTED), Term(fate=REJECT)), policy(Term(fate=ACCEPT), name="q")),
            Outcome(
                policy="q",
                route=replace(ROUTE, weight=1),
                because="term 1 accepts",
                term=1,
                steps=(step(1, NEXT_POLICY, TO_WEIGHT_1), step(1, ACCEPT, name="q")),
            ),
            id="next_policy leaves the policy and keeps the changes",
        ),
        pytest.param(
            (policy(default=NEXT_POLICY), policy(Term(fate=REJECT), name="q"), policy(Term(fate=ACCEPT), name="r")),
            Outcome(policy="q", route=None, because="term 1 rejects", term=1, steps=(step(1, REJECT, name="q"),)),
            id="a default may pass on to the next policy, and the first that decides wins",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT)), policy(Term(fate=REJECT), name="q")),
            Outcome(policy="p", route=ROUTE, because="term 1 accepts", term=1, steps=(step(1, ACCEPT),)),
            id="what one policy accepts no later one rejects",
        ),
        pytest.param(
            (policy(Term(fate=NEXT_POLICY, change=WEIGHTED)),),
            Outcome(
                policy="p",
                route=None,
                because="term 1 goes on to the next policy, and no policy is left: the default is reject",
                steps=(step(1, NEXT_POLICY, TO_WEIGHT_1),),
            ),
            id="the end of the chain rejects",
        ),
        pytest.param(
            (policy(default=NEXT_POLICY), policy(name="q", default=NEXT_POLICY)),
            Outcome(
                policy="q",
                route=None,
                because=("no term decided: the default is next_policy, and no policy is left: the default is reject"),
                steps=(),
            ),
            id="the end of the chain rejects what only defaults passed on",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT, change=WEIGHTED, call=policy(Term(fate=ACCEPT, change=PREFERRED), name="q"))),),
            Outcome(
                policy="p",
                route=replace(ROUTE, weight=1, local_pref=300),
                because="term 1 accepts",
                term=1,
                steps=(step(1, ACCEPT, TO_WEIGHT_1), step(1, ACCEPT, TO_300, name="q", depth=1)),
            ),
            id="a called policy sees the term's changes and adds its own",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT, call=policy(Term(fate=REJECT, match=only(P1)), name="q"))),),
            Outcome(
                policy="p",
                route=None,
                because="term 1 calls q, which does not accept: term 1 rejects",
                term=1,
                steps=(
                    step(1, ACCEPT),
                    Step(
                        policy="q",
                        term=1,
                        conditions=(
                            Condition(
                                text="prefix_list exactly", holds=True, because="10.1.0.0/16 is in exactly: 10.1.0.0/16"
                            ),
                        ),
                        fate=REJECT,
                        depth=1,
                    ),
                ),
            ),
            id="what a called policy rejects is rejected",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT, name="x", call=policy(name="q", default=NEXT_POLICY))), policy(name="r")),
            Outcome(
                policy="p",
                route=None,
                because=("term 1 (x) calls q, which does not accept: no term decided: the default is next_policy"),
                term=1,
                steps=(Step(policy="p", term=1, name="x", conditions=(), fate=ACCEPT),),
            ),
            id="a called policy that decides nothing does not accept",
        ),
        pytest.param(
            (
                policy(
                    Term(fate=NEXT_TERM, call=policy(Term(fate=ACCEPT, change=PREFERRED), name="q")),
                    Term(fate=ACCEPT, change=WEIGHTED),
                ),
            ),
            Outcome(
                policy="p",
                route=replace(ROUTE, weight=1, local_pref=300),
                because="term 2 accepts",
                term=2,
                steps=(
                    step(1, NEXT_TERM),
                    step(1, ACCEPT, TO_300, name="q", depth=1),
                    step(2, ACCEPT, TO_WEIGHT_1),
                ),
            ),
            id="behind a call that accepts the term's own fate is next",
        ),
        pytest.param(
            (policy(Term(fate=NEXT_TERM, call=policy(Term(fate=ACCEPT), name="q")), default=ACCEPT),),
            Outcome(
                policy="p",
                route=ROUTE,
                because="no term decided: the default is accept",
                steps=(step(1, NEXT_TERM), step(1, ACCEPT, name="q", depth=1)),
            ),
            id="what a called policy decides is no decision of the caller",
        ),
        pytest.param(
            (policy(Term(fate=ACCEPT, call=policy(Term(fate=ACCEPT, call=policy(name="r")), name="q"))),),
            Outcome(
                policy="p",
                route=None,
                because=(
                    "term 1 calls q, which does not accept: term 1 calls r, which does not accept: "
                    "no term decided: the default is reject"
                ),
                term=1,
                steps=(step(1, ACCEPT), step(1, ACCEPT, name="q", depth=1)),
            ),
            id="calls in calls",
        ),
        pytest.param(
            (policy(Term(fate=REJECT, call=policy(Term(fate=ACCEPT, change=WEIGHTED), name="q"))),),
            Outcome(policy="p", route=None, because="term 1 rejects", term=1, steps=(step(1, REJECT),)),
            id="a term that rejects calls nobody",
        ),
        pytest.param(
            (
                policy(Term(fate=NEXT_POLICY, change=Change(next_hop_rule=NextHopRule.UNCHANGED))),
                policy(Term(fate=ACCEPT), name="q"),
            ),
            Outcome(
                policy="q",
                route=ROUTE,
                because="term 1 accepts",
                term=1,
                steps=(replace(step(1, NEXT_POLICY), next_hop_set=True), step(1, ACCEPT, name="q")),
                next_hop_set=True,
            ),
            id="a next hop that an earlier policy chose stays chosen",
        ),
        pytest.param(
            (
                policy(
                    Term(
                        fate=ACCEPT,
                        call=policy(Term(fate=ACCEPT, change=Change(next_hop_rule=NextHopRule.UNCHANGED)), name="q"),
                    )
                ),
            ),
            Outcome(
                policy="p",
                route=ROUTE,
                because="term 1 accepts",
                term=1,
                steps=(step(1, ACCEPT), replace(step(1, ACCEPT, name="q", depth=1), next_hop_set=True)),
                next_hop_set=True,
            ),
            id="a next hop that a called policy chose is chosen",
        ),
        pytest.param(
            (policy(Term(fate=NEXT_TERM, change=Change(next_hop_rule=NextHopRule.UNCHANGED))),),
            Outcome(
                policy="p",
                route=None,
                because="no term decided: the default is reject",
                steps=(replace(step(1, NEXT_TERM), next_hop_set=True),),
            ),
            id="a rejected route has no next hop to choose",
        ),
    ],
)
def test_the_fate_of_a_route_and_its_trace(chain: tuple[Policy, ...], outcome: Outcome) -> None:
    """The whole answer: what came out, what decided, and every term that was tried; and the fast form agrees."""
    assert replace(evaluate(chain, ROUTE), defaults=()) == outcome
    assert compiled(chain)(ROUTE, NOWHERE) == (outcome.route, outcome.next_hop_set)
    assert outcome.accepted is (outcome.route is not None)


def test_the_policies_of_which_no_term_decided_are_named() -> None:
    """A default that had the say is told with its policy's name, also that of a policy that was called."""
    called = policy(Term(fate=NEXT_TERM), name="q", default=ACCEPT)
    first = policy(Term(fate=NEXT_TERM, call=called), default=NEXT_POLICY)

    assert evaluate((first, policy(Term(fate=ACCEPT), name="r")), ROUTE).defaults == ("q", "p")


@pytest.mark.parametrize("fate", [ACCEPT, REJECT, NEXT_POLICY])
def test_a_policy_alone_says_whether_the_next_one_has_the_say(fate: Fate) -> None:
    """Asked alone, a policy that goes on hands on its changes, and neither accepts nor rejects."""
    found = evaluate_alone(policy(Term(fate=fate, change=Change() if fate is REJECT else WEIGHTED)), ROUTE)

    assert (found.accepted, found.goes_on) == (fate is ACCEPT, fate is NEXT_POLICY)
    assert found.route == (None if fate is REJECT else replace(ROUTE, weight=1))


def test_one_policy_is_a_chain_of_one() -> None:
    """A policy alone may stand where a chain may."""
    alone = policy(Term(fate=ACCEPT, change=WEIGHTED))
    assert evaluate(alone, ROUTE) == evaluate((alone,), ROUTE)


def test_a_called_policy_knows_where_it_runs() -> None:
    """What a policy asks of the session it asks of the same one where it is called, in both forms."""
    called = Policy(name="called", terms=(Term(fate=Fate.ACCEPT, match=Match(neighbor=("msee1",))),))
    calling = Policy(name="calling", terms=(Term(fate=Fate.ACCEPT, call=called),))
    here, elsewhere = replace(NOWHERE, neighbor="msee1"), replace(NOWHERE, neighbor="msee2")
    route = Route(prefix=P1, next_hop=IPv4Address("192.0.2.2"))
    assert [evaluate(calling, route, context).accepted for context in (here, elsewhere)] == [True, False]
    assert [compiled([calling])(route, context)[0] for context in (here, elsewhere)] == [route, None]
