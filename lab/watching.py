"""A lab as one watches it: what its sessions, its kernels' routes and its probes are now, and every change of them.

Whoever watches says what was seen and when; this remembers, and tells what is new about it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from lab.bgp import Address
from lab.forwarding import Flow, FlowResult
from lab.node_messages import SessionReport
from lab.plan import Plan
from lab.tables import FibChange

MOST_TOLD = 5
"""So many changes of one kernel's routes that came at once are told one by one; of more, only how many."""
IN_FORCE, HEALED = "in force", "healed"
_KEPT = 200
_RECENT = 60


class Subject(Enum):
    """What changed."""

    LAB = "lab"
    FAULT = "fault"
    SESSION = "session"
    ROUTES = "routes"
    """How many routes an Adj-RIB-In or an Adj-RIB-Out has."""
    FIB = "fib"
    PROBE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something is not as it was. `before` is empty where it was not known; `bad` is for what is broken now."""

    at: datetime
    subject: Subject
    where: str
    before: str = ""
    after: str
    bad: bool = False


@dataclass(slots=True, kw_only=True)
class Session:
    """One end of a session, and since when its state has been what it is; None from before the watch began."""

    router: str
    told: SessionReport
    since: datetime | None = None

    @property
    def where(self) -> str:
        """The end's name."""
        return f"{self.router} - {self.told.session}"


@dataclass(slots=True, kw_only=True)
class Kernel:
    """The BGP routes of one router's kernel."""

    router: str
    routes: int = 0
    last: Change | None = None


@dataclass(slots=True, kw_only=True)
class Stream:
    """One probe after another between two hosts. `way` is what the last one's fate was."""

    flow: Flow
    sent: int = 0
    answered: int = 0
    lost_in_a_row: int = 0
    way: str = ""
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=_RECENT))

    @property
    def where(self) -> str:
        """Its name."""
        return f"{self.flow.source} -> {self.flow.destination} {self.flow.family.value}"


class Watched:
    """All that is known of a lab. What is seen before `begin` is how the lab was found, and no change."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.faults: tuple[str, ...] = ()
        self.sessions: dict[tuple[str, str], Session] = {}
        self.kernels = {node.name: Kernel(router=node.name) for node in plan.routers}
        self.streams: dict[Flow, Stream] = {}
        self.changes: deque[Change] = deque(maxlen=_KEPT)
        self._begun = False

    def begin(self, at: datetime) -> list[Change]:
        """How the lab was found, as its first changes."""
        self._begun = True
        down = [one for one in self.sessions.values() if not one.told.established]
        routes = sum(one.routes for one in self.kernels.values())
        up = f"{len(self.sessions) - len(down)} of {len(self.sessions)} session ends established"
        words = f"{up}, {routes} BGP routes in {len(self.kernels)} kernels"
        found = [Change(at=at, subject=Subject.LAB, where=self.plan.name, after=words, bad=bool(down))]
        found += [_fault(at, one, IN_FORCE) for one in self.faults]
        found += [
            Change(at=at, subject=Subject.SESSION, where=one.where, after=state(one.told), bad=True) for one in down
        ]
        return self._note(found)

    def hear_faults(self, at: datetime, failed: Sequence[str]) -> list[Change]:
        """Take which faults are in force."""
        before, self.faults = self.faults, tuple(failed)
        began = [_fault(at, one, IN_FORCE) for one in self.faults if one not in before]
        return self._note([*began, *(_fault(at, one, HEALED) for one in before if one not in self.faults)])

    def hear_sessions(self, at: datetime, told: Iterable[tuple[str, SessionReport]]) -> list[Change]:
        """Take what routers say of their sessions."""
        return self._note(change for router, report in told for change in self._session(at, router, report))

    def _session(self, at: datetime, router: str, told: SessionReport) -> Iterator[Change]:
        key = router, told.session
        if key not in self.sessions:
            self.sessions[key] = Session(router=router, told=told)
            return
        one = self.sessions[key]
        before, one.told = one.told, told
        if state(before) != state(told):
            one.since = at
            subject, was, is_ = Subject.SESSION, state(before), state(told)
        elif _counts(before) != _counts(told):
            subject, was, is_ = Subject.ROUTES, _counts(before), _counts(told)
        else:
            return
        yield Change(at=at, subject=subject, where=one.where, before=was, after=is_, bad=not told.established)

    def hear_routes(self, at: datetime, router: str, changes: Sequence[FibChange], routes: int) -> list[Change]:
        """Take what changed in a router's kernel, which has so many BGP routes now."""
        kernel = self.kernels[router]
        kernel.routes = routes
        if not changes:
            return []
        told = [
            Change(
                at=at,
                subject=Subject.FIB,
                where=f"{router} {one.prefix}",
                before=self._way(router, one.before),
                after=self._way(router, one.after),
                bad=not one.after,
            )
            for one in changes[:MOST_TOLD]
        ]
        if len(changes) > MOST_TOLD:
            words = f"{len(changes)} routes changed, {changes[0].prefix} among them"
            told = [Change(at=at, subject=Subject.FIB, where=router, after=words)]
        kernel.last = told[-1]
        return self._note(told)

    def _way(self, router: str, next_hops: tuple[Address, ...] | None) -> str:
        if next_hops is None:
            return "no route"
        owners = ((hop, self.plan.owner(hop, router)) for hop in next_hops)
        return ", ".join(f"{hop} ({owner})" if owner else str(hop) for hop, owner in owners) or "discarded"

    def hear_probes(self, at: datetime, results: Iterable[FlowResult]) -> list[Change]:
        """Take what became of the latest packets, one of each flow."""
        return self._note(change for one in results for change in self._probed(at, one))

    def _probed(self, at: datetime, result: FlowResult) -> Iterator[Change]:
        stream = self.streams.setdefault(result.flow, Stream(flow=result.flow))
        lost, before = stream.lost_in_a_row, stream.way
        stream.sent += 1
        stream.answered += result.answered
        stream.lost_in_a_row = 0 if result.answered else lost + 1
        stream.recent.append(result.answered)
        stream.way = _fate(result)
        if stream.way != before:
            was = f"{before}; {lost} lost" if lost else before
            yield Change(
                at=at,
                subject=Subject.PROBE,
                where=stream.where,
                before=was,
                after=stream.way,
                bad=not result.answered,
            )

    def _note(self, changes: Iterable[Change]) -> list[Change]:
        noted = list(changes)
        if not self._begun:
            return []
        self.changes += noted
        return noted


def _fault(at: datetime, name: str, what: str) -> Change:
    return Change(at=at, subject=Subject.FAULT, where=name, after=what, bad=what == IN_FORCE)


def state(told: SessionReport) -> str:
    """The state of a session in words."""
    return "established" if told.established else f"down: {told.why_down}"


def _counts(told: SessionReport) -> str:
    return f"received {told.routes_in}, sent {told.routes_out}"


def _fate(result: FlowResult) -> str:
    if not result.answered:
        return f"lost: {result.stopped}"
    there, back = " ".join(result.forward), " ".join(reversed(result.backward))
    return f"answered by {there}" if there == back else f"answered by {there}, back by {' '.join(result.backward)}"
