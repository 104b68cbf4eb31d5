"""What the loader does with every kind of expectation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from lab.bgp import Family
from lab.errors import Mistake
from lab.expectations import Expectation
from lab.load.names import Names
from lab.load.source import SourceFile, Step

Path = tuple[Step, ...]
Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[Shape]):
    """`check` finds what contradicts the topology or itself; `convert` makes the model of what has no mistakes.

    `convert` gets the key that the expectation has in the file, and its place there.
    """

    check: Callable[[Shape, Path, Names, SourceFile], Iterator[Mistake]]
    convert: Callable[[Shape, str, str], Expectation]


def families_text(families: frozenset[Family]) -> str:
    """The families that there are, as a hint."""
    return f"they have {' and '.join(sorted(family.value for family in families))}"
