"""When a lab has converged: where each Adj-RIB-In equals the Adj-RIB-Out at the other end, nothing is on its way.

BFD has to have come to what both ends of its session have configured.

Routers tell of their sessions as these change, so that a lab of hundreds of routers is judged by what is new.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from lab.bfd import BfdStatus, negotiated
from lab.node_messages import NodeReport, SessionReport
from lab.plan import Plan
from lab.tables import ClosedSession

End = tuple[str, str]
"""One end of a session: the router, and the session's name there."""


class Convergence:
    """What the routers of a plan have told, and what is missing by it."""

    def __init__(self, plan: Plan) -> None:
        self._far: dict[End, End] = {end: (far, session.name) for end, (far, session) in plan.far_ends().items()}
        self._carries = {end: session.carries for end, (_, session) in plan.far_ends().items()}
        self._bfd = _expected_bfd(plan)
        self._told: dict[End, SessionReport] = {}
        self._refused: dict[str, tuple[str, ...]] = {}
        self._pending: dict[str, tuple[str, ...]] = {}
        self._down = dict.fromkeys(self._far, "not yet connected")
        self._differ: dict[End, None] = {}
        self._bfd_differs: dict[End, BfdStatus | None] = {}

    def hear(self, router: str, report: NodeReport) -> bool:
        """Take what a router tells of those of its sessions that changed; whether that is anything new."""
        before = self._refused.get(router), self._pending.get(router, ())
        is_news = bool(report.sessions) or before != (report.refused, report.pending)
        self._refused[router], self._pending[router] = report.refused, report.pending
        for told in report.sessions:
            end = router, told.session
            self._told[end] = told
            if end in self._far:
                self._judge(end)
                self._judge(self._far[end])
                self._judge_bfd(end, told)
        return is_news

    def forget(self, router: str) -> None:
        """Take a router's process for gone: what it told is true no more."""
        for end in [one for one in self._told if one[0] == router]:
            del self._told[end]
            self._bfd_differs.pop(end, None)
            if end in self._far:
                self._judge(end)
                self._judge(self._far[end])
        self._refused.pop(router, None)
        self._pending.pop(router, None)

    def _judge(self, end: End) -> None:
        self._down.pop(end, None)
        self._differ.pop(end, None)
        mine, theirs = self._told.get(end), self._told.get(self._far[end])
        if mine is None or theirs is None or not mine.established:
            self._down[end] = mine.why_down if mine else "not yet connected"
        elif theirs.established and not _all_arrived(mine, theirs):
            self._differ[end] = None

    def _judge_bfd(self, end: End, told: SessionReport) -> None:
        self._bfd_differs.pop(end, None)
        if end in self._bfd and told.bfd != self._bfd[end]:
            self._bfd_differs[end] = told.bfd

    def told(self) -> tuple[tuple[str, SessionReport], ...]:
        """What each router said last of each of its sessions."""
        return tuple((router, told) for (router, _), told in self._told.items())

    def all_established(self, closed: Iterable[ClosedSession]) -> bool:
        """Whether every session is up, and those are closed that have to be."""
        return not self._down if not closed else not self._sessions_missing(closed)

    def pending(self, closed: tuple[ClosedSession, ...] = (), *, excused: Container[End] = ()) -> list[str]:
        """What keeps the lab from having converged, most basic first; empty where it has.

        `closed` are sessions that have to be closed by one of their ends, for the reason that it gives. Nothing is
        asked of the ends that are `excused`.
        """
        told = any(self._refused.values()) or any(self._pending.values())
        if not (self._down or self._differ or self._bfd_differs or closed or told):
            return []
        awaited = self._awaited(closed)
        bfd = [
            f"BFD {end[0]} - {end[1]}: {self._bfd_differs[end]}"
            for end in self._far
            if end in self._bfd_differs and end not in excused
        ]
        differ = [
            f"routes from {end[0]} to {far[0]} ({self._carries[end]}) are on their way"
            for end, far in self._far.items()
            if end in self._differ and end not in awaited and end not in excused
        ]
        of_routers = [
            f"{router}: {what}"
            for table in (self._pending, self._refused)
            for router, several in table.items()
            for what in several
        ]
        return self._sessions_missing(closed, excused) + bfd + differ + of_routers

    def _awaited(self, closed: Iterable[ClosedSession]) -> dict[End, ClosedSession]:
        """The ends of the sessions that have to be closed."""
        awaited = {(one.router, one.session): one for one in closed}
        return awaited | {self._far[end]: one for end, one in awaited.items() if end in self._far}

    def _sessions_missing(self, closed: Iterable[ClosedSession], excused: Container[End] = ()) -> list[str]:
        awaited, missing = self._awaited(closed), []
        for router, session in self._far:
            if (router, session) in excused:
                continue
            one = awaited.get((router, session))
            if one is None:
                if (router, session) in self._down:
                    missing.append(f"session {router} - {session}: {self._down[router, session]}")
                continue
            told = self._told.get((router, session))
            if told is None or told.established or (router == one.router and told.why_down != one.reason):
                missing.append(f"session {router} - {session} is not closed yet: {one.reason}")
        return missing


def _expected_bfd(plan: Plan) -> dict[End, BfdStatus]:
    """What BFD has to come to at each end of the sessions that run it at both."""
    far_ends = plan.far_ends()
    expected = {}
    for end, (far_router, far) in far_ends.items():
        _, own = far_ends[far_router, far.name]
        if own.bfd is not None and far.bfd is not None:
            expected[end] = negotiated(own.bfd, far.bfd)
    return expected


def _all_arrived(sender: SessionReport, receiver: SessionReport) -> bool:
    """Whether nothing is on its way: the tables alone would miss an announcement followed by its withdrawal."""
    return sender.adj_rib_out == receiver.adj_rib_in and sender.updates_sent == receiver.updates_received
