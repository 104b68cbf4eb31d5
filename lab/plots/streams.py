"""Streams that were sent side by side as a figure: what each lost, how long its packets took, and both over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter

from lab.expectations import LossExpectation
from lab.expressroute.dscp import dscp_text
from lab.plots.style import DASHES, GREY, PALETTE, VERMILLION, Heading, new_figure, say
from lab.shaping import rate_text
from lab.streams import INTERVAL_MS, StreamInterval, StreamResult, TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST_SHOWN_MS = 0.01


def loss_figure(heading: Heading, trial: TrialResult, expectation: LossExpectation) -> Figure:
    """All streams of a trial. What was allowed is for the first, which the others are the load beside."""
    results, family = trial.results, trial.trial.streams[0].family.value
    if not results:
        figure = new_figure(heading, 2.5, family)
        say(figure.subplots(), f"not measured: {trial.disturbed or 'no stream was sent'}")
        return figure
    rows = 0.7 + 0.3 * len(results)
    beside = f"beside {len(results) - 1} of load" if len(results) > 1 else "without a load"
    details = f"one stream {beside} over {family} for {trial.trial.duration_s:g} s"
    figure = new_figure(heading, 2.1 + rows + 4.4, "; ".join(filter(None, (details, trial.disturbed))))
    grid = figure.add_gridspec(3, 2, height_ratios=[rows, 2.0, 2.0])
    losses, delays = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    losses_over_time = figure.add_subplot(grid[1, :])
    delays_over_time = figure.add_subplot(grid[2, :], sharex=losses_over_time)
    labels = [_label(one, is_load=number > 0) for number, one in enumerate(results)]
    _draw_losses(losses, results, labels, expectation.loss_under_percent)
    _draw_delays(delays, results, expectation.delay_under_ms)
    _draw_losses_over_time(losses_over_time, results, labels)
    _draw_delays_over_time(delays_over_time, results, expectation.delay_under_ms)
    return figure


def _label(result: StreamResult, *, is_load: bool) -> str:
    one = result.stream
    mark = dscp_text(one.dscp).upper()
    return f"{mark} {rate_text(one.rate_bps)}, {one.source} to {one.destination}{' (load)' if is_load else ''}"


def _draw_losses(axes: Axes, results: Sequence[StreamResult], labels: Sequence[str], under: float | None) -> None:
    percents = [one.loss_percent for one in results]
    bars = axes.barh(range(len(results)), percents, color=_colors(results), height=0.6)
    axes.bar_label(bars, [f" {one.loss_percent:.2f} %: {one.sent - one.received} of {one.sent}" for one in results])
    axes.set_yticks(range(len(results)), labels)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlim(0, max(1.0, *(2 * one for one in percents), 1.6 * (under or 0)))
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= 100])
    axes.set_xlabel("packets lost (%)")
    if under is not None:
        axes.axvline(under, color=VERMILLION, linestyle="--")
        axes.set_title(f"allowed for the first (dashed): under {under:g} %", loc="left", fontsize=9)


def _draw_delays(axes: Axes, results: Sequence[StreamResult], under: float | None) -> None:
    """The delays of what arrived: a thin line from the least to the most, a bar from p50 to p99."""
    for place, (one, color) in enumerate(zip(results, _colors(results), strict=True)):
        if one.delays is None:
            axes.text(0.02, place, "nothing arrived", va="center", color=GREY, transform=axes.get_yaxis_transform())
            continue
        low, p50, p95, p99, high = (
            max(_LEAST_SHOWN_MS, value)
            for value in (one.delays.min_ms, one.delays.p50_ms, one.delays.p95_ms, one.delays.p99_ms, one.delays.max_ms)
        )
        axes.plot([low, high], [place, place], color=color, linewidth=1)
        axes.plot([p50, p99], [place, place], color=color, linewidth=7, alpha=0.5, solid_capstyle="butt")
        for value, marker in ((p50, "|"), (p95, "d"), (p99, "D")):
            axes.plot([value], [place], marker, color=color, markersize=6 if marker != "|" else 11)
        axes.text(high, place - 0.32, f"p99 {one.delays.p99_ms:.2f} ms", ha="right", va="center", fontsize=7)
    axes.set_xscale("log")
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks(range(len(results)), [""] * len(results))
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlabel("delay one way (ms): bar p50 to p99, line min to max")
    if under is not None:
        axes.axvline(under, color=VERMILLION, linestyle="--")
        axes.set_title(f"allowed for the first (dashed): p99 under {under:g} ms", loc="left", fontsize=9)


def _draw_losses_over_time(axes: Axes, results: Sequence[StreamResult], labels: Sequence[str]) -> None:
    for number, (one, color, label) in enumerate(zip(results, _colors(results), labels, strict=True)):
        course = _whole_intervals(one)
        times = [point.start_ms for point in course]
        lost = [100 * (point.sent - point.received) / point.sent if point.sent else 0.0 for point in course]
        axes.step(times, lost, where="post", color=color, linestyle=DASHES[number % len(DASHES)], label=label)
    axes.set_ylabel(f"lost in {INTERVAL_MS} ms (%)")
    axes.set_ylim(-3, 103)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _draw_delays_over_time(axes: Axes, results: Sequence[StreamResult], under: float | None) -> None:
    for number, (one, color) in enumerate(zip(results, _colors(results), strict=True)):
        points = [(point.start_ms, point.p50_ms, point.max_ms) for point in _whole_intervals(one)]
        middle = [(at, p50) for at, p50, _ in points if p50 is not None]
        most = [(at, high) for at, _, high in points if high is not None]
        dashes = DASHES[number % len(DASHES)]
        axes.plot([at for at, _ in middle], [v for _, v in middle], color=color, linestyle=dashes)
        axes.plot([at for at, _ in most], [v for _, v in most], color=color, linestyle=dashes, linewidth=0.6, alpha=0.6)
    if under is not None:
        axes.axhline(under, color=VERMILLION, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("delay (ms): p50 thick, most thin")
    axes.set_xlabel("time of sending (ms)")


def _whole_intervals(result: StreamResult) -> tuple[StreamInterval, ...]:
    """The course without a last interval in which the sender had all but ended."""
    course = result.course
    ended = len(course) > 1 and 2 * course[-1].sent < course[-2].sent
    return course[:-1] if ended else course


def _colors(results: Sequence[StreamResult]) -> list[str]:
    return [PALETTE[number % len(PALETTE)] for number in range(len(results))]
