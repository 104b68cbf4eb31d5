"""The answers to all expectations of one run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.checks.evidence import Finding
from lab.checks.kinds import holds_by_absence
from lab.expectations import Expectation
from lab.failover import FailoverResult
from lab.streams import TrialResult
from lab.tables import Difference


class Outcome(Enum):
    """The answer to one expectation."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One expectation, answered. `cause` names the first thing that went wrong, and is empty where it passed.

    `disturbed` says that the machine itself lost packets meanwhile, so that what is missing proves nothing. `failing`
    says that a fault was in force, so that what it took away is no proof of an absence.
    """

    expectation: Expectation
    expected: str
    predicted: Finding
    observed: Finding
    cause: str = ""
    disturbed: bool = False
    failing: bool = False

    @property
    def outcome(self) -> Outcome:
        """The lab decides, never the prediction."""
        holds = self.observed.holds
        by_absence = holds is True and holds_by_absence(self.expectation)
        was_shown = holds is True and not by_absence
        if holds is None or (self.disturbed and not was_shown) or (self.failing and by_absence):
            return Outcome.INCONCLUSIVE
        return Outcome.PASSED if holds else Outcome.FAILED

    @property
    def contradicts_model(self) -> bool:
        """Whether it passed though the model says that it does not hold."""
        return self.outcome is Outcome.PASSED and self.predicted.holds is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one run of a topology showed.

    `differences` are the places where the lab is not what the model predicted; `notes` are for the reader; `timings_s`
    count from the start of the command, which was at `started_s` of the system's monotonic clock. `failovers` and
    `trials` are the measurements behind verdicts about them. `not_compared` says why the lab was not compared with the
    model, where it was not.
    """

    topology: str
    verdicts: tuple[Verdict, ...]
    differences: tuple[Difference, ...]
    routes_compared: int
    fidelity: tuple[str, ...]
    notes: tuple[str, ...] = ()
    timings_s: tuple[tuple[str, float], ...] = ()
    started_s: float = 0.0
    failovers: tuple[FailoverResult, ...] = ()
    trials: tuple[TrialResult, ...] = ()
    not_compared: str = ""

    @property
    def contradicted(self) -> tuple[Verdict, ...]:
        """The verdicts that passed though the model says that they do not hold."""
        return tuple(verdict for verdict in self.verdicts if verdict.contradicts_model)

    @property
    def exit_code(self) -> int:
        """1 where an expectation failed; 3 where nothing failed but something was not shown; else 0.

        A lab that is not what the model predicted, in its tables or in a verdict, has not been understood, so it has
        not passed either. Nor has one of which nothing was asked.
        """
        outcomes = {verdict.outcome for verdict in self.verdicts}
        if Outcome.FAILED in outcomes:
            return 1
        if Outcome.INCONCLUSIVE in outcomes or self.differences or self.contradicted or not self.verdicts:
            return 3
        return 0
