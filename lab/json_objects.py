"""Objects of a JSON document that another program wrote, with the place of whatever in them cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from lab.bgp import Address, AsPath
from lab.texts import Wrong, address, did_you_mean, kind, shown

Step = str | int
Path = tuple[Step, ...]
Value = TypeVar("Value")
Other = TypeVar("Other")


class WrongPlace(ValueError):  # noqa: N818  # raised as `WrongPlace(path, "what")`, it reads as a sentence
    """What stands at a path of a JSON document is wrong."""

    def __init__(self, path: Path, what: str, meant: str = "") -> None:
        super().__init__(what)
        self.path = path
        self.what = what
        self.meant = meant


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
