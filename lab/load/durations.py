"""Times in a file: a number and its unit, which is ms or s wherever a time stands."""

from __future__ import annotations

import re

from lab.load.scalars import Scalar, parsed
from lab.texts import Wrong, shown

PATTERN = r"^[0-9.]+ ?m?s$"
"""Of the JSON Schema."""
_TIME = re.compile(r"((?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,3})?) ?(ms|s)", re.ASCII)


def duration(least_ms: float, most_ms: float, *examples: str) -> Scalar:
    """A time in a range, as milliseconds, of which there may be parts."""
    return parsed(lambda value: duration_ms(value, least_ms, most_ms), pattern=PATTERN, examples=list(examples))


def duration_ms(value: str, least_ms: float, most_ms: float, such_as: str = "300 ms or 1.5 s") -> float:
    """A time in milliseconds. Raises Wrong where it is none, which shows one, or out of the range."""
    found = _TIME.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is not a time", f"write a number and its unit, such as {such_as}")
    time_ms = round(float(found[1]) * (1 if found[2] == "ms" else 1000), 3)
    if not least_ms <= time_ms <= most_ms:
        raise Wrong(f"{shown(value)} is out of range", f"from {duration_text(least_ms)} to {duration_text(most_ms)}")
    return time_ms


def whole_ms(value: str, least_ms: int, most_ms: int) -> int:
    """A time of whole milliseconds. Raises Wrong."""
    time_ms = duration_ms(value, least_ms, most_ms)
    if time_ms % 1:
        raise Wrong(f"{shown(value)} has parts of a millisecond", "write whole milliseconds, such as 300 ms")
    return int(time_ms)


def whole_s(value: str, least_s: int, most_s: int, such_as: str) -> int:
    """A time of whole seconds. Raises Wrong."""
    time_ms = duration_ms(value, 1000 * least_s, 1000 * most_s, such_as)
    if time_ms % 1000:
        raise Wrong(f"{shown(value)} has parts of a second", f"write whole seconds, such as {such_as}")
    return int(time_ms) // 1000


def duration_text(time_ms: float) -> str:
    """A time as a file may write it: 300 ms, or 2 s."""
    return f"{time_ms / 1000:g} s" if time_ms >= 1000 and time_ms % 1000 == 0 else f"{time_ms:g} ms"
