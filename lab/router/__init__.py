"""The router: a state machine without I/O, events in, effects out (RFC 4271 §9).

    UpdateReceived ► Adj-RIB-In ► import policy ► Loc-RIB ► export policy ► Adj-RIB-Out ► Announce, Withdraw
                                                     └► InstallRoute, RemoveRoute

The same machine runs in memory (`lab.predict`) and in every node (`lab.node`). It has no timers: ExaBGP keeps those of
the sessions. Left out: MRAI (§9.2.1.1), and being a member of a confederation (RFC 5065).
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.bfd import BfdStatus
from lab.bgp import (
    Address,
    Nlri,
    Prefix,
    Route,
    RouteSource,
    VpnPrefix,
    nlri_order,
    prefix_of,
    prefix_order,
)
from lab.events import (
    CEASE_ADMINISTRATIVE_RESET,
    CEASE_ADMINISTRATIVE_SHUTDOWN,
    CEASE_BFD_DOWN,
    CEASE_MAXIMUM_PREFIXES,
    Announce,
    BfdChanged,
    CloseSession,
    Effect,
    Event,
    InstallRoute,
    LinkChanged,
    Reconfigured,
    RefreshRequested,
    RemoveRoute,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
)
from lab.explanation import Candidate, Explanation, Export
from lab.plan import BgpPlan, NodePlan
from lab.rib import Decision, Path, decide
from lab.router.aggregation import Contributors
from lab.router.session import DEFAULT_ROUTE, NOT_YET_CONNECTED, Session
from lab.router.speaker import Speaker, covering, covers
from lab.tables import FibEntry, RouterTables, SessionTables
from lab.wire import Fault
from lab.wire.nlri import is_unicast

_TREATED_AS_WITHDRAWN = "treated as withdrawn: its UPDATE was malformed"
_IGNORED = "ignored: the prefix is no unicast one (RFC 4271 §6.3)"


def _closed(session: Session) -> CloseSession:
    """The end of a session that is shut down."""
    return CloseSession(
        session=session.plan.name, subcode=CEASE_ADMINISTRATIVE_SHUTDOWN, reason=session.why_shut, hold_down_s=None
    )


class Router:
    """One BGP router."""

    def __init__(self, node: NodePlan) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self.name = node.name
        self._speaker = Speaker(node, node.bgp)
        self._sessions = {plan.name: Session(plan, node.bgp.vrf) for plan in node.bgp.sessions}
        self._own = self._speaker.own_paths()
        self._aggregates: dict[Prefix, Path] = {}
        self._contributors = _no_contributors(node.bgp)
        self._decisions: dict[Nlri, Decision] = {}
        self._fib: dict[Prefix, tuple[Address, ...]] = {}
        self._first_effects: list[Effect] = []
        self._shut(self._first_effects)
        self._first_effects += self._decide(self._own)
        self._forward_all([*self._speaker.static_prefixes(), *self._speaker.pools], self._first_effects)

    def begin(self) -> list[Effect]:
        """What is to be done before the first event: the router's own routes that the kernel has to know."""
        effects, self._first_effects = self._first_effects, []
        return effects

    def handle(self, event: Event) -> list[Effect]:  # noqa: PLR0911  # one for each kind of event
        """Take one event; the effects are to be carried out in order."""
        match event:
            case SessionUp():
                return self._session_up(event)
            case SessionDown():
                return self._session_down(event)
            case UpdateReceived():
                return self._update(event)
            case RefreshRequested():
                return self._refresh(self._sessions[event.session])
            case LinkChanged():
                return self._link_changed(event)
            case BfdChanged():
                return self._bfd_changed(event)
            case Reconfigured():
                return self._reconfigure(event.bgp)

    def tables(self) -> RouterTables:
        """The router's sessions and tables as they are now; the FIB is the one it asked for."""
        return RouterTables(
            router=self.name,
            sessions=tuple(
                SessionTables(
                    session=name,
                    neighbor=session.plan.neighbor,
                    established=session.established,
                    adj_rib_in=_in_prefix_order(session.adj_rib_in.values()),
                    adj_rib_out=_in_prefix_order(session.adj_rib_out.values()),
                    why_down="" if session.established else session.why_down,
                    warning=session.warning,
                    refreshes=session.refreshes,
                    bfd=session.bfd,
                )
                for name, session in self._sessions.items()
            ),
            loc_rib=_in_prefix_order(d.best.route for d in self._decisions.values() if d.best is not None),
            fib=tuple(
                FibEntry(prefix=prefix, next_hops=hops)
                for prefix, hops in sorted(self._fib.items(), key=lambda item: prefix_order(item[0]))
            ),
        )

    def bfd(self, session: str) -> BfdStatus | None:
        """The status of BFD of a session; None where this end does not run it."""
        return self._sessions[session].bfd

    def fingerprints(self) -> dict[str, tuple[bool, int, int, str]]:
        """For each session: whether it is up, the fingerprints of its Adj-RIB-In and Adj-RIB-Out, and why it is down.

        A lab has converged when each Adj-RIB-In equals the Adj-RIB-Out at the session's other end.
        """
        return {
            name: (
                s.established,
                s.adj_rib_in.fingerprint,
                s.adj_rib_out.fingerprint,
                s.why_down,
            )
            for name, s in self._sessions.items()
        }

    def route_counts(self) -> dict[str, tuple[int, int]]:
        """For each session, how many routes its Adj-RIB-In and its Adj-RIB-Out hold."""
        return {name: (len(s.adj_rib_in), len(s.adj_rib_out)) for name, s in self._sessions.items()}

    def explain(self, prefix: Nlri) -> Explanation:
        """All that this router did with `prefix`, with every reason."""
        own = self._own_paths_to(prefix)
        candidates = [Candidate(session=None, received=None, outcome=None, refused="", path=path) for path in own]
        for session in self._sessions.values():
            here = (one for one in {**session.adj_rib_in, **session.faults} if session.destination(one) == prefix)
            candidates += [self._explain_import(session, one) for one in sorted(here, key=nlri_order)]
        return Explanation(
            router=self.name,
            prefix=prefix,
            candidates=tuple(candidates),
            decision=self._decisions.get(prefix),
            exports=tuple(
                self._explain_export(session, prefix) for session in self._sessions.values() if session.carries(prefix)
            ),
        )

    def _explain_import(self, session: Session, received: Nlri) -> Candidate:
        name, fault = session.plan.name, session.faults.get(received, "")
        route = session.adj_rib_in.get(received)
        if route is None:
            refused = _TREATED_AS_WITHDRAWN if is_unicast(prefix_of(received)) else _IGNORED
            return Candidate(session=name, received=None, outcome=None, refused=refused, path=None, fault=fault)
        taken = session.take_in(route, self._speaker, traced=True)
        return Candidate(
            session=name,
            received=route,
            outcome=taken.outcome,
            refused=taken.refused,
            path=taken.path,
            applied=taken.applied,
            fault=fault,
        )

    def _explain_export(self, session: Session, prefix: Nlri) -> Export:
        if not session.established:
            refused = f"the session is down: {session.why_down}"
            return Export(session=session.plan.name, outcome=None, refused=refused, route=None)
        sent = session.send_out(
            prefix,
            self._decisions.get(prefix),
            self._speaker,
            suppressed_by=self._suppressed_by(prefix),
            traced=True,
        )
        return Export(
            session=session.plan.name,
            outcome=sent.outcome,
            refused=sent.refused,
            route=sent.route,
            applied=sent.applied,
        )

    # events

    def _session_up(self, event: SessionUp) -> list[Effect]:
        session = self._sessions[event.session]
        if session.why_shut:
            return [_closed(session)]
        session.established, session.why_down = True, ""
        session.peer_router_id = event.peer_router_id
        effects: list[Effect] = []
        self._advertise([session], [*self._decisions, DEFAULT_ROUTE[session.plan.family]], effects)
        return effects

    def _session_down(self, event: SessionDown) -> list[Effect]:
        session = self._sessions[event.session]
        if not session.established:
            if session.why_down == NOT_YET_CONNECTED:
                session.why_down = event.reason
            return []  # what ended the session is the reason to tell, and not how each try to open it again ended
        return self._decide(session.flush(event.reason))

    def _update(self, event: UpdateReceived) -> list[Effect]:
        session = self._sessions[event.session]
        if not session.established:
            return []
        touched: dict[Nlri, None] = {}
        for withdrawn in event.withdrawn:
            session.faults.pop(withdrawn, None)
            if withdrawn in session.adj_rib_in:
                del session.adj_rib_in[withdrawn]
                if session.forget(withdrawn):
                    touched[session.destination(withdrawn)] = None
        for route in event.announced:
            nlri = route.nlri
            session.faults.pop(nlri, None)
            session.adj_rib_in[nlri] = route
            session.accept(route, self._speaker)
            touched[session.destination(nlri)] = None
        session.faults |= _fault_texts(event.faults)
        effects: list[Effect] = []
        touched |= dict.fromkeys(self._enforce_limit(session, effects))
        return effects + self._decide(touched)

    def _enforce_limit(self, session: Session, effects: list[Effect]) -> list[Nlri]:
        """Close a session whose neighbour sent too many prefixes; the answer is the prefixes that lost a path."""
        over = session.over_limit() if session.established else None
        if over is None:
            return []
        limit, reason = over
        effects.append(
            CloseSession(
                session=session.plan.name,
                subcode=CEASE_MAXIMUM_PREFIXES,
                reason=reason,
                hold_down_s=None if limit.restart_s is None else float(limit.restart_s),
            )
        )
        return session.flush(reason)

    @staticmethod
    def _refresh(session: Session) -> list[Effect]:
        session.refreshes += 1
        if not session.established or not session.adj_rib_out:
            return []
        return [Announce(session=session.plan.name, routes=tuple(session.adj_rib_out.values()))]

    def _link_changed(self, event: LinkChanged) -> list[Effect]:
        down = self._speaker.down
        if event.up == (event.interface not in down):
            return []
        if event.up:
            down.discard(event.interface)
        else:
            down.add(event.interface)
        effects: list[Effect] = []
        touched: dict[Nlri, None] = {}
        reason = f"interface {event.interface} is down"
        for name, session in self._sessions.items():
            if event.up and session.why_down == reason:
                session.why_down = f"interface {event.interface} is up again, and nobody answered yet"
            if not event.up and session.plan.interface == event.interface and session.established:
                effects.append(CloseSession(session=name, subcode=CEASE_ADMINISTRATIVE_RESET, reason=reason))
                touched |= dict.fromkeys(session.flush(reason))
        touched |= self._renew_paths()
        effects += self._decide(touched)
        self._forward_all(
            [*self._speaker.networks_of(event.interface), *self._speaker.static_prefixes(), *self._fib], effects
        )
        return effects

    def _bfd_changed(self, event: BfdChanged) -> list[Effect]:
        """Close a session whose path failed. One that comes up again does not wait for BFD (docs/decisions/0016)."""
        session = self._sessions[event.session]
        session.bfd = event.status
        if not event.failure or not session.established:
            return []
        effects: list[Effect] = [CloseSession(session=event.session, subcode=CEASE_BFD_DOWN, reason=event.failure)]
        return effects + self._decide(session.flush(event.failure))

    def _reconfigure(self, bgp: BgpPlan) -> list[Effect]:
        self._speaker.bgp = bgp
        for plan in bgp.sessions:
            self._sessions[plan.name].configure(plan, bgp.vrf)
        touched = self._renew_paths()
        effects: list[Effect] = []
        touched |= dict.fromkeys(self._shut(effects))
        for session in self._sessions.values():
            touched |= dict.fromkeys(self._enforce_limit(session, effects))
        self._contributors = _no_contributors(bgp)
        effects += self._decide({**touched, **dict.fromkeys(self._decisions)}, aggregates_anew=True)
        for session in self._sessions.values():
            if session.established:
                prefixes = dict.fromkeys([*self._decisions, *session.adj_rib_out, DEFAULT_ROUTE[session.plan.family]])
                self._advertise([session], prefixes, effects)
        return effects

    def _shut(self, effects: list[Effect]) -> list[Nlri]:
        """Close the sessions that this end keeps closed; the answer is the prefixes that lost a path."""
        lost: list[Nlri] = []
        for session in self._sessions.values():
            if session.why_shut:
                effects.append(_closed(session))
                lost += session.flush(session.why_shut)
        return lost

    def _renew_paths(self) -> dict[Nlri, None]:
        """Take in every received route again, and the own ones; the answer is all their prefixes."""
        before, self._own = self._own, self._speaker.own_paths()
        touched: dict[Nlri, None] = dict.fromkeys([*before, *self._own])
        for session in self._sessions.values():
            for route in session.adj_rib_in.values():
                session.accept(route, self._speaker)
                touched[session.destination(route.nlri)] = None
        return touched

    # decision: paths to Loc-RIB and FIB

    def _decide(self, prefixes: Iterable[Nlri], *, aggregates_anew: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        changed = self._choose(prefixes, effects)
        news = [*changed, *self._decisions] if aggregates_anew else list(changed)
        while renewed := self._renew_aggregates(news):
            news = self._choose(renewed, effects)  # one that takes a learned route's place is in no wider one
            changed += news
        up = [session for session in self._sessions.values() if session.established]
        self._advertise(up, dict.fromkeys(changed), effects)
        return effects

    def _own_paths_to(self, nlri: Nlri) -> list[Path]:
        """The router's own paths, which it has in its own VRF only."""
        if isinstance(nlri, VpnPrefix):
            return []
        return [table[nlri] for table in (self._own, self._aggregates) if nlri in table]

    def _choose(self, prefixes: Iterable[Nlri], effects: list[Effect]) -> list[Nlri]:
        """Choose the best path to each prefix, and forward by it; the answer is the prefixes whose choice changed."""
        changed: list[Nlri] = []
        for prefix in prefixes:
            paths = [path for session in self._sessions.values() for path in session.paths_to(prefix)]
            paths += self._own_paths_to(prefix)
            decision = decide(paths, self._speaker.best_path)
            if decision == self._decisions.get(prefix):
                continue
            if paths:
                self._decisions[prefix] = decision
            else:
                self._decisions.pop(prefix, None)
            changed.append(prefix)
        self._forward_all((one for one in changed if not isinstance(one, VpnPrefix)), effects)
        return changed

    def _renew_aggregates(self, changed: Iterable[Nlri]) -> list[Nlri]:
        """Make the aggregates of changed prefixes anew; the answer is the prefixes of those that are not as before."""
        known = {**self._contributors, **self._aggregates}  # an aggregate may be there that is configured no more
        touched: dict[Prefix, None] = {}
        for prefix in changed if known else ():
            if isinstance(prefix, VpnPrefix):
                continue
            decision = self._decisions.get(prefix)
            for wide in covering(known, prefix):
                touched[wide] = None
                if wide in self._contributors:
                    self._contributors[wide].take(prefix, None if decision is None else decision.best)
        renewed: list[Nlri] = []
        for prefix in touched:
            before, contributors = self._aggregates.pop(prefix, None), self._contributors.get(prefix)
            path = None if contributors is None else contributors.path(self._speaker)
            if path is not None:
                self._aggregates[prefix] = path
            if path != before:
                renewed.append(prefix)
        return renewed

    def _suppressed_by(self, prefix: Nlri) -> Prefix | None:
        """The aggregate that stands for a prefix, so that it is not sent; None where there is none."""
        if isinstance(prefix, VpnPrefix):
            return None
        for one in self._speaker.bgp.aggregates:
            if one.summary_only and one.prefix in self._aggregates and covers(one.prefix, prefix):
                return one.prefix
        return None

    def _forward_all(self, prefixes: Iterable[Prefix], effects: list[Effect]) -> None:
        """Bring the FIB up to date for some prefixes."""
        for prefix in prefixes:
            hops = self._next_hops(prefix)
            if hops == self._fib.get(prefix):
                continue
            if hops is None:
                del self._fib[prefix]
                effects.append(RemoveRoute(prefix=prefix))
            else:
                self._fib[prefix] = hops
                effects.append(InstallRoute(prefix=prefix, next_hops=hops))

    def _next_hops(self, prefix: Prefix) -> tuple[Address, ...] | None:
        """Where packets go: none are given where they are discarded; None where the router installs no route.

        The kernel's connected routes, and static ones, stand before those of BGP, as with every vendor. Packets to a
        pool that no translation undoes are discarded: a wider route would send them back to where they came from.
        """
        if self._speaker.is_connected(prefix):
            return None
        gateway = self._speaker.static_gateway(prefix)
        if gateway is not None:
            return (gateway,)
        if prefix in self._speaker.pools:
            return ()
        decision = self._decisions.get(prefix)
        return None if decision is None else _next_hops(decision)

    # export: Loc-RIB to Adj-RIB-Out

    def _advertise(self, sessions: Iterable[Session], prefixes: Iterable[Nlri], effects: list[Effect]) -> None:
        for session in sessions:
            announced: list[Route] = []
            withdrawn: list[Nlri] = []
            for prefix in prefixes:
                if not session.carries(prefix):
                    continue
                route = session.send_out(
                    prefix,
                    self._decisions.get(prefix),
                    self._speaker,
                    suppressed_by=self._suppressed_by(prefix),
                    traced=False,
                ).route
                before = session.adj_rib_out.get(prefix)
                if route == before:
                    continue
                if before is not None and (route is None or route.nlri != before.nlri):
                    withdrawn.append(before.nlri)
                if route is None:
                    del session.adj_rib_out[prefix]
                else:
                    session.adj_rib_out[prefix] = route
                    announced.append(route)
            if withdrawn:
                effects.append(Withdraw(session=session.plan.name, prefixes=tuple(withdrawn)))
            if announced:
                effects.append(Announce(session=session.plan.name, routes=tuple(announced)))


def _no_contributors(bgp: BgpPlan) -> dict[Prefix, Contributors]:
    """The aggregates that are configured, before they stand for anything."""
    return {one.prefix: Contributors(one) for one in bgp.aggregates}


def _fault_texts(faults: Iterable[Fault]) -> dict[Nlri, str]:
    """What was wrong with each prefix of one UPDATE."""
    texts: dict[Nlri, list[str]] = {}
    for fault in faults:
        for prefix in fault.prefixes:
            texts.setdefault(prefix, []).append(fault.text)
    return {prefix: "; ".join(found) for prefix, found in texts.items()}


def _next_hops(decision: Decision) -> tuple[Address, ...] | None:
    """Where packets go by a decision: none are given where they are discarded; None where BGP has no say."""
    best = decision.best
    if best is None:
        return None
    if best.discard or best.route.source is RouteSource.AGGREGATE:
        return ()
    hops = {path.gateway for path in decision.multipath if path.gateway is not None}
    return tuple(sorted(hops, key=int)) or None


def _in_prefix_order(routes: Iterable[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: nlri_order(route.nlri)))
