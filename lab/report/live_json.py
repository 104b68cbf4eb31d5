"""What is looked at while a lab runs, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.report.json_parts import document, document_line
from lab.watching import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedAt:
    """How many frames of an interface are in a capture, and how many were lost to it."""

    interface: str
    frames: int
    lost: int


def captured(file: str, interfaces: Sequence[CapturedAt], *, ended: str, problem: str) -> str:
    """A capture that has ended."""
    return document(
        "capture",
        file=file,
        ended=ended,
        problem=problem or None,
        interfaces=[{"name": one.interface, "frames": one.frames, "lost": one.lost} for one in interfaces],
    )


def change(change: Change) -> str:
    """One change of a watched lab, on one line."""
    return document_line(
        "change",
        at=change.at.isoformat(timespec="milliseconds"),
        subject=change.subject.value,
        where=change.where,
        before=change.before or None,
        after=change.after,
    )
