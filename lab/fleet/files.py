"""The files that a call names, and those in the directories that it names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InputError

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file by what reports call it, and where it is, for workers in another directory.

    `found` says that it was found in a directory, so that nobody said what it holds.
    """

    name: str
    path: str
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two versions of a file by its path below both directories; None where one does not have it."""

    name: str
    old: File | None
    new: File | None


def files_of(names: Sequence[str]) -> tuple[File, ...]:
    """The files of a call in its order, and in the place of a directory the YAML files below it, by their names.

    Hidden ones are left out. Raises InputError where a directory has none.
    """
    return tuple(file for name in names for file in (_found(name) if Path(name).is_dir() else [_file(name)]))


def pairs_of(old: str, new: str) -> tuple[Pair, ...]:
    """The YAML files below two directories, by their path below these. Raises InputError where there are none."""
    before, after = ({os.path.relpath(one.name, name): one for one in _found(name)} for name in (old, new))
    return tuple(Pair(name=name, old=before.get(name), new=after.get(name)) for name in sorted({**before, **after}))


def _file(name: str, *, found: bool = False) -> File:
    return File(name=name, path=str(Path(name).absolute()), found=found)


def _found(directory: str) -> list[File]:
    names = sorted(_below(directory))
    if not names:
        raise InputError(f"{directory}: no file below it ends in {' or '.join(_ENDINGS)}")
    return [_file(name, found=True) for name in names]


def _below(directory: str) -> Iterator[str]:
    def unread(problem: OSError) -> None:
        raise InputError(f"{problem.filename}: cannot be read: {problem.strerror}") from problem

    for parent, directories, files in os.walk(directory, onerror=unread):
        directories[:] = [one for one in directories if not one.startswith(".")]
        for one in files:
            if one.endswith(_ENDINGS) and not one.startswith("."):
                yield os.path.join(parent, one)  # noqa: PTH118  # Path would take ./ off the name that was given
