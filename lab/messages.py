"""What the lab's processes say to one another: the command to the supervisor, the supervisor to the prober."""

from __future__ import annotations

from dataclasses import dataclass

from lab.failover import DirectionRecord, Happening, SteadyStream
from lab.forwarding import Flow, FlowResult, Sweep, SweepResult
from lab.injection import Injection
from lab.node_messages import NodeMessage, SessionReport
from lab.plan import Endpoint, Plan
from lab.streams import Trial, TrialResult
from lab.tables import ClosedSession, LabTables, RouterFib


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
    NodeMessage
    | Build | Built | AwaitConvergence | Converged | ReadTables | Tables
    | Probe | Probed | AskAll | AskedAll
    | Apply | Applied | RequestRoutes | ReadStatus | Status | ReadSessions | Sessions | Locate | Located | Stop
    | SendStreams | StreamsSent | Observe | ReadFibs | Fibs
    | Inject | Injected | Heal | Healed | ReadCounters | Counters
    | StartStream | Streaming | AwaitQuiet | Quiet | StopStream | Streamed
)  # fmt: skip
"""Everything that crosses a channel."""
