"""Everything that a router did with one prefix, each step with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import AttributeChange, Nlri, Route
from lab.policy import Outcome
from lab.rib import Decision, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRule:
    """A rule beside the policies that changed a route, such as the AS that eBGP puts before the path.

    `chosen` is for those that somebody asked for, by configuration or by a community; the others are BGP's own.
    """

    rule: str
    changes: tuple[AttributeChange, ...]
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One path that was offered for a prefix, and what the import side did with it.

    `received` is None for the router's own route, and for one that is treated as withdrawn. `refused` says why a route
    was dropped, `fault` what was malformed in its UPDATE (RFC 7606).
    """

    session: str | None
    received: Route | None
    outcome: Outcome | None
    refused: str
    path: Path | None
    applied: tuple[AppliedRule, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What one session is sent for a prefix: the route, or why none."""

    session: str
    outcome: Outcome | None
    refused: str
    route: Route | None
    applied: tuple[AppliedRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that a router did with one prefix."""

    router: str
    prefix: Nlri
    candidates: tuple[Candidate, ...]
    decision: Decision | None
    exports: tuple[Export, ...]
