"""What is known of a router that is another vendor's daemon: what crossed the wire, and what the daemon tells.

The Adj-RIBs are those of the wire (`lab.overheard`): no two daemons print the same of them. Which routes were taken in,
changed and chosen is what the daemon says (`lab.vendors`), and so is what it has not done yet. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lab.bfd import BfdStatus
from lab.bgp import Nlri, Prefix, Route, RouteSource, family_of, nlri_order, prefix_of
from lab.explanation import Candidate, Explanation, Export
from lab.node_messages import SessionReport
from lab.overheard import HeardSession, Overheard
from lab.plan import NodePlan
from lab.rib import Because, Decision, Lost, Path
from lab.router.speaker import Speaker
from lab.tables import RouterTables, SessionTables
from lab.vendors import ForeignPath, ForeignSession, ForeignTables

_SILENT = ForeignTables(sessions=(), paths=(), pending=("it has not told its tables yet",))


class ForeignState:
    """What is known of one router. `daemon` is what it is called in words."""

    def __init__(self, node: NodePlan, daemon: str) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self.daemon = daemon
        self.heard = Overheard(node.bgp.sessions)
        self._told = _SILENT
        self._news = -1
        self._steady = False
        self._apart: dict[str, int] = {}
        self.configure(node)

    def configure(self, node: NodePlan) -> None:
        """Take another plan of the same router."""
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self._node, self._bgp = node, node.bgp
        self._speaker = Speaker(node, node.bgp)
        self.expect()

    def expect(self) -> None:
        """What the daemon told before counts no more as its last word."""
        self._steady = False

    def take(self, told: ForeignTables, news: int) -> bool:
        """Take what the daemon told, asked when so much had been heard; whether it is another answer than before.

        A session that the daemon twice calls down, while nothing was heard, ended without a word.
        """
        another = told != self._told
        self._steady = not another and news == self._news == self.heard.news
        self._told, self._news = told, news
        for session in told.sessions if self._steady else ():
            heard = self.heard.sessions[session.session]
            if heard.established and not session.established:
                heard.end(session.why_down)
        return another

    def accept_counts(self) -> None:
        """Let the daemon's counts of UPDATEs stand, whatever was counted here: nothing has happened for long."""
        for session in self._told.sessions:
            if session.updates_received is not None:
                heard = self.heard.sessions[session.session]
                self._apart[session.session] = session.updates_received - heard.received_in_all

    # what it has still to do

    def pending(self) -> tuple[str, ...]:
        """What keeps the router from being settled, in words."""
        found = [words for session in self._told.sessions for words in self._unsettled(session)]
        found += self._told.pending
        if not self._steady and not found:
            found.append(f"{self.daemon} may not be done yet")
        return tuple(dict.fromkeys(found))

    def counts_differ(self) -> bool:
        """Whether the daemon counts other UPDATEs than were heard."""
        return any(self._unread(session) for session in self._told.sessions)

    def _unread(self, told: ForeignSession) -> int:
        if told.updates_received is None:
            return 0
        heard = self.heard.sessions[told.session]
        return heard.received_in_all + self._apart.get(told.session, 0) - told.updates_received

    def _unsettled(self, told: ForeignSession) -> Iterator[str]:
        heard = self.heard.sessions[told.session]
        name = heard.plan.neighbor
        if heard.established and heard.unreadable:
            yield f"what {name} and this router said is not known: {heard.unreadable}"
        if heard.established != told.established:
            yield f"{self.daemon} has not noticed that the session with {name} changed"
        elif self._unread(told):
            yield f"{self.daemon} has not worked through what {name} sent"
        for words, listed, table in (
            ("taken in what", told.received, heard.adj_rib_in),
            ("sent all that it says to", told.advertised, heard.adj_rib_out),
        ):
            if heard.established and listed is not None and listed != set(table):
                yield f"{self.daemon} has not {words} {name}{' sent' if table is heard.adj_rib_in else ''}"
        if heard.established and told.received_count not in (None, len(heard.adj_rib_in)):
            yield f"{self.daemon} has not taken in what {name} sent"

    # what others are told

    def reports(self) -> list[SessionReport]:
        """Each session, for the supervisor."""
        bfd = self._bfd()
        return [
            SessionReport(
                session=name,
                established=heard.established,
                adj_rib_in=heard.adj_rib_in.fingerprint,
                adj_rib_out=heard.adj_rib_out.fingerprint,
                updates_sent=heard.updates_sent,
                updates_received=heard.updates_received,
                why_down=heard.why_down,
                bfd=bfd.get(name),
                routes_in=len(heard.adj_rib_in),
                routes_out=len(heard.adj_rib_out),
            )
            for name, heard in self.heard.sessions.items()
        ]

    def _bfd(self) -> dict[str, BfdStatus | None]:
        return {one.session: one.bfd for one in self._told.sessions}

    def down(self) -> dict[str, str]:
        """The sessions that are down, and why."""
        return {name: heard.why_down for name, heard in self.heard.sessions.items() if not heard.established}

    def tables(self) -> RouterTables:
        """The router's tables; the FIB is for the kernel to tell."""
        bfd = self._bfd()
        return RouterTables(
            router=self._node.name,
            sessions=tuple(_session(name, heard, bfd.get(name)) for name, heard in self.heard.sessions.items()),
            loc_rib=_in_order(self._route(path) for path in self._told.paths if path.best),
            fib=(),
        )

    def forwarding(self) -> dict[Prefix, tuple[ForeignPath, ...]]:
        """The paths of other routers that packets take, by prefix."""
        found: dict[Prefix, tuple[ForeignPath, ...]] = {}
        for path in self._told.paths:
            if path.forwarding and path.session:
                found[path.route.prefix] = (*found.get(path.route.prefix, ()), path)
        return found

    def _route(self, path: ForeignPath) -> Route:
        """The route of a path, with what only its router's plan and the wire tell of it."""
        prefix = path.route.prefix
        if path.session:
            received = self.heard.sessions[path.session].adj_rib_in.get(prefix)
            return path.route if received is None else replace(path.route, unknown=received.unknown)
        if prefix in {one.prefix for one in self._bgp.aggregates} and prefix not in self._bgp.networks:
            return replace(path.route, source=RouteSource.AGGREGATE)
        connected = self._speaker.is_connected(prefix)
        return replace(path.route, source=RouteSource.CONNECTED if connected else RouteSource.STATIC)

    # explanations

    def explain(self, prefix: Nlri) -> Explanation:
        """All that is known of what the router did with a prefix."""
        paths = [path for path in self._told.paths if path.route.nlri == prefix]
        known = {id(path): self._path(path) for path in paths}
        candidates = [
            Candidate(session=None, received=None, outcome=None, refused="", path=known[id(path)])
            for path in paths
            if not path.session
        ]
        for name, heard in self.heard.sessions.items():
            received = heard.adj_rib_in.get(prefix)
            here = [path for path in paths if path.session == name and not path.rejected]
            candidates += [
                Candidate(session=name, received=received, outcome=None, refused="", path=known[id(path)])
                for path in here
            ]
            if received is not None and not here:
                refused = f"{self.daemon} did not take it in: its import policy refuses it, or a rule of BGP does"
                candidates.append(Candidate(session=name, received=received, outcome=None, refused=refused, path=None))
        usable = [path for path in paths if not path.rejected]
        return Explanation(
            router=self._node.name,
            prefix=prefix,
            candidates=tuple(candidates),
            decision=self._decision(usable, known) if usable else None,
            exports=tuple(
                self._export(prefix, heard)
                for heard in self.heard.sessions.values()
                if heard.plan.family is family_of(prefix_of(prefix))
            ),
        )

    def _path(self, path: ForeignPath) -> Path:
        heard = self.heard.sessions.get(path.session)
        way = self._speaker.way_to(path.route.next_hop) if heard else None
        return Path(
            route=self._route(path),
            neighbor=heard.plan.neighbor if heard else None,
            peer_address=heard.plan.peer_address if heard else None,
            peer_router_id=heard.peer_router_id if heard else 0,
            ebgp=heard.plan.ebgp if heard else False,
            interface=way.interface if way else None,
            gateway=way.gateway if way else None,
            igp_cost=way.cost if way else 0,
        )

    def _decision(self, paths: list[ForeignPath], known: dict[int, Path]) -> Decision:
        best = next((path for path in paths if path.best), None)
        if best is None:
            values = f"{self.daemon} uses none of them"
            lost = tuple(Lost(path=known[id(one)], because=Because.NOT_CHOSEN, values=values) for one in paths)
            return Decision(best=None, multipath=(), lost=lost, because=Because.NOT_CHOSEN)
        says = f"{self.daemon} says of the best one: {best.because}" if best.because else f"{self.daemon} says no more"
        others = [one for one in paths if one is not best]
        forwarding = (best, *(one for one in others if one.forwarding))
        return Decision(
            best=known[id(best)],
            multipath=tuple(known[id(one)] for one in forwarding),
            lost=tuple(Lost(path=known[id(one)], because=Because.NOT_CHOSEN, values=says) for one in others),
            because=Because.NOT_CHOSEN if others else Because.ONLY_PATH,
        )

    def _export(self, prefix: Nlri, heard: HeardSession) -> Export:
        route = heard.adj_rib_out.get(prefix)
        refused = "" if route else f"{self.daemon} does not: its export policy refuses it, or a rule of BGP does"
        return Export(session=heard.plan.name, outcome=None, refused=refused, route=route)


def _session(name: str, heard: HeardSession, bfd: BfdStatus | None) -> SessionTables:
    return SessionTables(
        session=name,
        neighbor=heard.plan.neighbor,
        established=heard.established,
        adj_rib_in=_in_order(heard.adj_rib_in.values()),
        adj_rib_out=_in_order(heard.adj_rib_out.values()),
        why_down="" if heard.established else heard.why_down,
        refreshes=heard.refreshes,
        bfd=bfd,
    )


def _in_order(routes: Iterable[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: nlri_order(route.nlri)))
