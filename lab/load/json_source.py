"""A JSON file that another program wrote, with the place of whatever in it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from lab.bgp import Address, AsPath
from lab.errors import InputError, Mistake
from lab.load.scalars import Wrong, did_you_mean, kind, shown
from lab.load.values import address

Step = str | int
Path = tuple[Step, ...]
Value = TypeVar("Value")
Other = TypeVar("Other")
_DECODER = json.JSONDecoder()


class WrongPlace(ValueError):  # noqa: N818  # raised as `WrongPlace(path, "what")`, it reads as a sentence
    """What stands at a path of a JSON document is wrong."""

    def __init__(self, path: Path, what: str, meant: str = "") -> None:
        super().__init__(what)
        self.path = path
        self.what = what
        self.meant = meant


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


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object of a JSON document, and the path to it."""

    entries: Mapping[str, Any]
    path: Path

    def has(self, key: str) -> bool:
        """Whether a key has a value."""
        return self.entries.get(key) is not None

    def has_only(self, keys: Collection[str]) -> None:
        """Every key is a known one. Raises WrongPlace."""
        for key in self.entries:
            if key not in keys:
                what = f"unknown key {shown(key)}"
                raise WrongPlace((*self.path, key), what, did_you_mean(key, keys, "keys here"))

    def text(self, key: str, read: Callable[[str], Value], default: Other) -> Value | Other:
        """What a text or number stands for; the default where there is none. Raises WrongPlace."""
        value = self.entries.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise WrongPlace((*self.path, key), f"{key} must be one value, not {kind(value)}")
        try:
            return read(str(value))
        except ValueError as problem:
            meant = problem.meant if isinstance(problem, Wrong) else ""
            raise WrongPlace((*self.path, key), f"{key}: {problem}", meant) from None

    def required(self, key: str, read: Callable[[str], Value]) -> Value:
        """What a text stands for that has to be there. Raises WrongPlace."""
        found = self.text(key, read, None)
        if found is None:
            missing = self.path[-1] if not self.entries and self.path else key
            raise WrongPlace(self.path, f"{missing if isinstance(missing, str) else key} is missing")
        return found

    def number(self, key: str, most: int) -> int | None:
        """A number from 0 on; None where there is none. Raises WrongPlace."""
        value = self.entries.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise WrongPlace((*self.path, key), f"{key}: {shown(value)} is no number from 0 to {most}")
        return value

    def texts(self, key: str, read: Callable[[str], Value]) -> tuple[Value, ...]:
        """What the texts of a list stand for. Raises WrongPlace."""
        value = self.entries.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise WrongPlace((*self.path, key), f"{key} must be a list, not {kind(value)}")
        found = JsonObject({str(index): one for index, one in enumerate(value)}, (*self.path, key))
        return tuple(found.item(index, read, key) for index in range(len(value)))

    def item(self, index: int, read: Callable[[str], Value], what: str) -> Value:
        """What an item of a list stands for. Raises WrongPlace."""
        value = self.entries[str(index)]
        if not isinstance(value, str):
            raise WrongPlace((*self.path, index), f"{what} holds {shown(value)}, which is no text")
        try:
            return read(value)
        except ValueError as problem:
            raise WrongPlace((*self.path, index), f"{what}: {problem}") from None

    def object(self, key: str) -> JsonObject:
        """The object at a key, empty where there is none. Raises WrongPlace."""
        value = self.entries.get(key)
        return JsonObject({}, (*self.path, key)) if value is None else json_object(value, (*self.path, key))

    def objects(self, key: str) -> Iterator[JsonObject]:
        """The objects of the list at a key. Raises WrongPlace."""
        value = self.entries.get(key)
        if not isinstance(value, list):
            raise WrongPlace((*self.path, key), f"{key} must be a list")
        yield from (json_object(one, (*self.path, key, index)) for index, one in enumerate(value))


def json_object(value: object, path: Path) -> JsonObject:
    """A value that has to be an object. Raises WrongPlace."""
    if not isinstance(value, dict):
        raise WrongPlace(path, f"must be an object, not {kind(value)}")
    return JsonObject(value, path)


# values that very many routes share


@lru_cache(maxsize=65536)
def shared_address(text: str) -> Address:
    """An address."""
    return address(text)


@lru_cache(maxsize=65536)
def shared_as_path(text: str) -> AsPath:
    """An AS path."""
    return AsPath.parse(text)


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
