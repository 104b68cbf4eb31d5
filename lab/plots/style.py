"""What all figures have in common: colours that the colour-blind tell apart, a heading, and files that never vary."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito, Color Universal Design, 2008: for every kind of colour vision. No figure tells by colour alone.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    *("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"),
)
GREY = "#666666"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK)
DASHES = ("-", "--", "-.", ":")
WIDTH_INCHES = 10.0
_DOTS_PER_INCH = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a figure says of itself: which lab, what was expected where, what came of it, and what stood in for what."""

    topology: str
    where: str
    expected: str
    outcome: str
    fidelity: tuple[str, ...]


@contextmanager
def styled() -> Iterator[None]:
    """Figures that are made and drawn in the block look alike."""
    with rc_context(
        {
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "font.family": "DejaVu Sans",  # matplotlib brings it
            "font.size": 9,
            "grid.color": "#dddddd",
            "legend.frameon": False,
            "svg.fonttype": "none",  # words stay words, which can be searched and read out
            "svg.hashsalt": "erlab",
        }
    ):
        yield


def new_figure(heading: Heading, height_inches: float, details: str) -> Figure:
    """An empty figure with its heading above and the fidelity below."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    title = textwrap.fill(f"{heading.topology}: {heading.expected}", 130)
    details = textwrap.fill(f"{heading.outcome} ({heading.where}); {details}", 130)
    figure.suptitle(f"{title}\n{details}", x=0.01, ha="left", fontsize=10)
    fidelity = textwrap.fill(f"fidelity: {'; '.join(heading.fidelity)}", 150)
    figure.supxlabel(fidelity, x=0.01, ha="left", fontsize=7, color=GREY)
    return figure


def say(axes: Axes, words: str) -> None:
    """Words where there is nothing to draw."""
    axes.text(0.5, 0.5, textwrap.fill(words, 90), ha="center", va="center", transform=axes.transAxes, color=GREY)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def save(figure: Figure, directory: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as SVG and as PNG; the same figure makes the same octets. Raises OSError."""
    svg, png = directory / f"{name}.svg", directory / f"{name}.png"
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it has laid out the figure, and would again for each file
    figure.savefig(svg, metadata={"Date": None, "Creator": "erlab"})
    figure.savefig(png, dpi=_DOTS_PER_INCH, metadata={"Software": "erlab"})
    return svg, png
