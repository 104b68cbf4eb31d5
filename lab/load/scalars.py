"""How one value of a file is read: a text or a plain number becomes a value, or a `Wrong` that says why.

`Scalar` hands such a reader to pydantic, together with the JSON Schema that editors complete from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from pydantic_core import core_schema

from lab.plan.naming import RESERVED, RESERVED_WORDS
from lab.texts import Wrong, did_you_mean, kind, shown

Choice = TypeVar("Choice", bound=Enum)

LONGEST_TEXT = 1000
LONGEST_NUMBER = 18

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""What policies and sets are called."""

NOT_BUILT = "not built yet"


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """What stands in one place of a file: how it is read, and how its JSON Schema says so."""

    read: Callable[[Any], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        """Pydantic's way to call `read`."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, Any]:
        """Pydantic's way to ask for the JSON Schema."""
        return dict(self.schema)


def text(value: object) -> str:
    """One value as the text that stands in the file."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise Wrong(f"has {len(value)} characters", f"at most {LONGEST_TEXT}")
    if isinstance(value, str | int):
        return str(value)
    raise Wrong(f"must be one value, not {kind(value)}")


# kinds of scalars


def schema_of(kinds: str | list[str], **more: object) -> dict[str, Any]:
    """A JSON Schema."""
    return {"type": kinds, **more}


TEXT_OR_NUMBER = ["string", "integer"]


def parsed(read: Callable[[str], object], *, numeric: bool = False, **schema: object) -> Scalar:
    """A text that a function of the domain reads."""
    return Scalar(lambda value: read(text(value)), schema_of(TEXT_OR_NUMBER if numeric else "string", **schema))


def whole(low: int, high: int) -> Scalar:
    """A whole number in decimal digits and without quotes."""

    def read(value: object) -> int:
        return within(plain_number(value), low, high)

    return Scalar(read, schema_of("integer", minimum=low, maximum=high))


def within(number: int, low: int, high: int) -> int:
    """A number that has to be in a range."""
    if not low <= number <= high:
        raise Wrong(f"{shown(number)} is out of range", f"from {low} to {high}")
    return number


def plain_number(value: object) -> int:
    """A number that the file writes plainly."""
    if isinstance(value, int):
        return value
    words = shown(text(value))
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        if len(value) > LONGEST_NUMBER:
            raise Wrong(f"{words} is too large a number")
        raise Wrong(f"{words} is not a plain number", "write decimal digits without quotes and without leading zeros")
    raise Wrong(f"{words} is not a whole number")


def choice(members: Iterable[Choice], what: str) -> Scalar:
    """One of the values of an enumeration, or of some of them."""
    by_name = {str(member.value): member for member in members}

    def read(value: object) -> Choice:
        name = text(value)
        if name not in by_name:
            raise Wrong(f"unknown {what} {shown(name)}", did_you_mean(name, list(by_name), "values"))
        return by_name[name]

    return Scalar(read, {"enum": list(by_name)})


def name_of(what: str, pattern: str, words: str, *, not_reserved: bool = False) -> Scalar:
    """A name of something that the file introduces."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: object) -> str:
        name = text(value)
        if not compiled.fullmatch(name):
            raise Wrong(f"{shown(name)} is no {what} name", words)
        if not_reserved and RESERVED.fullmatch(name):
            raise Wrong(f"the name {name!r} is the lab's own", RESERVED_WORDS)
        return name

    return Scalar(read, schema_of("string", pattern=f"^{pattern}$"))


def _flag(value: object) -> bool:
    word = text(value)
    if word not in ("true", "false"):
        raise Wrong(f"{shown(word)} is neither true nor false", "write true or false")
    return word == "true"


FLAG = Scalar(_flag, {"enum": [True, False, "true", "false"]})
"""True or false. The loader keeps the word as text, an editor makes a boolean of it."""
