"""Which terms of policies a set of routes reached: those whose conditions held for one of them.

A default that lets a route through counts as a term too, for it decides as one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.policy.evaluation import Fate, Outcome, Policy

DEFAULT = 0
"""The number of a policy's default among its terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTerm:
    """A term of a policy, counted from 1, or its default, which is 0; and the place in a file where it stands."""

    policy: str
    term: int
    name: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Every term, and those that no route reached, in the order of their files."""

    terms: tuple[WrittenTerm, ...]
    missed: tuple[WrittenTerm, ...]

    @property
    def reached(self) -> int:
        """How many terms a route reached."""
        return len(self.terms) - len(self.missed)


Tested = tuple[tuple[WrittenTerm, ...], Iterable[Outcome]]
"""The terms of some policy files, and what their policies did with routes."""


def coverage(tested: Iterable[Tested]) -> Coverage:
    """The terms that were reached in any of several runs; a term is known by its place."""
    terms: dict[WrittenTerm, None] = {}
    reached: set[WrittenTerm] = set()
    for written, outcomes in tested:
        terms.update(dict.fromkeys(written))
        at = {(one.policy, one.term): one for one in written}
        reached |= {at[one] for outcome in outcomes for one in (*matched(outcome), *_defaults(outcome)) if one in at}
    return Coverage(terms=tuple(terms), missed=tuple(one for one in terms if one not in reached))


def matched(outcome: Outcome) -> Iterator[tuple[str, int]]:
    """The policies and numbers of the terms whose conditions held, those of called policies too."""
    return ((step.policy, step.term) for step in outcome.steps if step.fate is not None)


def _defaults(outcome: Outcome) -> Iterator[tuple[str, int]]:
    return ((policy, DEFAULT) for policy in outcome.defaults)


def lets_through(policy: Policy) -> bool:
    """Whether a policy's default does more than reject, and so has to be reached as a term has to be."""
    return policy.default is not Fate.REJECT


def with_called(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    """Policies and those that they call, each once."""
    found: dict[str, Policy] = {}
    waiting = list(policies)
    while waiting:
        policy = waiting.pop(0)
        if policy.name not in found:
            found[policy.name] = policy
            waiting += [term.call for term in policy.terms if term.call is not None]
    return tuple(found.values())
