"""What a router's node program and the supervisor say to one another; process 1 of a router's container, too.

It imports no more than a router needs, for a container imports it at every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from lab.bfd import BfdStatus, Changed
from lab.marking import MarkingRule
from lab.plan import BgpPlan, NodePlan
from lab.questions.control import Broken, Refreshed
from lab.questions.explanations import Explain, Explained
from lab.tables import RouterTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A node's speaker listens, and waits for Connect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Every speaker of the lab listens: sessions may be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """One session at one end: the fingerprints of its Adj-RIBs, and its UPDATEs since it came up.

    `routes_in` and `routes_out` count the routes of its Adj-RIB-In and Adj-RIB-Out.
    """

    session: str
    established: bool
    adj_rib_in: int
    adj_rib_out: int
    updates_sent: int
    updates_received: int
    why_down: str
    bfd: BfdStatus | None
    routes_in: int = 0
    routes_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A node's state, pushed whenever it changed: the sessions that did, and the routes that the kernel refuses.

    `pending` is what a router that is another vendor's daemon has still to do, as far as is known. `since_ns` is when
    it took the first event that it tells of (CLOCK_MONOTONIC).
    """

    sessions: tuple[SessionReport, ...]
    refused: tuple[str, ...]
    since_ns: int = 0
    pending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdReport:
    """BFD of a session has changed; a node's BFD process says so to the node."""

    session: str
    changed: Changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRouterTables:
    """Answered by RouterTables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterTablesRead:
    """One router's tables; the FIB is the one that it asked the kernel for."""

    tables: RouterTables


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportChanges:
    """Answered by ChangesReported, behind a NodeReport of all that has changed and was not told yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesReported:
    """All has been told that the node knew of when it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureRouter:
    """Take the policies, rules, networks and marking of a plan. Answered by Configured when they are in force."""

    bgp: BgpPlan
    marking: tuple[MarkingRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The router has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSession:
    """Close a session by an administrative reset (RFC 4486 §4). Answered by SessionReset when it is on its way."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReset:
    """The router closes the session, which may come up again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Ask a neighbour for all its routes again. Answered by Refreshed when the request is on its way."""

    neighbor: str


# between the supervisor and process 1 of a router's container


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReady:
    """Process 1 has loaded the node program, and starts it at once when it is told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRouter:
    """Start the node program; the file descriptor of its channel comes with it. There is no answer but on that.

    With `again` an earlier node program has been the router in this network namespace.
    """

    plan: NodePlan
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeRouter:
    """Let the node program do nothing more. Answered by RouterFrozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFrozen:
    """It does nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRouter:
    """Kill the node program. Answered by RouterKilled when it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterKilled:
    """It has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMemory:
    """Answered by MemoryRead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRead:
    """The proportional memory of all processes in the container."""

    kib: int


NodeMessage = (
    Explain | Explained | Broken | Listening | Connect | SessionReport | NodeReport | BfdReport
    | ReadRouterTables | RouterTablesRead | ReportChanges | ChangesReported | ConfigureRouter | Configured
    | ResetSession | SessionReset | Refresh | Refreshed | ContainerReady | StartRouter
    | FreezeRouter | RouterFrozen | KillRouter | RouterKilled | ReadMemory | MemoryRead
)  # fmt: skip
"""Everything that crosses their channels."""

NODE_KINDS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(NodeMessage)}
"""By their names on the wire."""
