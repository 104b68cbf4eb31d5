"""Who reaches whom, as a picture: an SVG file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from lab.matrix import Answer, Matrix
from lab.report.matrix_cells import LEGEND, Tone, cell

_SIDE, _LETTER, _LINE = 34, 7, 18
_COLOURS = {
    Tone.GOOD: "#bfe3c5",
    Tone.APART: "#d9dde2",
    Tone.MARKED: "#fbe6a2",
    Tone.WRONG: "#f2a5a0",
    Tone.NONE: "#ffffff",
}
"""Light enough for black letters; the letters tell what the colours do."""


def picture(found: Matrix) -> str:
    """A cell for each pair of hosts, coloured and labelled; what became of its flows is told where one points at it."""
    hosts = found.sweep.hosts
    margin = _LETTER * max(map(len, hosts)) + 20
    wide = margin + _SIDE * len(hosts) + 20
    high = margin + _SIDE * len(hosts) + 20 + _LINE * (len(LEGEND) + 1)
    wide = max(wide, 480)  # as the legend is
    size = f'viewBox="0 0 {wide} {high}" width="{wide}" height="{high}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f"<title>{escape(found.plan.name)}: who reaches whom</title>",
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        *_names(hosts, margin),
    ]
    for row, source in enumerate(hosts):
        for column, destination in enumerate(hosts):
            place = margin + _SIDE * column, margin + _SIDE * row
            lines += _cell(place, found.cells.get((source, destination), ()), own=source == destination)
    return "\n".join([*lines, *_legend(margin + _SIDE * len(hosts) + 20 + _LINE), "</svg>", ""])


def _names(hosts: Sequence[str], margin: int) -> Iterator[str]:
    for number, host in enumerate(hosts):
        at = margin + _SIDE * number + _SIDE // 2 + 4
        yield f'<text x="{margin - 8}" y="{at}" text-anchor="end">{escape(host)}</text>'
        turned = f"rotate(-90 {at} {margin - 8})"
        yield f'<text x="{at}" y="{margin - 8}" transform="{turned}">{escape(host)}</text>'


def _cell(place: tuple[int, int], answers: Sequence[Answer], *, own: bool) -> Iterator[str]:
    x, y = place
    text, tone = cell(answers)
    fill = "#f4f4f4" if own else _COLOURS[tone]
    yield f'<g><rect x="{x}" y="{y}" width="{_SIDE - 2}" height="{_SIDE - 2}" fill="{fill}" stroke="#9aa0a6"/>'
    if answers:
        yield f"<title>{escape(_told(answers))}</title>"
        middle = x + (_SIDE - 2) // 2
        yield f'<text x="{middle}" y="{y + _SIDE // 2 + 3}" text-anchor="middle" font-size="11">{escape(text)}</text>'
    yield "</g>"


def _told(answers: Sequence[Answer]) -> str:
    ends = answers[0].flow
    lines = [f"{ends.source} to {ends.destination}"]
    for one in answers:
        arrived = "" if one.arrived is None else f", arrived with {one.arrived}"
        stopped = f": {one.stopped}" if one.stopped else ""
        lines.append(f"{one.flow.family.value} DSCP {one.flow.dscp}: {one.fate.value}{arrived}{stopped}")
    return "\n".join(lines)


def _legend(top: int) -> Iterator[str]:
    tones = (Tone.GOOD, Tone.MARKED, Tone.APART, Tone.APART, Tone.WRONG)
    for number, ((short, means), tone) in enumerate(zip(LEGEND, tones, strict=True)):
        y = top + _LINE * number
        yield f'<rect x="20" y="{y - 11}" width="30" height="14" fill="{_COLOURS[tone]}" stroke="#9aa0a6"/>'
        yield f'<text x="35" y="{y}" text-anchor="middle" font-size="10">{escape(short)}</text>'
        yield f'<text x="60" y="{y}">{escape(means)}</text>'
