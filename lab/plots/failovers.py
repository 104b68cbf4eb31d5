"""A failover as a figure: what was lost and when, what happened at which router, and how all runs compare."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter

from lab.expectations import FailoverExpectation
from lab.failover import Bin, DirectionResult, EventKind, FailoverResult, FailoverRun, TimedEvent
from lab.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, Heading, new_figure, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = {
    EventKind.FAULT: ("*", BLACK, "fault"),
    EventKind.SESSION_DOWN: ("v", VERMILLION, "session down"),
    EventKind.SESSION_UP: ("^", GREEN, "session up"),
    EventKind.ROUTES: ("|", BLUE, "Adj-RIB changed"),
    EventKind.FIB: ("D", PURPLE, "kernel's routes changed"),
    EventKind.HEALING: ("<", GREY, "healing"),
    EventKind.HEALED: (">", GREY, "healed"),
}
_THE_LAB = "the lab"
_MOST_ROUTERS = 14
_MOST_RUNS_APART = 25
_LEAST_SPAN_MS = 20.0
_LINEAR_TO_MS = 1.0
_SCALE = f"logarithmic from {_LINEAR_TO_MS:g} ms on"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A moment that is marked across the figure."""

    at_ms: float
    name: str
    color: str
    dashes: str


def failover_figure(heading: Heading, result: FailoverResult, expectation: FailoverExpectation) -> Figure:
    """Of all runs, the one with the longest outage over time, and every run's outage beside what was allowed."""
    stream, runs = result.drill.stream, result.runs
    family = stream.family.value if stream.family else "no family in common"
    ends = f"{stream.source} and {stream.destination} over {family}"
    each = f"{ends}: one packet each way every {stream.interval_us / 1000:g} ms"
    if not runs:
        figure = new_figure(heading, 2.5, each)
        say(figure.subplots(), f"not measured: {result.not_run}")
        return figure
    worst = max(runs, key=lambda run: (not run.invalid, run.outage_ms))
    begin_ms, end_ms = _span(worst)
    happened = [one for one in worst.events if begin_ms <= one.at_ms <= end_ms]
    routers = _routers(happened)
    heights = [2.4, 0.5 + 0.22 * len(routers), 0.8 + 0.16 * min(len(runs), _MOST_RUNS_APART)]
    figure = new_figure(heading, 1.8 + sum(heights), each)
    losses, events, outages = figure.subplots(3, 1, height_ratios=heights)
    which = f"run {runs.index(worst) + 1} of {len(runs)}, the longest outage" if len(runs) > 1 else "the only run"
    losses.set_title(f"{which}{f': proves nothing, {worst.invalid}' if worst.invalid else ''}", loc="left", fontsize=9)
    for moment in _moments(worst):
        label = f"{moment.name}: {moment.at_ms:.1f} ms"
        losses.axvline(moment.at_ms, color=moment.color, linestyle=moment.dashes, linewidth=1, label=label)
        events.axvline(moment.at_ms, color=moment.color, linestyle=moment.dashes, linewidth=1)
    _draw_losses(losses, worst)
    losses.set_xlim(begin_ms, end_ms)
    losses.set_xlabel("time from the fault (ms)")
    _draw_events(events, happened, routers)
    _logarithmic(events)
    events.set_xlim(-0.3 * _LINEAR_TO_MS, end_ms)
    events.set_xlabel(f"time from the fault (ms; {_SCALE})")
    _draw_outages(outages, result, expectation.outage_under_ms)
    return figure


def _routers(happened: Sequence[TimedEvent]) -> list[str]:
    """The routers that anything happened at, those first where it happened first, and the lab itself above them."""
    found = list(dict.fromkeys(one.node for one in sorted(happened, key=lambda one: one.at_ms) if one.node))
    return [_THE_LAB, *found[:_MOST_ROUTERS]]


def _span(run: FailoverRun) -> tuple[float, float]:
    """The times that are shown: from before the fault until all that followed from it is over."""
    after = [one.until_ms for one in run.events if one.at_ms < run.healing_ms]
    after += [gap.restored_ms or run.healing_ms for one in (run.there, run.back) for gap in one.during.gaps]
    if run.there.after.lost or run.back.after.lost:
        after += [run.healing_ms]
        after += [gap.restored_ms or gap.after_ms for one in (run.there, run.back) for gap in one.after.gaps]
    end_ms = max([_LEAST_SPAN_MS, *after])
    return -0.1 * end_ms, 1.15 * end_ms


def _moments(run: FailoverRun) -> Iterator[_Moment]:
    step_ms = run.step_ms
    yield _Moment(at_ms=step_ms, name="fault", color=BLACK, dashes="-")
    for after_ms, name, color, dashes in (
        (run.detect_ms, "a router knows", VERMILLION, "--"),
        (run.withdraw_first_ms, "first Adj-RIB changed", BLUE, ":"),
        (run.withdraw_last_ms, "last Adj-RIB changed", BLUE, "-."),
        (run.reroute_ms, "last kernel rerouted", PURPLE, "--"),
        (run.restore_ms, "packets get through", GREEN, "-"),
    ):
        if after_ms is not None:
            yield _Moment(at_ms=step_ms + after_ms, name=name, color=color, dashes=dashes)
    yield _Moment(at_ms=run.healing_ms, name="healing begins", color=GREY, dashes=":")


