"""A JSON file that another program wrote, with the place of whatever in it cannot be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lab.errors import InputError, Mistake
from lab.json_objects import Path, Step, WrongPlace

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSource:
    """A JSON file that was read. `name` is what the user calls it."""

    name: str
    text: str
    data: Any

    def refusal(self, wrong: WrongPlace) -> InputError:
        """The error that names the place of what is wrong."""
        line, column = _line_and_column(self.text, _offset(self.text, wrong.path))
        mistake = Mistake(file=self.name, line=line, column=column, what=wrong.what, meant=wrong.meant)
        return InputError(f"{self.name}: cannot be read", (mistake,))


def parse_json(text: str, name: str) -> JsonSource:
    """A JSON text. Raises InputError where it is none."""
    try:
        return JsonSource(name=name, text=text, data=json.loads(text))
    except json.JSONDecodeError as problem:
        mistake = Mistake(file=name, line=problem.lineno, column=problem.colno, what=f"not JSON: {problem.msg}")
        raise InputError(f"{name}: cannot be read", (mistake,)) from None
    except (RecursionError, ValueError) as problem:  # nested too deep, or a number of too many digits
        mistake = Mistake(file=name, line=1, column=1, what=f"not JSON that can be read: {problem}")
        raise InputError(f"{name}: cannot be read", (mistake,)) from None


# places


def _offset(text: str, path: Path) -> int:
    """Where the value at a path begins, or the innermost one around it that is there."""
    at = _behind_blanks(text, 0)
    for step in path:
        inside = _inside(text, at, step)
        if inside is None:
            return at
        at = inside
    return at


def _inside(text: str, at: int, step: Step) -> int | None:
    """Where a member of the array or object at an offset begins; None where there is none."""
    closing = {"{": "}", "[": "]"}.get(text[at])
    number, at = 0, _behind_blanks(text, at + 1)
    while closing is not None and text[at] != closing:
        key: Step = number
        if closing == "}":
            key, at = _DECODER.raw_decode(text, at)
            at = _behind_blanks(text, _behind_blanks(text, at) + 1)
        if key == step:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _behind_blanks(text, at)
        at = _behind_blanks(text, at + 1) if text[at] == "," else at
        number += 1
    return None


def _behind_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
