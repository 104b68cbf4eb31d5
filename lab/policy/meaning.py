"""What a policy says, apart from how it is written: names and the order of what is a set do not count.

Two policies that say the same do the same with every route. Two that do not may still do so.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields
from typing import Any

from lab.policy.conditions import Match
from lab.policy.evaluation import Policy, Term
from lab.policy.sets import Asked, AsPathSet, CommunitySet, PrefixList, Quantifier


def say_the_same(one: Policy, other: Policy) -> bool:
    """Whether two policies are equal but for names, places, and the order of what is a set."""
    return _policy(one, {}) == _policy(other, {})


_Made = dict[int, Hashable]
"""Of the policies that were seen, by identity: many terms may call one."""


def _policy(policy: Policy, made: _Made) -> Hashable:
    if id(policy) not in made:
        made[id(policy)] = (policy.default, tuple(_term(term, made) for term in policy.terms))
    return made[id(policy)]


def _term(term: Term, made: _Made) -> Hashable:
    call = None if term.call is None else _policy(term.call, made)
    return (term.fate, _match(term.match), term.change, call)


def _match(match: Match) -> Hashable:
    return tuple(_asked(getattr(match, one.name)) for one in fields(match))


def _asked(asked: Any) -> Hashable:  # noqa: ANN401  # what any field of `Match` is
    """What is asked of one aspect; of several sets of which any or none may hold a route, what is in them together."""
    if isinstance(asked, tuple):
        return frozenset(asked)
    if not isinstance(asked, Asked):
        return asked  # type: ignore[no-any-return]  # a number range or a family
    members = frozenset(_members(one) for one in asked.sets)
    if asked.quantifier is Quantifier.ALL and len(members) > 1:
        return (asked.quantifier, members)
    together = frozenset(member for one in members for member in one)
    return (Quantifier.NONE if asked.quantifier is Quantifier.NONE else Quantifier.ANY, together)


def _members(one: PrefixList | AsPathSet | CommunitySet) -> frozenset[Hashable]:
    if isinstance(one, PrefixList):
        return frozenset(one.ranges)
    return frozenset(one.entries if isinstance(one, AsPathSet) else one.patterns)
