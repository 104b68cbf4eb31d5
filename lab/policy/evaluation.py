"""Policies, and what they do with a route: its fate, and the trace of every term that was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lab.bgp import AttributeChange, Route, changes_between
from lab.policy.aspects import NOWHERE, Context
from lab.policy.changes import NO_CHANGE, Change
from lab.policy.conditions import EVERY_ROUTE, Condition, Match


class Fate(Enum):
    """What a term does with a route that matched, or a policy with one that no term decided."""

    ACCEPT = "accept"
    REJECT = "reject"
    NEXT_TERM = "next_term"
    NEXT_POLICY = "next_policy"
    """The next policy of the chain has the say; behind the last one it is reject."""


DECIDED = (Fate.ACCEPT, Fate.REJECT, Fate.NEXT_POLICY)
"""The fates after which no later term of the policy is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One step of a policy. `call` is a policy that has to accept the route, changed by this term, before its fate."""

    fate: Fate
    name: str = ""
    match: Match = EVERY_ROUTE
    change: Change = NO_CHANGE
    call: Policy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named, ordered list of terms. `default` is the fate of a route that none of them decides.

    `source` says where it was written, or which rule of Microsoft's edge it is.
    """

    name: str
    terms: tuple[Term, ...]
    default: Fate = Fate.REJECT
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One term that was tried; `term` counts from 1, and `depth` is how deep in calls its policy is.

    `fate` is None where a condition did not hold. `changes` are the term's own, not those of a policy that it calls,
    whose steps follow. `next_hop_set` says that the term chose the next hop, be it the one that the route has.
    """

    policy: str
    term: int
    conditions: tuple[Condition, ...]
    fate: Fate | None
    name: str = ""
    changes: tuple[AttributeChange, ...] = ()
    depth: int = 0
    next_hop_set: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The fate of a route: `route` is what came out, None where it was rejected.

    `policy` and `because` name what decided, and `term` is the number of its term that did: 0 for a default.
    `next_hop_set` says that a policy chose the next hop, and `defaults` names the policies of which no term decided,
    those that were called too. `goes_on` is for a policy that was asked alone: `route` is what the next one gets.
    """

    policy: str
    route: Route | None
    because: str
    steps: tuple[Step, ...]
    term: int = 0
    next_hop_set: bool = False
    defaults: tuple[str, ...] = ()
    goes_on: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the route came out."""
        return self.route is not None and not self.goes_on


def evaluate(policies: Policy | Sequence[Policy], route: Route, context: Context = NOWHERE) -> Outcome:
    """What a policy, or a chain of them, does with `route`, and why."""
    chain = (policies,) if isinstance(policies, Policy) else tuple(policies)
    walk = _Walk(context, route)
    fate, because, name = Fate.REJECT, "there is no policy", ""
    for policy in chain:
        name = policy.name
        fate, because = walk.run(policy, 0)
        if fate is not Fate.NEXT_POLICY:
            break
    if fate is Fate.NEXT_POLICY:
        because, walk.decided = f"{because}, and no policy is left: the default is reject", 0
    return Outcome(
        policy=name,
        route=walk.route if fate is Fate.ACCEPT else None,
        because=because,
        steps=tuple(walk.steps),
        term=walk.decided,
        next_hop_set=walk.next_hop_set and fate is Fate.ACCEPT,
        defaults=tuple(walk.defaults),
    )


def evaluate_alone(policy: Policy, route: Route, context: Context = NOWHERE) -> Outcome:
    """What one policy of a chain does with `route`, whatever stands behind it."""
    walk = _Walk(context, route)
    fate, because = walk.run(policy, 0)
    rejected = fate is Fate.REJECT
    return Outcome(
        policy=policy.name,
        route=None if rejected else walk.route,
        because=because,
        steps=tuple(walk.steps),
        term=walk.decided,
        next_hop_set=walk.next_hop_set and not rejected,
        defaults=tuple(walk.defaults),
        goes_on=fate is Fate.NEXT_POLICY,
    )


class _Walk:
    """One route on its way through policies."""

    def __init__(self, context: Context, route: Route) -> None:
        self.context = context
        self.route = route
        self.steps: list[Step] = []
        self.decided = 0
        self.next_hop_set = False
        self.defaults: list[str] = []

    def run(self, policy: Policy, depth: int) -> tuple[Fate, str]:
        """A policy's fate for the route, and what decided."""
        for number, term in enumerate(policy.terms, start=1):
            fate, because = self._term(policy, number, term, depth)
            if fate is not None:
                self.decided = number  # behind what a called policy said of itself
                return fate, because
        self.decided = 0
        self.defaults.append(policy.name)
        return policy.default, f"no term decided: the default is {policy.default.value}"

    def _term(self, policy: Policy, number: int, term: Term, depth: int) -> tuple[Fate | None, str]:
        label = f"term {number}{f' ({term.name})' if term.name else ''}"
        conditions = tuple(term.match.test(self.route, self.context))
        matched = all(condition.holds for condition in conditions)
        before, chosen = self.route, False
        if matched and term.fate is not Fate.REJECT:
            self.route = term.change.apply(before, self.context)
            chosen = term.change.sets_next_hop(before)
            self.next_hop_set = self.next_hop_set or chosen
        self.steps.append(
            Step(
                policy=policy.name,
                term=number,
                name=term.name,
                conditions=conditions,
                fate=term.fate if matched else None,
                changes=changes_between(before, self.route),
                depth=depth,
                next_hop_set=chosen,
            )
        )
        if not matched:
            return None, ""
        if term.call is not None and term.fate is not Fate.REJECT:
            fate, because = self.run(term.call, depth + 1)
            if fate is not Fate.ACCEPT:
                return Fate.REJECT, f"{label} calls {term.call.name}, which does not accept: {because}"
        if term.fate is Fate.NEXT_TERM:
            return None, ""
        verb = {Fate.ACCEPT: "accepts", Fate.REJECT: "rejects"}.get(term.fate, "goes on to the next policy")
        return term.fate, f"{label} {verb}"
