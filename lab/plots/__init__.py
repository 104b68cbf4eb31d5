"""Figures of what a run measured, as SVG and PNG. Only they need matplotlib, which the extra `plots` brings."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lab.checks import Report, Verdict, drills_of, trials_of
from lab.errors import InputError
from lab.expectations import FailoverExpectation, LossExpectation
from lab.plan import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lab.plots.style import Heading

HOW_TO_INSTALL = "plots need matplotlib, which is not here: install erlab with its extra, as in pip install '.[plots]'"


def prepare(directory: Path) -> None:
    """Make the directory that plots are to be written to. Raises InputError where they cannot be."""
    if find_spec("matplotlib") is None:  # to import it takes a second, and starts threads
        raise InputError(HOW_TO_INSTALL)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"cannot make the directory {directory}: {problem.strerror}") from None


def write_plots(directory: Path, report: Report, plan: Plan) -> list[Path]:
    """A figure for each measurement behind a verdict: `NAME-NUMBER-KIND`, by the place of the expectation in its file.

    `plan` is that of the lab, and the fidelity of a figure what stood in for the real thing in it. Raises OSError.
    """
    from lab.plots.style import save, styled

    written: list[Path] = []
    with styled():
        for number, verdict in enumerate(report.verdicts, start=1):
            for kind, figure in _figures(verdict, report, plan):
                written += save(figure, directory, f"{report.topology}-{number}-{kind}")
    return written


def _figures(verdict: Verdict, report: Report, plan: Plan) -> Iterator[tuple[str, Figure]]:
    """The figures of one verdict, each with the last part of its name."""
    expectation = verdict.expectation
    heading = _heading(verdict, report, plan)
    if isinstance(expectation, FailoverExpectation):
        from lab.plots.failovers import failover_figure

        results = {result.drill: result for result in report.failovers}
        for drill in drills_of(expectation, plan):
            if drill in results:
                yield "failover", failover_figure(heading, results[drill], expectation)
    if isinstance(expectation, LossExpectation):
        from lab.plots.streams import loss_figure

        measured = {result.trial: result for result in report.trials}
        for trial in trials_of(expectation, plan):
            if trial in measured:
                yield f"loss-{trial.streams[0].family.value}", loss_figure(heading, measured[trial], expectation)


def _heading(verdict: Verdict, report: Report, plan: Plan) -> Heading:
    from lab.plots.style import Heading

    return Heading(
        topology=report.topology,
        where=verdict.expectation.where,
        expected=verdict.expected,
        outcome=verdict.outcome.value,
        fidelity=tuple(line for line in report.fidelity if line not in plan.fidelity),
    )
