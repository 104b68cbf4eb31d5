"""What the lab's processes say to one another: the command to the supervisor, the supervisor to nodes and prober."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from lab.bfd import BfdStatus, Changed
from lab.failover import DirectionRecord, Happening, SteadyStream
from lab.injection import Injection
from lab.marking import MarkingRule
from lab.plan import BgpPlan, Endpoint, Plan
from lab.questions.control import Broken, Heal, Healed, Locate, Located, ReadStatus, Refreshed, RequestRoutes, Stop
from lab.questions.explanations import Explain, Explained
from lab.questions.packets import AskAll, AskedAll, Probe, Probed
from lab.questions.plans import Applied, Apply, Build, Built, Status
from lab.questions.tables import AwaitConvergence, Converged, ReadTables, Tables
from lab.streams import Trial, TrialResult
from lab.tables import RouterFib, RouterTables


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSessions:
    """Answered by Sessions at once: it is what the routers have told, and none of them is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Every session that its router has told of, with the router, and the faults that are in force."""

    told: tuple[tuple[str, SessionReport], ...]
    failed: tuple[str, ...]


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
    | StartStream | Streaming | AwaitQuiet | Quiet | StopStream | Streamed
)  # fmt: skip
"""Everything that crosses a channel."""

KINDS: Mapping[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}
"""By their names on the wire."""

IN_EVERY_LAB: tuple[type[Message], ...] = (
    Build, Built, AwaitConvergence, Converged, ReadTables, Tables, Listening, Connect, NodeReport, BfdReport, Observe,
    ReadFibs, Fibs, ReadRouterTables, RouterTablesRead, ReportChanges, ChangesReported,
)  # fmt: skip
"""What crosses the channels of every lab; the others are rare, and never within the time of a failover."""
