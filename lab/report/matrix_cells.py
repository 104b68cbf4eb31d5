"""What one cell of a matrix says in a few letters, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from lab.matrix import Answer, Fate


class Tone(Enum):
    """How a cell is meant to be taken."""

    GOOD = "good"
    """Answered, as the model says."""
    APART = "apart"
    """Not answered, as the model says."""
    MARKED = "marked"
    """Answered, and some mark arrived that is not the one that was sent."""
    WRONG = "wrong"
    """Not what the model says."""
    NONE = "none"
    """Nothing was asked."""


LEGEND = (
    ("ok", "all answered, with the marks that were sent"),
    ("mk", "all answered, some with another mark on arrival"),
    ("no", "none answered"),
    ("n/m", "n of m answered"),
    ("!", "not what the model says"),
)


def cell(answers: Sequence[Answer]) -> tuple[str, Tone]:
    """The letters and the tone of the flows between two hosts."""
    if not answers:
        return "", Tone.NONE
    answered = sum(one.fate is Fate.ANSWERED for one in answers)
    remarked = any(one.arrived not in (None, one.flow.dscp) for one in answers)
    wrong = not all(one.as_expected for one in answers)
    if answered == 0:
        text = "no"
    elif answered < len(answers):
        text = f"{answered}/{len(answers)}"
    else:
        text = "mk" if remarked else "ok"
    tone = Tone.WRONG if wrong else Tone.GOOD
    if not wrong and text != "ok":
        tone = Tone.MARKED if text == "mk" else Tone.APART
    return f"{text}!" if wrong else text, tone
