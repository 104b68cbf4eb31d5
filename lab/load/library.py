"""The policy files that another file names: their policies by name, and every mistake in them."""

from __future__ import annotations

import os.path
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

from lab.errors import InputError, Mistake
from lab.load.policies import check_policies, to_policies
from lab.load.policy_documents import PolicyFileDocument
from lab.load.reading import MOST_MISTAKES, Reading
from lab.load.source import SourceFile, read_named
from lab.policy import Policy


class Library:
    """The policies of all the files under `policies` of a topology or a file of cases.

    `files` are those without mistakes, as long as there are none in an earlier one.
    """

    def __init__(self, naming: Reading[Any]) -> None:
        self.policies: dict[str, Policy] = {}
        self.files: list[tuple[SourceFile, tuple[Policy, ...]]] = []
        self.mistakes: list[Mistake] = []
        self._where: dict[str, str] = {}
        self._unread = False
        directory, named = naming.source.directory, Path(naming.source.name).parent
        seen: set[str] = set()
        for index in range(naming.count("policies")):
            at = ("policies", index)
            written = naming.part(*at)
            if written is None:
                self._unread = True
                continue
            file = os.path.normpath(named / written)
            if file in seen:
                self.mistakes.append(naming.source.mistake(at, f"{written} is here twice"))
                continue
            seen.add(file)
            try:
                self._add(Reading(read_named(directory / written, file), PolicyFileDocument))
            except InputError as problem:
                self._unread = True
                self.mistakes += problem.mistakes or [naming.source.mistake(at, str(problem))]

    @property
    def names(self) -> Collection[str] | None:
        """The names of the policies, the wrong ones too; None where a file could not be read."""
        return None if self._unread else self._where

    def _add(self, reading: Reading[PolicyFileDocument]) -> None:
        self.mistakes += [*reading.mistakes, *islice(check_policies(reading), MOST_MISTAKES)]
        for name in reading.keys("policies") or ():
            path = ("policies", name)
            if name in self._where:
                what = f"policy {name!r} has the name of another one"
                self.mistakes.append(
                    reading.source.mistake(path, what, f"it is in {self._where[name]} too", at_key=True)
                )
            self._where.setdefault(name, reading.source.where(path))
        if reading.whole is not None and not self.mistakes:
            policies = to_policies(reading.whole, reading.source)
            self.policies.update({policy.name: policy for policy in policies})
            self.files.append((reading.source, policies))
