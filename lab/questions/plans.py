"""The plan of a lab: made, changed, and as it is."""

from __future__ import annotations

from dataclasses import dataclass

from lab.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Make the lab. Answered by Built, at once after the nodes were started."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The nodes run; nothing is said of sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Give the routers the policies, rules, networks and marking of another plan.

    Answered by Applied when all have them.
    Everything else in the plan has to be as it is.
    """

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The routers have them; nothing is said of what they told one another since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a running lab. `memory_kib` is the proportional set size of each router's process.

    `failed` are the faults that are in force.
    """

    plan: Plan
    pending: tuple[str, ...]
    up_s: float
    memory_kib: dict[str, int]
    failed: tuple[str, ...] = ()
