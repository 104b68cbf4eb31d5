"""Two versions of policies, compared on routes: what becomes of each with the old one and with the new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, partial
from itertools import chain

from lab.bgp import Route
from lab.policy.boundary import Boundary, Sample, boundary
from lab.policy.compiled import compiled_policy
from lab.policy.coverage import WrittenTerm, with_called
from lab.policy.evaluation import Fate, Outcome, Policy, evaluate, evaluate_alone
from lab.policy.meaning import say_the_same


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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One policy in both versions.

    `complete` says that all boundary routes were compared: of policies with very many conditions it is the first ones.
    `unreached` are the terms that no boundary route was found to reach. Where a policy is so long that not for each
    term one was looked for, there are none of these, and `untried` counts the terms of which it is not known.
    """

    version: Version
    boundary_routes: int
    differences: tuple[Difference, ...]
    unreached: tuple[WrittenTerm, ...]
    complete: bool
    untried: int = 0

    @property
    def differs(self) -> bool:
        """Whether the versions are known to be different."""
        return bool(self.differences) or self.version.presence is not Presence.BOTH

    @cached_property
    def is_open(self) -> bool:
        """Whether the versions do not say the same, though no route was found that shows it."""
        old, new = self.version.old, self.version.new
        return not self.differs and old is not None and new is not None and not say_the_same(old, new)


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceReport:
    """Two files compared, policy by policy, on their boundary routes and on `given_routes` others.

    `given_routes` is None where nobody gave a file of them.
    """

    old: str
    new: str
    comparisons: tuple[Comparison, ...]
    given_routes: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where something differs, 3 where it is not known whether it does, or where nothing was compared."""
        if any(one.differs for one in self.comparisons):
            return 1
        is_open = any(one.is_open for one in self.comparisons)
        return 3 if is_open or not self.comparisons or self.given_routes == 0 else 0


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
    functions = [(one, _function(one.old), _function(one.new)) for one in wanted]
    made = {one.name: boundary(one.policies) for one in wanted}
    found: dict[str, dict[Sample, bool]] = {one.name: {} for one in wanted}
    questions = chain(
        ((asked, True, function) for asked in given for function in functions),
        ((asked, False, function) for function in functions for asked in made[function[0].name].samples),
    )
    for asked, is_given, (one, before, after) in questions:
        if before(asked) != after(asked):
            found[one.name].setdefault(asked, is_given)
    return tuple(_comparison(one, made[one.name], found[one.name]) for one in wanted)


def _comparison(version: Version, made: Boundary, found: Mapping[Sample, bool]) -> Comparison:
    unreached = tuple(_unreached(version, made.samples))
    return Comparison(
        version=version,
        boundary_routes=len(made.samples),
        differences=tuple(Difference(version=version, sample=asked, given=given) for asked, given in found.items()),
        unreached=unreached if made.searched else (),
        complete=made.complete,
        untried=0 if made.searched else len(unreached),
    )


_Answer = tuple[Fate, Route | None, bool]
"""A policy's fate for a route, what came out of it, and whether the policy chose its next hop."""
_REJECTED: _Answer = (Fate.REJECT, None, False)


def _function(policy: Policy | None) -> Callable[[Sample], _Answer]:
    """What a policy does, whatever stands behind it in a chain; through one that is absent nothing passes."""
    if policy is None:
        return lambda _: _REJECTED
    run = compiled_policy(policy)

    def answer(asked: Sample) -> _Answer:
        found = run(asked.route, asked.context)
        return _REJECTED if found[0] is Fate.REJECT else found

    return answer


def _outcome(policy: Policy | None, asked: Sample) -> Outcome:
    if policy is None:
        return evaluate((), asked.route, asked.context)
    return evaluate_alone(policy, asked.route, asked.context)


def _forget(terms: dict[tuple[str, int], WrittenTerm], policy: str, number: int) -> None:
    terms.pop((policy, number), None)


def _unreached(version: Version, samples: Sequence[Sample]) -> Iterator[WrittenTerm]:
    """The terms of both versions that no route reaches, each once; the first routes are made for that."""
    missed: dict[WrittenTerm, None] = {}
    for policy in version.policies:
        terms = {
            (one.name, number): WrittenTerm(policy=one.name, term=number, name=term.name)
            for one in with_called((policy,))
            for number, term in enumerate(one.terms, start=1)
        }
        run = compiled_policy(policy, partial(_forget, terms))
        for asked in samples:
            if not terms:
                break
            run(asked.route, asked.context)
        missed.update(dict.fromkeys(terms.values()))
    yield from missed
