"""Aligned columns and wrapped text: all the typesetting that the text reports need."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

WIDTH = 120
"""The longest line that is not itself one long word."""


def aligned(header: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """Rows under a header, each column as wide as its widest cell; a column that is empty throughout is left out.

    An empty cell is a dash, but for a column without a name, which holds marks.
    """
    rows = [list(row) for row in rows]
    kept = [index for index, _ in enumerate(header) if not rows or any(row[index] for row in rows)]
    lines = [[header[index] for index in kept]]
    lines += [[row[index] or ("-" if header[index] else "") for index in kept] for row in rows]
    return unheaded(lines, indent=indent)


def unheaded(rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """Rows without a header, aligned."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))).rstrip()
        for row in rows
    ]


def side_by_side(cells: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """Texts next to one another, each wrapped to its width and padded to it."""
    columns = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        for line in zip_longest(*columns, fillvalue="")
    ]


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, broken at blanks, or inside a word that is longer than a line."""
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def hanging(label: str, text: str, *, indent: str = "") -> list[str]:
    """A label and a text beside it, whose later lines start below its first."""
    first = f"{indent}{label}"
    lines = wrapped(text, WIDTH - len(first))
    return [f"{first}{lines[0]}", *(" " * len(first) + line for line in lines[1:])]


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it needs it."""
    plural = "" if number == 1 else "es" if noun.endswith("x") else "s"
    return f"{number} {noun}{plural}"
