"""What a policy asks for and BIRD cannot say, with the term that asks."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.policy import Policy
from lab.vendors import Cannot


@dataclass(slots=True)
class Unsaid:
    """What was found so far; what follows is of the term that was named last."""

    found: list[Cannot] = field(default_factory=list)
    _where: str = ""
    _source: str = ""

    def be_at(self, policy: Policy, term: int) -> None:
        """Go on to a term, counted from 1."""
        self._where, self._source = f"term {term} of {policy.name}", policy.source

    def add(self, what: str, meant: str) -> None:
        """Remember it, and what to write instead."""
        self.found.append(Cannot(what=f"{self._where}: {what}", meant=meant, where=self._source))
