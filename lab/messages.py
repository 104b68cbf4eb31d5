"""What the lab's processes say to one another: the command to the supervisor, the supervisor to nodes and prober."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bfd import BfdStatus, Changed
from lab.bgp import Nlri
from lab.explanation import Explanation
from lab.failover import DirectionRecord, Happening, SteadyStream
from lab.forwarding import Flow, FlowResult, Sweep, SweepResult
from lab.injection import Injection
from lab.marking import MarkingRule
from lab.plan import BgpPlan, Endpoint, NodePlan, Plan
from lab.streams import Trial, TrialResult
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
class AskAll:
    """Ask every flow of a sweep, and wait for what is missing for at most `deadline_s`, twice: to trace it too."""

    sweep: Sweep
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAll:
    """What became of them."""

    result: SweepResult


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
    """The state of a running lab. `memory_kib` is the proportional set size of each router's process.

    `failed` are the faults that are in force.
    """

    plan: Plan
    pending: tuple[str, ...]
    up_s: float
    memory_kib: dict[str, int]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSessions:
    """Answered by Sessions at once: it is what the routers have told, and none of them is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Every session that its router has told of, with the router, and the faults that are in force."""

    told: tuple[tuple[str, SessionReport], ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Ask where a node's network namespace is."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The supervisor's file descriptor of the namespace; /proc/PID/fd/FD opens it."""

    fd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStreams:
    """Make a trial of streams. Answered by StreamsSent when all of them are over."""

    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsSent:
    """What became of the streams."""

    result: TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """Let a fault happen, or the next step of one that lasts. Answered by Injected when it is in force."""

    injection: Injection


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """The fault came into force between these times of CLOCK_MONOTONIC."""

    began_ns: int
    done_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heal:
    """End a fault, or without a name all of them. Answered by Healed; nothing is said of sessions."""

    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """The faults that ended between these times of CLOCK_MONOTONIC."""

    faults: tuple[str, ...]
    began_ns: int
    done_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCounters:
    """Ask how many packets have entered by each of some interfaces."""

    interfaces: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The answer, in the order of the question, and when it was read (CLOCK_MONOTONIC)."""

    packets: tuple[int, ...]
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStream:
    """Send packets between two hosts until StopStream. Answered by Streaming when packets arrive in both directions.

    A lab has one stream at a time; it ends with the connection that asked for it.
    """

    stream: SteadyStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """The stream runs; or it never did, and `why_not` says why."""

    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitQuiet:
    """Wait until for so long no packet of the stream was lost and no router's routes changed, or the time is over."""

    quiet_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """How the wait ended."""

    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStream:
    """End the stream. Answered by Streamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """All packets of the stream, and what happened at the lab's routers meanwhile, in no order."""

    there: DirectionRecord
    back: DirectionRecord
    events: tuple[Happening, ...]


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

    `since_ns` is when it took the first event that it tells of (CLOCK_MONOTONIC).
    """

    sessions: tuple[SessionReport, ...]
    refused: tuple[str, ...]
    since_ns: int = 0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The sessions on which routes were asked for; `down` says of each other one with the neighbour why it is down."""

    sessions: tuple[str, ...]
    down: dict[str, str]


# between the supervisor and process 1 of a router's container


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


# between the supervisor and the prober


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
    Build | Built | AwaitConvergence | Converged | ReadTables | Tables | Explain | Explained
    | Probe | Probed | AskAll | AskedAll
    | Apply | Applied | RequestRoutes | ReadStatus | Status | ReadSessions | Sessions | Locate | Located | Stop | Broken
    | Listening | Connect | NodeReport | BfdReport | ReadRouterTables | RouterTablesRead
    | ReportChanges | ChangesReported
    | SendStreams | StreamsSent
    | ConfigureRouter | Configured | Refresh | Refreshed | Observe | ReadFibs | Fibs
    | Inject | Injected | Heal | Healed | ResetSession | SessionReset | ReadCounters | Counters
    | StartRouter | FreezeRouter | RouterFrozen | KillRouter | RouterKilled | ReadMemory | MemoryRead
    | StartStream | Streaming | AwaitQuiet | Quiet | StopStream | Streamed
)  # fmt: skip
"""Everything that crosses a channel."""
