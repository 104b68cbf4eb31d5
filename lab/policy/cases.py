"""Cases of policies: a route and what a chain of policies must do with it, and what the chain did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.bgp import Route, text_of
from lab.policy.aspects import NOWHERE, Context
from lab.policy.changes import NextHopRule
from lab.policy.coverage import Coverage
from lab.policy.evaluation import Fate, Outcome, Policy, evaluate

DEFAULT = "default"
"""What decides where no term does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a case expects: a fate, and what else it says of it.

    `by` is the number or the name of the term that decides, or `default`, behind the policy's name and a slash where
    that is said; empty where any may. `attributes` are names and texts of `lab.bgp.text_of`; those that are not named
    may be anything. `next_hop_rule` says that the policy chose the next hop, and which.
    """

    fate: Fate
    by: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    next_hop_rule: NextHopRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `where` is the line of its file, `policies` the chain that it asks."""

    name: str
    where: str
    policies: tuple[Policy, ...]
    route: Route
    expected: Expected
    context: Context = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that is not as it was expected."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of a case, with the whole trace."""

    case: Case
    outcome: Outcome
    mismatches: tuple[Mismatch, ...]

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.mismatches


def check(case: Case) -> CaseResult:
    """Run a case. Raises ContextMissingError where its context says too little."""
    outcome = evaluate(case.policies, case.route, case.context)
    return CaseResult(case=case, outcome=outcome, mismatches=tuple(_mismatches(case, outcome)))


def decider(outcome: Outcome) -> str:
    """What decided: a term of a policy, or its default."""
    if not outcome.term:
        return f"the default of {outcome.policy}" if outcome.policy else "no policy"
    name = _name(outcome)
    return f"term {outcome.term}{f' ({name})' if name else ''} of {outcome.policy}"


def _name(outcome: Outcome) -> str:
    """The name of the term that decided."""
    tried = (
        step for step in outcome.steps if (step.policy, step.term, step.depth) == (outcome.policy, outcome.term, 0)
    )
    return next((step.name for step in tried), "")


def _mismatches(case: Case, outcome: Outcome) -> Iterator[Mismatch]:
    expected = case.expected
    fate = Fate.ACCEPT if outcome.accepted else Fate.REJECT
    if fate is not expected.fate:
        yield Mismatch(what="fate", expected=expected.fate.value, got=fate.value)
    if expected.by and expected.by not in _names_of_decider(outcome):
        policy, _, term = expected.by.rpartition("/")
        wanted = f"{f'term {term}' if term.isdecimal() else term}{f' of {policy}' if policy else ''}"
        yield Mismatch(what="decided by", expected=wanted, got=decider(outcome))
    if outcome.route is not None:
        for attribute, text in expected.attributes:
            got = text_of(outcome.route, attribute)
            if got != text:
                yield Mismatch(what=attribute, expected=text, got=got)
        yield from _next_hop(case, outcome, outcome.route)


def _next_hop(case: Case, outcome: Outcome, route: Route) -> Iterator[Mismatch]:
    """The next hop that the policy must have chosen, whatever the session would put in its place."""
    rule = case.expected.next_hop_rule
    if rule is None:
        return
    wanted = case.context.own_address if rule is NextHopRule.SELF else case.route.next_hop
    if outcome.next_hop_set and route.next_hop == wanted:
        return
    chosen = "the policy's choice" if outcome.next_hop_set else "the session's choice"
    yield Mismatch(what="next_hop", expected=f"{rule.value}, {wanted}", got=f"{route.next_hop}, {chosen}")


def _names_of_decider(outcome: Outcome) -> tuple[str, ...]:
    names = (str(outcome.term), *{_name(outcome)} - {DEFAULT}) if outcome.term else (DEFAULT,)
    return (*names, *(f"{outcome.policy}/{name}" for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """What became of the cases of some files; `empty` are those without any: where nothing is tested, nothing holds."""

    results: tuple[CaseResult, ...]
    coverage: Coverage
    empty: tuple[str, ...] = ()
    coverage_required: bool = False

    @property
    def exit_code(self) -> int:
        """1 where a case failed or a term that has to be reached is not, 3 where nothing was tested."""
        if not all(result.passed for result in self.results) or (self.coverage_required and self.coverage.missed):
            return 1
        return 3 if self.empty or not self.results else 0
