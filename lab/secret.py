"""What nobody may read who reads what the lab writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that no log, report or process list may show."""

    value: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__
