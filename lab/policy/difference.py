"""Two versions of policies, compared on routes: what becomes of each with the old one and with the new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice

from lab.policy.boundary import MOST_ROUTES, Sample, boundary
from lab.policy.compiled import compiled
from lab.policy.coverage import WrittenTerm, matched, with_called
from lab.policy.evaluation import Outcome, Policy, evaluate

MOST_TRACED = 500
"""Boundary routes of a policy that are traced to see which terms they reach."""


class Presence(Enum):
    """Which of two files has a policy of some name."""

    BOTH = "both"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A policy by name, old and new; None where a file has none of that name, through which nothing passes."""

    name: str
    old: Policy | None
    new: Policy | None

    @property
    def presence(self) -> Presence:
        """Which of the files has it."""
        if self.old is None:
            return Presence.ADDED
        return Presence.REMOVED if self.new is None else Presence.BOTH

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Those that are there."""
        return tuple(one for one in (self.old, self.new) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A route of which one version makes something else than the other; `given` if somebody gave it."""

    version: Version
    sample: Sample
    given: bool

    @property
    def before(self) -> Outcome:
        """What the old version does with it, traced."""
        return _outcome(self.version.old, self.sample)

    @property
    def after(self) -> Outcome:
        """What the new version does with it, traced."""
        return _outcome(self.version.new, self.sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One policy in both versions. `unreached` are the terms that no boundary route was found to reach.

    `complete` says that all boundary routes were compared: of policies with very many conditions it is the first ones.
    """

    version: Version
    boundary_routes: int
    differences: tuple[Difference, ...]
    unreached: tuple[WrittenTerm, ...]
    complete: bool

    @property
    def differs(self) -> bool:
        """Whether the versions are known to be different."""
        return bool(self.differences) or self.version.presence is not Presence.BOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceReport:
    """Two files compared, policy by policy, on their boundary routes and on `given_routes` others."""

    old: str
    new: str
    comparisons: tuple[Comparison, ...]
    given_routes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where something differs, 3 where nothing was compared."""
        if any(one.differs for one in self.comparisons):
            return 1
        return 0 if self.comparisons else 3


def versions(old: Iterable[Policy], new: Iterable[Policy], names: Iterable[str] = ()) -> tuple[Version, ...]:
    """The policies of two files by name, in the order of the new one; only those of some names, where there are any."""
    before, after = ({policy.name: policy for policy in policies} for policies in (old, new))
    wanted = tuple(names) or (*after, *before)
    return tuple(
        Version(name=name, old=before.get(name), new=after.get(name))
        for name in dict.fromkeys(wanted)
        if name in before or name in after
    )


def compare(wanted: Sequence[Version], given: Iterable[Sample] = ()) -> tuple[Comparison, ...]:
    """Every policy on the routes given, which are gone through once, and then on its boundary routes."""
    functions = [(one, compiled(_chain(one.old)), compiled(_chain(one.new))) for one in wanted]
    made = {one.name: boundary(one.policies) for one in wanted}
    found: dict[str, dict[Sample, bool]] = {one.name: {} for one in wanted}
    questions = chain(
        ((asked, True, function) for asked in given for function in functions),
        ((asked, False, function) for function in functions for asked in made[function[0].name]),
    )
    for asked, is_given, (one, before, after) in questions:
        if before(asked.route, asked.context) != after(asked.route, asked.context):
            found[one.name].setdefault(asked, is_given)
    return tuple(
        Comparison(
            version=one,
            boundary_routes=len(made[one.name]),
            differences=tuple(
                Difference(version=one, sample=asked, given=is_given) for asked, is_given in found[one.name].items()
            ),
            unreached=tuple(_unreached(one, made[one.name])),
            complete=len(made[one.name]) < MOST_ROUTES,
        )
        for one in wanted
    )


def _chain(policy: Policy | None) -> tuple[Policy, ...]:
    return () if policy is None else (policy,)


def _outcome(policy: Policy | None, asked: Sample) -> Outcome:
    return evaluate(_chain(policy), asked.route, asked.context)


def _unreached(version: Version, samples: Sequence[Sample]) -> Iterator[WrittenTerm]:
    """The terms of both versions that no route is found to reach, each once; the first routes are made for that."""
    missed: dict[WrittenTerm, None] = {}
    for policy in version.policies:
        terms = {
            (one.name, number): WrittenTerm(policy=one.name, term=number, name=term.name)
            for one in with_called((policy,))
            for number, term in enumerate(one.terms, start=1)
        }
        for asked in islice(samples, MOST_TRACED):
            for reached in matched(_outcome(policy, asked)):
                terms.pop(reached, None)
            if not terms:
                break
        missed.update(dict.fromkeys(terms.values()))
    yield from missed
