"""Findings become verdicts, and verdicts an exit code: what was not shown never passes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import pytest

from contoso import (
    HQ,
    HUB,
)
from lab import checks
from lab.bgp import Family, parse_prefix
from lab.checks import Finding, Outcome, Verdict, describe
from lab.expectations import (
    Expectation,
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    SessionState,
)
from lab.forwarding import Flow
from lab.report import as_json, as_text
from lab.tables import Difference

WHERE = "contoso.yaml:30"
UP = SessionExpectation(where=WHERE, routers=("ce1", "msee1"))
ROUTE = RouteExpectation(where=WHERE, at="ce1", prefix=HUB)
NO_ROUTE = RouteExpectation(where=WHERE, at="msee1", prefix=parse_prefix("0.0.0.0/0"), present=False)
REACHES = ReachabilityExpectation(where=WHERE, source="hq", destination="hub")
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4)


@pytest.mark.parametrize(
    ("predicted", "observed", "outcome"),
    [
        (p, o, {True: Outcome.PASSED, False: Outcome.FAILED, None: Outcome.INCONCLUSIVE}[o])
        for p, o in product((True, False, None), repeat=2)
    ],
)
def test_the_lab_decides_and_never_the_prediction(
    predicted: bool | None,  # noqa: FBT001  # a column of the table
    observed: bool | None,  # noqa: FBT001  # likewise
    outcome: Outcome,
) -> None:
    """A verdict's outcome is what was observed, whatever was predicted."""
    assert verdict(predicted=predicted, observed=observed).outcome is outcome


def verdict(*, observed: bool | None, predicted: bool | None = True) -> Verdict:
    """A verdict on `UP`."""
    return Verdict(
        expectation=UP,
        expected=describe(UP),
        predicted=Finding(holds=predicted, text=""),
        observed=Finding(holds=observed, text=""),
    )


DIFFERENCE = Difference(router="gw", table="fib", what=str(HQ), predicted="100.127.255.1", observed="absent")


@pytest.mark.parametrize(
    ("outcomes", "differences", "exit_code"),
    [
        pytest.param((True, True), (), 0, id="all passed"),
        pytest.param((True, False, None), (DIFFERENCE,), 1, id="one failed"),
        pytest.param((True, None), (), 3, id="one inconclusive"),
        pytest.param((True,), (DIFFERENCE,), 3, id="all passed, but the lab is not what was predicted"),
        pytest.param((), (), 3, id="nothing was asked"),
    ],
)
def test_only_a_lab_that_showed_everything_exits_with_0(
    outcomes: tuple[bool | None, ...], differences: tuple[Difference, ...], exit_code: int
) -> None:
    """A run exits with 0 only where something was asked, all of it held, and the lab is what was predicted."""
    report = checks.Report(
        topology="contoso",
        verdicts=tuple(verdict(observed=one) for one in outcomes),
        differences=differences,
        routes_compared=1,
        fidelity=(),
    )

    assert report.exit_code == exit_code


@pytest.mark.parametrize(
    ("predicted", "observed", "exit_code"),
    [(False, True, 3), (None, True, 0), (False, False, 1), (True, False, 1), (False, None, 3)],
)
def test_a_verdict_that_the_model_contradicts_is_not_passed(
    predicted: bool | None,  # noqa: FBT001  # a column of the table
    observed: bool | None,  # noqa: FBT001  # likewise
    exit_code: int,
) -> None:
    """Where the lab shows what the model rules out, a run does not exit with 0, and its report names the verdict."""
    report = checks.Report(
        topology="contoso",
        verdicts=(verdict(observed=True), verdict(predicted=predicted, observed=observed)),
        differences=(),
        routes_compared=1,
        fidelity=(),
    )

    contradicted = (predicted, observed) == (False, True)
    assert report.exit_code == exit_code
    assert report.contradicted == report.verdicts[1:] * contradicted
    says = f"model: it contradicts 1 verdict that passed: {UP.where}\n"
    assert (says in as_text.report(report)) is contradicted
    assert json.loads(as_json.report(report))["model"]["contradicts"] == [UP.where] * contradicted


@pytest.mark.parametrize(
    ("expectation", "observed", "outcome"),
    [
        (replace(UP, state=SessionState.DOWN), True, Outcome.INCONCLUSIVE),
        (replace(UP, state=SessionState.DOWN), False, Outcome.FAILED),
        (replace(REACHES, reachable=False), True, Outcome.INCONCLUSIVE),
        (replace(ROUTE, present=False), True, Outcome.INCONCLUSIVE),
        (REACHES, True, Outcome.PASSED),
        (REACHES, False, Outcome.FAILED),
    ],
)
def test_what_a_fault_took_away_is_no_proof_of_an_absence(
    expectation: Expectation,
    observed: bool,  # noqa: FBT001  # a column of the table
    outcome: Outcome,
) -> None:
    """While a fault is in force, what holds by absence is inconclusive; what is there is there, and what fails does."""
    found = replace(verdict(observed=observed), expectation=expectation)

    assert replace(found, failing=True).outcome is outcome
    assert found.outcome is (Outcome.PASSED if observed else Outcome.FAILED)
