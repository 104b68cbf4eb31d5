"""YAML that people read: few forms, each of which means the same to every version of YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OneLine:
    """A mapping to be written on the line of its key."""

    mapping: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Commented:
    """A mapping with the lines of a comment, which stand before its key."""

    comment: Sequence[str]
    mapping: Mapping[str, Value]


Value = str | int | float | bool | OneLine | Commented | Sequence["Value"] | Mapping[str, "Value"]
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_OTHER_THAN_TEXT = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def block(value: Mapping[str, Value]) -> str:
    """A mapping as lines."""
    return "".join(f"{line}\n" for line in _lines(value, ""))


def _lines(value: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, one in value.items():
        name = _scalar(key)
        if isinstance(one, Commented):
            yield from (f"{indent}# {line}" for line in one.comment)
            yield from _lines({key: one.mapping}, indent)
        elif isinstance(one, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(one, f"{indent}  ")
        elif isinstance(one, str) and "\n" in one:
            yield f"{indent}{name}: |"
            yield from (f"{indent}  {line}".rstrip() for line in one.splitlines())
        elif isinstance(one, Sequence) and any(isinstance(item, OneLine) for item in one):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_flow(item)}" for item in one)
        else:
            yield f"{indent}{name}: {_flow(one)}"


def _flow(value: Value) -> str:
    match value:
        case str():
            return _scalar(value)
        case OneLine(mapping) | (Mapping() as mapping):
            return "{" + ", ".join(f"{_scalar(key)}: {_flow(one)}" for key, one in mapping.items()) + "}"
        case Sequence():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case _:
            return json.dumps(value)


def _scalar(text: str) -> str:
    """A text, as it is where nobody can take it for anything else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _OTHER_THAN_TEXT
    return text if plain else json.dumps(text)
