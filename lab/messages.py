"""What the lab's processes say to one another: the command to the supervisor, the supervisor to the prober."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from lab.failover import DirectionRecord, Happening, SteadyStream
from lab.injection import Injection
from lab.node_messages import (
    BfdReport,
    ChangesReported,
    Connect,
    Listening,
    NodeMessage,
    NodeReport,
    ReadRouterTables,
    ReportChanges,
    RouterTablesRead,
    SessionReport,
)
from lab.plan import Endpoint, Plan
from lab.questions.control import Heal, Healed, Locate, Located, ReadStatus, RequestRoutes, Stop
from lab.questions.packets import AskAll, AskedAll, Probe, Probed
from lab.questions.plans import Applied, Apply, Build, Built, Status
from lab.questions.tables import AwaitConvergence, Converged, ReadTables, Tables
from lab.streams import Trial, TrialResult
from lab.tables import RouterFib


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
    | Build | Built | AwaitConvergence | Converged | ReadTables | Tables | Probe | Probed | AskAll | AskedAll
    | Apply | Applied | RequestRoutes | ReadStatus | Status | ReadSessions | Sessions | Locate | Located | Stop
    | SendStreams | StreamsSent | Observe | ReadFibs | Fibs | Inject | Injected | Heal | Healed
    | ReadCounters | Counters | StartStream | Streaming | AwaitQuiet | Quiet | StopStream | Streamed
)  # fmt: skip
"""Everything that crosses a channel."""

KINDS: Mapping[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}
"""By their names on the wire."""

IN_EVERY_LAB: tuple[type[Message], ...] = (
    Build, Built, AwaitConvergence, Converged, ReadTables, Tables, Listening, Connect, NodeReport, BfdReport, Observe,
    ReadFibs, Fibs, ReadRouterTables, RouterTablesRead, ReportChanges, ChangesReported,
)  # fmt: skip
"""What crosses the channels of every lab; the others are rare, and never within the time of a failover."""