def _draw_losses(axes: Axes, run: FailoverRun) -> None:
    """Lost packets over time: of one direction upwards, of the other downwards."""
    width_ms = _width_ms(run.there.series)
    for direction, sign, color, hatch in ((run.there, 1, BLUE, "///"), (run.back, -1, ORANGE, "...")):
        lost = [(one.at_ms, one.sent - one.arrived) for one in direction.series if one.sent > one.arrived]
        axes.bar(
            [at_ms for at_ms, _ in lost],
            [sign * number for _, number in lost],
            width=width_ms,
            align="edge",
            color=color,
            edgecolor="white",
            hatch=hatch,
            linewidth=0,
            label=_wrapped(f"{direction.source} to {direction.destination}: {_lost(direction)}"),
        )
    axes.axhline(0, color=BLACK, linewidth=0.8)
    most = max([1, *(one.sent - one.arrived for way in (run.there, run.back) for one in way.series)])
    axes.set_ylim(-1.15 * most, 1.15 * most)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    axes.set_ylabel(f"packets lost in {width_ms:g} ms\n(back: downwards)")
    _explain(axes)


def _lost(direction: DirectionResult) -> str:
    during, after = direction.during, direction.after
    back = f", {after.lost} after healing" if after.lost else ""
    return f"{during.lost} lost, {during.outage_ms:.1f} ms ± {during.uncertainty_ms:.1f}{back}"


def _width_ms(series: tuple[Bin, ...]) -> float:
    return min((b.at_ms - a.at_ms for a, b in pairwise(series)), default=10.0)


def _draw_events(axes: Axes, happened: Sequence[TimedEvent], routers: list[str]) -> None:
    """What happened at which router, a line from the first to the last of several like it."""
    places = {name: number for number, name in enumerate(routers)}
    for kind, (marker, color, name) in _MARKS.items():
        shown = [(one, places[_row(one)]) for one in happened if one.kind is kind and _row(one) in places]
        for one, place in shown:
            if one.until_ms > one.at_ms:
                axes.plot([one.at_ms, one.until_ms], [place, place], color=color, linewidth=2, alpha=0.6)
        if shown:
            at = [one.at_ms for one, _ in shown]
            axes.plot(at, [place for _, place in shown], marker, color=color, label=name, markersize=7)
    axes.set_yticks(range(len(routers)), routers)
    axes.set_ylim(len(routers) - 0.5, -0.5)
    _explain(axes)


def _row(event: TimedEvent) -> str:
    return event.node or _THE_LAB


def _draw_outages(axes: Axes, result: FailoverResult, outage_under_ms: float) -> None:
    """The outage of each direction of every run, with its uncertainty, and what was allowed."""
    valid = [run for run in result.runs if not run.invalid]
    apart = len(result.runs) <= _MOST_RUNS_APART
    for name, color, marker, shift, way in (
        (f"{result.drill.stream.source} to {result.drill.stream.destination}", BLUE, "o", -0.15, "there"),
        (f"{result.drill.stream.destination} to {result.drill.stream.source}", ORANGE, "s", 0.15, "back"),
    ):
        phases = [getattr(run, way).during for run in valid]
        places = [result.runs.index(run) + 1 + shift for run in valid]
        outages = [one.outage_ms for one in phases]
        errors = [[min(one.outage_ms, one.uncertainty_ms) for one in phases], [one.uncertainty_ms for one in phases]]
        axes.errorbar(
            outages, places, xerr=errors, fmt=marker, color=color, markersize=4 if apart else 2, capsize=2, label=name
        )
    for number, run in enumerate(result.runs, start=1):
        if run.invalid:
            axes.plot(
                [run.outage_ms],
                [number],
                "x",
                color=GREY,
                label=_wrapped(f"run {number} proves nothing: {run.invalid}"),
            )
    axes.axvline(outage_under_ms, color=VERMILLION, linestyle="--", label=f"allowed: under {outage_under_ms:g} ms")
    if valid:
        middle = median(run.outage_ms for run in valid)
        axes.axvline(middle, color=GREY, linestyle=":", label=f"median, of the longer direction: {middle:.1f} ms")
    _logarithmic(axes)
    axes.set_xlim(0, 2 * max([outage_under_ms, *(run.outage_ms + run.uncertainty_ms for run in result.runs)]))
    axes.set_ylim(len(result.runs) + 0.6, 0.4)
    axes.set_yticks(range(1, len(result.runs) + 1) if apart else [1, len(result.runs)])
    axes.set(ylabel="run", xlabel=f"outage (ms; {_SCALE})")
    runs = "1 run" if len(result.runs) == 1 else f"{len(result.runs)} runs"
    axes.set_title(
        f"outages of {runs}" + (f"; {result.not_run}" if result.not_run else ""),
        loc="left",
        fontsize=9,
    )
    _explain(axes)


def _logarithmic(axes: Axes) -> None:
    """A scale of milliseconds on which 0 has a place."""
    axes.set_xscale("symlog", linthresh=_LINEAR_TO_MS, linscale=0.4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _explain(axes: Axes) -> None:
    """A legend beside the axes."""
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _wrapped(label: str) -> str:
    return textwrap.fill(label, 42)
