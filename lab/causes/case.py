"""What is known of a lab whose expectation did not pass."""

from __future__ import annotations

from dataclasses import dataclass

from lab.causes.model import Model
from lab.checks import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The model, what it says, and what was seen."""

    model: Model
    predicted: Evidence
    observed: Evidence
