"""Sets of whole numbers as ranges."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]
"""The lowest and the highest number of each run, in order."""


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """The runs of some numbers."""
    runs: list[tuple[int, int]] = []
    for one in sorted(set(numbers)):
        if runs and runs[-1][1] == one - 1:
            runs[-1] = runs[-1][0], one
        else:
            runs.append((one, one))
    return tuple(runs)
