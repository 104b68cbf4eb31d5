"""What the lab's processes say to one another: the command to the supervisor, the supervisor to nodes and prober."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bfd import BfdStatus, Changed
from lab.bgp import Nlri
from lab.explanation import Explanation
from lab.forwarding import Flow, FlowResult
from lab.marking import MarkingRule
from lab.plan import BgpPlan, Plan
from lab.tables import ClosedSession, LabTables, RouterFib, RouterTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Make the lab. Answered by Built, at once after the nodes were started."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The nodes run; nothing is said of sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitConvergence:
    """Answer by Converged when the lab has converged, or when the time is over.

    `closed` are sessions that have to be closed by one of their ends, for the reason that it gives; so they have from
    then on where the lab is asked for its tables or its status.
    """

    deadline_s: float
    closed: tuple[ClosedSession, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged:
    """How the wait ended; `pending` says what was still missing, and is empty where the lab has converged.

    The two times count from the building of the lab; None where that state was not reached.
    """

    pending: tuple[str, ...]
    established_s: float | None
    converged_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTables:
    """Answered by LabTables, the FIBs being the kernel's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of every router; `fidelity` says what the lab stood in for.

    `pending` says what had not settled while they were read, and is empty where they are all of one settled state.
    """

    tables: LabTables
    fidelity: tuple[str, ...]
    pending: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Send `count` packets for each flow, and wait for what is missing for at most `deadline_s`.

    With `again` a packet that is neither answered nor refused is sent again meanwhile: what is asked is whether there
    is a way, and not how many packets are lost on it.
    """

    flows: tuple[Flow, ...]
    deadline_s: float
    count: int = 1
    again: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What became of the flows, one result for each packet."""

    results: tuple[FlowResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """Ask a router for all that it did with a prefix."""

    router: str
    prefix: Nlri


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The router's answer."""

    explanation: Explanation


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
class RequestRoutes:
    """Let a router ask a neighbour for all its routes again (RFC 2918)."""

    router: str
    neighbor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStatus:
    """Answered by Status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a running lab. `memory_kib` is the proportional set size of each router's process."""

    plan: Plan
    pending: tuple[str, ...]
    up_s: float
    memory_kib: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Ask where a node's network namespace is."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The supervisor's file descriptor of the namespace; /proc/PID/fd/FD opens it."""

    fd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the lab. There is no answer but the end of the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The lab cannot answer: a part of it died, or the request was wrong. `log` is the end of the part's log."""

    reason: str
    log: str = ""


# between the supervisor and its nodes and prober


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A node's speaker listens, and waits for Connect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Every speaker of the lab listens: sessions may be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """One session at one end: the fingerprints of its Adj-RIBs, and its UPDATEs since it came up."""

    session: str
    established: bool
    adj_rib_in: int
    adj_rib_out: int
    updates_sent: int
    updates_received: int
    why_down: str
    bfd: BfdStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A node's state, pushed whenever it changed: the sessions that did, and the routes that the kernel refuses."""

    sessions: tuple[SessionReport, ...]
    refused: tuple[str, ...]


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
class Refresh:
    """Ask a neighbour for all its routes again. Answered by Refreshed when the request is on its way."""

    neighbor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The sessions on which routes were asked for; `down` says of each other one with the neighbour why it is down."""

    sessions: tuple[str, ...]
    down: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """The prober's first message: the lab's plan. The namespaces' file descriptors come with it, in node order."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFibs:
    """Answered by Fibs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fibs:
    """The kernel's routes of every router that the router's protocol number marks."""

    fibs: tuple[RouterFib, ...]


Message = (
    Build | Built | AwaitConvergence | Converged | ReadTables | Tables | Probe | Probed | Explain | Explained
    | Apply | Applied | RequestRoutes | ReadStatus | Status | Locate | Located | Stop | Broken
    | Listening | Connect | NodeReport | BfdReport | ReadRouterTables | RouterTablesRead
    | ReportChanges | ChangesReported
    | ConfigureRouter | Configured | Refresh | Refreshed | Observe | ReadFibs | Fibs
)  # fmt: skip
"""Everything that crosses a channel."""
