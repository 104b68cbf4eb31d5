"""What a router did with a prefix."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import Nlri
from lab.explanation import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """Ask a router for all that it did with a prefix."""

    router: str
    prefix: Nlri


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The router's answer."""

    explanation: Explanation
