"""A lab that is watched, as text: a screen of it as it is now, and a line for each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.report.layout import aligned
from lab.watching import Change, Kernel, Session, Stream, Watched, state

_FEWEST_CHANGES = 4
"""Rows of the screen that the latest changes keep, however many sessions there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the screen; `bad` where it tells of something that is broken."""

    text: str
    bad: bool = False


def change_line(change: Change) -> str:
    """A change, with its time to the millisecond."""
    before = f"{change.before} -> " if change.before else ""
    return f"{clock(change.at)}  {change.subject.value:7}  {change.where}: {before}{change.after}"


def clock(at: datetime) -> str:
    """The time of a day, to the millisecond."""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def screen(watched: Watched, now: datetime, width: int, height: int) -> list[Line]:
    """All that fits into so many columns and rows, the most important first: what is down, and what changed last."""
    sessions = sorted(watched.sessions.values(), key=lambda one: one.told.established)
    down = sum(not one.told.established for one in sessions)
    title = f"{watched.plan.name}  {len(sessions) - down} of {len(sessions)} session ends established"
    keys = f"{now:%H:%M:%S}  q quits"
    lines = [Line(text=f"{title}{keys:>{max(0, width - len(title))}}", bad=down > 0)]
    lines += [Line(text=f"fault in force: {one}", bad=True) for one in watched.faults]
    lines.append(Line(text=""))
    kernels, streams = list(watched.kernels.values()), list(watched.streams.values())
    lines += _streams(streams)
    left = height - len(lines) - _FEWEST_CHANGES - 1
    for_kernels = min(len(kernels) + 2, max(3, left // 3))
    lines += _cut(_session_rows(sessions), left - for_kernels)
    lines += _cut(_kernel_rows(kernels), for_kernels)
    lines.append(Line(text="latest changes"))
    room = max(0, height - len(lines))
    lines += [Line(text=change_line(one), bad=one.bad) for one in list(watched.changes)[-room:] if room]
    return [Line(text=_fitting(line.text, width), bad=line.bad) for line in lines[:height]]


def _fitting(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"[:width]


def _streams(streams: Sequence[Stream]) -> list[Line]:
    if not streams:
        return []
    lines = []
    for one in streams:
        course = "".join("." if answered else "x" for answered in one.recent)
        lines.append(Line(text=f"{one.where}: {one.answered} of {one.sent} answered  {course}"))
        lines.append(Line(text=f"  {one.way}", bad=one.lost_in_a_row > 0))
    return [*lines, Line(text="")]


def _session_rows(sessions: Sequence[Session]) -> list[Line]:
    header = ("router", "session", "state", "received", "sent", "bfd", "since")
    rows = [
        (
            *(one.router, one.told.session, state(one.told), str(one.told.routes_in), str(one.told.routes_out)),
            *(one.told.bfd.state.name.lower() if one.told.bfd else "", clock(one.since) if one.since else ""),
        )
        for one in sessions
    ]
    bad = [not one.told.established for one in sessions]
    return [Line(text=text, bad=b) for text, b in zip(aligned(header, rows), [False, *bad], strict=True)]


def _kernel_rows(kernels: Sequence[Kernel]) -> list[Line]:
    rows = [(one.router, str(one.routes), change_line(one.last) if one.last else "") for one in kernels]
    return [Line(text=text) for text in aligned(("router", "BGP routes in the kernel", "last change"), rows)]


def _cut(lines: list[Line], most: int) -> list[Line]:
    """A table with a blank line behind it, in so many lines; the last row says how many are not shown."""
    room = max(2, most - 1)
    if len(lines) > room:
        lines = [*lines[: room - 1], Line(text=f"... and {len(lines) - room + 1} more")]
    return [*lines, Line(text="")]
