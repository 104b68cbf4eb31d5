"""The first thing that went wrong where an expectation does not hold, in causal order (`Stage`).

Where the model agrees with the expectation, the lab left the model's way somewhere: `divergence` finds the first place.
Where the model itself contradicts the expectation, `model` finds the session, policy or tie-break that decides so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from lab.causes import dscp, failovers, losses, mtu, nat, paths, reachability, routes, sessions
from lab.causes.case import Case
from lab.causes.model import Model
from lab.causes.stages import Cause, Stage
from lab.checks import Evidence, Finding, Outcome, Verdict, describe, find, flows_of
from lab.checks.losses import unexplained
from lab.expectations import (
    DscpExpectation,
    Expectation,
    FailoverExpectation,
    LossExpectation,
    MtuExpectation,
    NatExpectation,
    PathExpectation,
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    SymmetricExpectation,
)
from lab.predict import Prediction

__all__ = ["CAUSES", "Case", "Cause", "Stage", "first_cause", "verdicts"]

CAUSES: Mapping[type[Expectation], Callable[[Any, Case], Cause]] = {
    SessionExpectation: sessions.cause,
    RouteExpectation: routes.cause,
    ReachabilityExpectation: reachability.cause,
    FailoverExpectation: failovers.cause,
    LossExpectation: losses.cause,
    MtuExpectation: mtu.cause,
    NatExpectation: nat.cause,
    DscpExpectation: dscp.cause,
    PathExpectation: paths.cause,
    SymmetricExpectation: paths.cause,
}
"""Who finds the cause for each kind of expectation."""


def verdicts(
    expectations: Iterable[Expectation], prediction: Prediction, predicted: Evidence, observed: Evidence
) -> tuple[Verdict, ...]:
    """The answer to every expectation; those that did not pass name their first cause.

    Of a plan with routers that the model does not know nothing is predicted: the lab alone decides.
    """
    answers = []
    for expectation in expectations:
        unknown = predicted.plan.unmodelled
        guess = Finding(holds=None, text=f"unknown: {unknown}")
        verdict = Verdict(
            expectation=expectation,
            expected=describe(expectation),
            predicted=guess if unknown else find(expectation, predicted),
            observed=(
                guess
                if unknown and observed is predicted
                else _doubted(find(expectation, observed), expectation, predicted, observed)
            ),
        )
        if unknown and verdict.outcome is not Outcome.PASSED:
            verdict = replace(verdict, cause=f"the model cannot tell: {unknown}")
        elif verdict.outcome is not Outcome.PASSED:
            verdict = replace(verdict, cause=str(first_cause(expectation, prediction, predicted, observed)))
        answers.append(verdict)
    return tuple(answers)


def _doubted(found: Finding, expectation: Expectation, predicted: Evidence, observed: Evidence) -> Finding:
    """What was found, or that it cannot be told where it would hold by what this computer lost."""
    if isinstance(expectation, LossExpectation) and found.holds:
        why = unexplained(expectation, predicted, observed)
        return Finding(holds=None, text=why) if why else found
    return found


def first_cause(expectation: Expectation, prediction: Prediction, predicted: Evidence, observed: Evidence) -> Cause:
    """Why an expectation that does not hold, or cannot be told, does not."""
    asked = [observed.flows.get(flow) for flow in flows_of(expectation, observed.plan)]
    finding = find(expectation, observed)
    if finding.holds is None and any(one is not None and one.contradiction for one in asked):
        return Cause(stage=Stage.PACKET, text=finding.text)
    model = Model(plan=predicted.plan, prediction=prediction)
    case = Case(model=model, predicted=predicted, observed=observed)
    return CAUSES[type(expectation)](expectation, case)
