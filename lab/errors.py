"""The error tree.

    LabError                 something stopped the command; its text is for the person who reads it
    ├── InputError           the file or the call is wrong                       exit 2
    └── LabBroken            the lab itself could not show the answer            exit 3
        └── NotPermitted     the kernel refused what the lab needs               exit 3

A check that fails is not an error: it is a verdict (`lab.checks`), and exits with 1.
"""

from __future__ import annotations

from dataclasses import dataclass


class LabError(Exception):
    """Something stopped the command."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mistake:
    """One wrong place in a file that a user wrote. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    what: str
    meant: str = ""

    def __str__(self) -> str:
        hint = f"\n    {self.meant}" if self.meant else ""
        return f"{self.file}:{self.line}:{self.column}: {self.what}{hint}"


class InputError(LabError):
    """A file or a call is wrong; `mistakes` holds every one that was found, in file order."""

    exit_code = 2

    def __init__(self, message: str, mistakes: tuple[Mistake, ...] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(sorted(mistakes))

    def __str__(self) -> str:
        return "\n".join([*map(str, self.mistakes), str(self.args[0])])


class LabBroken(LabError):  # noqa: N818  # reads as what happened
    """The lab itself broke, so it can prove nothing."""


class NotPermitted(LabBroken):
    """The kernel refused to make the lab's namespaces."""
