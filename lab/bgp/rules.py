"""What a BGP speaker is configured to do beside its policies: rules of its sessions and of its decision process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.bgp.prefixes import Prefix


class Counted(Enum):
    """Which routes a prefix limit counts."""

    RECEIVED = "received"
    """All that are in the Adj-RIB-In, before the import policy."""
    ACCEPTED = "accepted"
    """Those that the import policy accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPrefix:
    """The most prefixes that a neighbour may send on a session (RFC 4271 §6.7, RFC 4486 §4 subcode 1).

    Past `limit` the session is closed, or, where `warning_only`, that is only said; from `warning_percent` of it on the
    session's count is pointed out. A closed session is tried again every `restart_s` seconds; None leaves it closed
    until the plan changes.
    """

    limit: int
    counted: Counted = Counted.RECEIVED
    warning_percent: int = 75
    warning_only: bool = False
    restart_s: int | None = 60

    def __post_init__(self) -> None:
        restarts = self.restart_s is None or self.restart_s >= 1
        if self.limit < 1 or not 1 <= self.warning_percent <= 100 or not restarts:
            raise ValueError(f"{self} is no prefix limit: at least 1 prefix, 1 to 100 percent, at least 1 second")

    @property
    def warning_at(self) -> int:
        """The number of prefixes from which on a warning is given."""
        return max(1, self.limit * self.warning_percent // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """A route that stands for all more specific ones (RFC 4271 §9.2.2.2), made as soon as there is one.

    `summary_only` keeps the more specific ones from being sent. `as_set` gives the aggregate their ASes and communities
    instead of ATOMIC_AGGREGATE; RFC 9774 deprecates that.
    """

    prefix: Prefix
    summary_only: bool = False
    as_set: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedNetwork:
    """An own network that was leaked from another VRF of the router."""

    prefix: Prefix
    vrf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BestPathRules:
    """How the decision process differs from RFC 4271 §9.1.2.2 by configuration.

    MEDs are compared among the routes of each neighbouring AS together, never in the order in which they arrived: what
    vendors call deterministic MED. `always_compare_med` compares them whatever the AS; `missing_med_as_worst` takes an
    absent one for 4294967295 instead of 0. `maximum_paths` are used at once where they are equal; with
    `multipath_relax` their AS paths need only be equally long.
    """

    always_compare_med: bool = False
    missing_med_as_worst: bool = False
    maximum_paths: int = 1
    multipath_relax: bool = False


RFC_4271_BEST_PATH = BestPathRules()
"""The decision process as the RFC has it, with one path."""
