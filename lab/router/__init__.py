"""The router: a state machine without I/O, events in, effects out (RFC 4271 §9).

    UpdateReceived ► Adj-RIB-In ► import policy ► Loc-RIB ► export policy ► Adj-RIB-Out ► Announce, Withdraw
                                                     └► InstallRoute, RemoveRoute

The same machine runs in memory (`lab.predict`) and in every node (`lab.node`). It has no timers: ExaBGP keeps those of
the sessions. Left out: MRAI (§9.2.1.1), and being a member of a confederation (RFC 5065).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from lab.bfd import BfdStatus
from lab.bgp import ON_THE_WIRE, Address, Prefix, Route, RouteSource, family_of, prefix_order, text_of
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


@lru_cache(maxsize=65536)
def fingerprint(route: Route) -> int:
    """64 bits of everything that crosses the wire; the exclusive or of a table's is the table's fingerprint."""
    text = "|".join([str(route.prefix), *(text_of(route, name) for name in ON_THE_WIRE)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


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
        self._sessions = {plan.name: Session(plan) for plan in node.bgp.sessions}
        self._own = self._speaker.own_paths()
        self._aggregates: dict[Prefix, Path] = {}
        self._contributors = _no_contributors(node.bgp)
        self._decisions: dict[Prefix, Decision] = {}
        self._fib: dict[Prefix, tuple[Address, ...]] = {}
        self._first_effects: list[Effect] = []
        self._shut(self._first_effects)
        self._first_effects += self._decide(self._own)
        self._forward_all(self._speaker.static_prefixes(), self._first_effects)

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
                _fingerprint(s.adj_rib_in.values()),
                _fingerprint(s.adj_rib_out.values()),
                s.why_down,
            )
            for name, s in self._sessions.items()
        }

    def explain(self, prefix: Prefix) -> Explanation:
        """All that this router did with `prefix`, with every reason."""
        own = [table[prefix] for table in (self._own, self._aggregates) if prefix in table]
        candidates = [Candidate(session=None, received=None, outcome=None, refused="", path=path) for path in own]
        for name, session in self._sessions.items():
            fault = session.faults.get(prefix, "")
            if prefix in session.adj_rib_in:
                received = session.adj_rib_in[prefix]
                taken = session.take_in(received, self._speaker, traced=True)
                candidates.append(
                    Candidate(
                        session=name,
                        received=received,
                        outcome=taken.outcome,
                        refused=taken.refused,
                        path=taken.path,
                        applied=taken.applied,
                        fault=fault,
                    )
                )
            elif fault:
                refused = _TREATED_AS_WITHDRAWN if is_unicast(prefix) else _IGNORED
                candidates.append(
                    Candidate(session=name, received=None, outcome=None, refused=refused, path=None, fault=fault)
                )
        return Explanation(
            router=self.name,
            prefix=prefix,
            candidates=tuple(candidates),
            decision=self._decisions.get(prefix),
            exports=tuple(
                self._explain_export(session, prefix)
                for session in self._sessions.values()
                if session.plan.family is family_of(prefix)
            ),
        )

    def _explain_export(self, session: Session, prefix: Prefix) -> Export:
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
        touched: dict[Prefix, None] = {}
        for prefix in event.withdrawn:
            session.faults.pop(prefix, None)
            if session.adj_rib_in.pop(prefix, None) is not None and session.paths.pop(prefix, None) is not None:
                touched[prefix] = None
        for route in event.announced:
            session.faults.pop(route.prefix, None)
            session.adj_rib_in[route.prefix] = route
            session.accept(route, self._speaker)
            touched[route.prefix] = None
        session.faults |= _fault_texts(event.faults)
        effects: list[Effect] = []
        touched |= dict.fromkeys(self._enforce_limit(session, effects))
        return effects + self._decide(touched)

    def _enforce_limit(self, session: Session, effects: list[Effect]) -> list[Prefix]:
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
        touched: dict[Prefix, None] = {}
        for name, session in self._sessions.items():
            if not event.up and session.plan.interface == event.interface and session.established:
                reason = f"interface {event.interface} is down"
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
            self._sessions[plan.name].configure(plan)
        touched = self._renew_paths()
        effects: list[Effect] = []
        touched |= dict.fromkeys(self._shut(effects))
        for session in self._sessions.values():
            touched |= dict.fromkeys(self._enforce_limit(session, effects))
        self._contributors = _no_contributors(bgp)
        effects += self._decide({**touched, **dict.fromkeys(self._decisions)}, aggregates_anew=True)
        for session in self._sessions.values():
            if session.established:
                prefixes = {**self._decisions, **session.adj_rib_out, DEFAULT_ROUTE[session.plan.family]: None}
                self._advertise([session], prefixes, effects)
        return effects

    def _shut(self, effects: list[Effect]) -> list[Prefix]:
        """Close the sessions that this end keeps closed; the answer is the prefixes that lost a path."""
        lost: list[Prefix] = []
        for session in self._sessions.values():
            if session.why_shut:
                effects.append(_closed(session))
                lost += session.flush(session.why_shut)
        return lost

    def _renew_paths(self) -> dict[Prefix, None]:
        """Take in every received route again, and the own ones; the answer is all their prefixes."""
        before, self._own = self._own, self._speaker.own_paths()
        touched: dict[Prefix, None] = dict.fromkeys([*before, *self._own])
        for session in self._sessions.values():
            for route in session.adj_rib_in.values():
                session.accept(route, self._speaker)
                touched[route.prefix] = None
        return touched

    # decision: paths to Loc-RIB and FIB

    def _decide(self, prefixes: Iterable[Prefix], *, aggregates_anew: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        changed = self._choose(prefixes, effects)
        news = [*changed, *self._decisions] if aggregates_anew else list(changed)
        while renewed := self._renew_aggregates(news):
            news = self._choose(renewed, effects)  # one that takes a learned route's place is in no wider one
            changed += news
        up = [session for session in self._sessions.values() if session.established]
        self._advertise(up, dict.fromkeys(changed), effects)
        return effects

    def _choose(self, prefixes: Iterable[Prefix], effects: list[Effect]) -> list[Prefix]:
        """Choose the best path to each prefix, and forward by it; the answer is the prefixes whose choice changed."""
        changed = []
        for prefix in prefixes:
            paths = [s.paths[prefix] for s in self._sessions.values() if prefix in s.paths]
            paths += [table[prefix] for table in (self._own, self._aggregates) if prefix in table]
            decision = decide(paths, self._speaker.bgp.best_path)
            if decision == self._decisions.get(prefix):
                continue
            if paths:
                self._decisions[prefix] = decision
            else:
                self._decisions.pop(prefix, None)
            changed.append(prefix)
        self._forward_all(changed, effects)
        return changed

    def _renew_aggregates(self, changed: Iterable[Prefix]) -> list[Prefix]:
        """Make the aggregates of changed prefixes anew; the answer is the prefixes of those that are not as before."""
        known = {**self._contributors, **self._aggregates}  # an aggregate may be there that is configured no more
        touched: dict[Prefix, None] = {}
        for prefix in changed if known else ():
            decision = self._decisions.get(prefix)
            for wide in covering(known, prefix):
                touched[wide] = None
                if wide in self._contributors:
                    self._contributors[wide].take(prefix, None if decision is None else decision.best)
        renewed = []
        for prefix in touched:
            before, contributors = self._aggregates.pop(prefix, None), self._contributors.get(prefix)
            path = None if contributors is None else contributors.path(self._speaker.bgp)
            if path is not None:
                self._aggregates[prefix] = path
            if path != before:
                renewed.append(prefix)
        return renewed

    def _suppressed_by(self, prefix: Prefix) -> Prefix | None:
        """The aggregate that stands for a prefix, so that it is not sent; None where there is none."""
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

        The kernel's connected routes, and static ones, stand before those of BGP, as with every vendor.
        """
        if self._speaker.is_connected(prefix):
            return None
        gateway = self._speaker.static_gateway(prefix)
        if gateway is not None:
            return (gateway,)
        decision = self._decisions.get(prefix)
        return None if decision is None else _next_hops(decision)

    # export: Loc-RIB to Adj-RIB-Out

    def _advertise(self, sessions: Iterable[Session], prefixes: Iterable[Prefix], effects: list[Effect]) -> None:
        for session in sessions:
            announced: list[Route] = []
            withdrawn: list[Prefix] = []
            for prefix in prefixes:
                if family_of(prefix) is not session.plan.family:
                    continue
                route = session.send_out(
                    prefix,
                    self._decisions.get(prefix),
                    self._speaker,
                    suppressed_by=self._suppressed_by(prefix),
                    traced=False,
                ).route
                if route is None:
                    if session.adj_rib_out.pop(prefix, None) is not None:
                        withdrawn.append(prefix)
                elif session.adj_rib_out.get(prefix) != route:
                    session.adj_rib_out[prefix] = route
                    announced.append(route)
            if withdrawn:
                effects.append(Withdraw(session=session.plan.name, prefixes=tuple(withdrawn)))
            if announced:
                effects.append(Announce(session=session.plan.name, routes=tuple(announced)))


def _no_contributors(bgp: BgpPlan) -> dict[Prefix, Contributors]:
    """The aggregates that are configured, before they stand for anything."""
    return {one.prefix: Contributors(one) for one in bgp.aggregates}


def _fault_texts(faults: Iterable[Fault]) -> dict[Prefix, str]:
    """What was wrong with each prefix of one UPDATE."""
    texts: dict[Prefix, list[str]] = {}
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
    return tuple(sorted(routes, key=lambda route: prefix_order(route.prefix)))


def _fingerprint(routes: Iterable[Route]) -> int:
    folded = 0
    for route in routes:
        folded ^= fingerprint(route)
    return folded
