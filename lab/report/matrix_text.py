"""Who reaches whom, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from lab.matrix import Fate, Matrix
from lab.report.layout import aligned, counted, hanging
from lab.report.matrix_cells import LEGEND, cell

MOST_TOLD = 40
"""Pairs without an answer that are told of one by one."""


def matrix(found: Matrix) -> str:
    """A row for each source and a column for each destination, what the cells mean, and what was not answered."""
    hosts = found.sweep.hosts
    numbers = [str(n) for n in range(1, len(hosts) + 1)]
    rows = [
        [number, source, *(cell(found.cells.get((source, to), ()))[0] for to in hosts)]
        for number, source in zip(numbers, hosts, strict=True)
    ]
    lines = aligned(["to", "from", *numbers], rows)
    used = {text.strip("!") for row in rows for text in row[2:]}
    lines += ["", *(f"{short:<4} {means}" for short, means in LEGEND if _is_used(short, used, found))]
    return "\n".join([*lines, "", *_not_answered(found), _total(found)])


def _is_used(short: str, used: set[str], found: Matrix) -> bool:
    if short == "!":
        return not found.as_expected
    return any("/" in text for text in used) if "/" in short else short in used


def _not_answered(found: Matrix) -> Iterator[str]:
    told = sorted(found.not_answered(), key=lambda one: one[0].as_expected)
    for one, count in told[:MOST_TOLD]:
        flow = one.flow
        says = "as the model says" if one.as_expected else f"the model says: {_expected(one.expected)}"
        marks = f", {counted(count, 'mark')}" if count > 1 else ""
        says = f"{one.fate.value}{marks}: {one.stopped or 'nothing more was seen'} ({says})"
        yield from hanging(f"{flow.source} -> {flow.destination} {flow.family.value}: ", says)
    if len(told) > MOST_TOLD:
        yield f"and {len(told) - MOST_TOLD} more, which --format json tells of"


def _expected(expected: object) -> str:
    stopped = getattr(expected, "stopped", "")
    return stopped or "answered"


def _total(found: Matrix) -> str:
    answered = [one for one in found.answers if one.fate is Fate.ANSWERED]
    times = [one.round_trip_s for one in answered if one.round_trip_s is not None]
    trip = ""
    if times:
        trip = f"; round trip {1000 * min(times):.2f} to {1000 * max(times):.2f} ms, median {1000 * median(times):.2f}"
    expected = "as the model says" if found.as_expected else "not all as the model says"
    if not found.predicted:
        expected = "and the model says nothing of them"
    return f"{len(answered)} of {counted(len(found.answers), 'flow')} answered, {expected}{trip}"
