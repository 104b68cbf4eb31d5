"""Policies made into closures: what a router runs on every route, where no trace is asked for.

The answer is that of `evaluate`; the properties in `tests/properties` hold the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lab.bgp import Route
from lab.policy.aspects import Aspect, Context
from lab.policy.changes import NO_CHANGE
from lab.policy.evaluation import Fate, Policy, Term

Answer = tuple[Route | None, bool]
"""The route that came out, None where it was rejected; and whether a policy chose its next hop."""

Compiled = Callable[[Route, Context], Answer]
_Questions = tuple[tuple[Aspect, Any], ...]


def compiled(chain: Sequence[Policy]) -> Compiled:
    """A chain of policies as one function."""
    runs = [compiled_policy(policy) for policy in chain]

    def run(route: Route, context: Context) -> Answer:
        chosen = False
        for one in runs:
            fate, route, here = one(route, context)
            chosen = chosen or here
            if fate is not Fate.NEXT_POLICY:
                return (route, chosen) if fate is Fate.ACCEPT else (None, False)
        return None, False

    return run


Run = Callable[[Route, Context], tuple[Fate, Route, bool]]
"""One policy's fate for a route, the route after its changes, and whether it chose the next hop."""


Reached = Callable[[str, int], object]
"""Is told the policy and the number of each term whose conditions held."""


def compiled_policy(policy: Policy, reached: Reached | None = None) -> Run:
    """One policy of a chain as a function."""
    steps = [
        (number, term, term.match.cheapest_first(), None if term.call is None else compiled_policy(term.call, reached))
        for number, term in enumerate(policy.terms, start=1)
    ]

    def run(route: Route, context: Context) -> tuple[Fate, Route, bool]:
        chosen = False
        for number, term, questions, call in steps:
            if not _holds(questions, route, context):
                continue
            if reached is not None:
                reached(policy.name, number)
            if term.fate is Fate.REJECT:
                return Fate.REJECT, route, chosen
            chosen = chosen or term.change.sets_next_hop(route)
            route = _changed(term, route, context)
            if call is not None:
                fate, route, here = call(route, context)
                chosen = chosen or here
                if fate is not Fate.ACCEPT:
                    return Fate.REJECT, route, chosen
            if term.fate is not Fate.NEXT_TERM:
                return term.fate, route, chosen
        return policy.default, route, chosen

    return run


def _holds(questions: _Questions, route: Route, context: Context) -> bool:
    return all(aspect.holds(asked, route, context) for aspect, asked in questions)


def _changed(term: Term, route: Route, context: Context) -> Route:
    return route if term.change is NO_CHANGE else term.change.apply(route, context)
