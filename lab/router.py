"""The router: a state machine without I/O, events in, effects out (RFC 4271 §9).

    UpdateReceived ► Adj-RIB-In ► import policy ► Loc-RIB ► export policy ► Adj-RIB-Out ► Announce, Withdraw
                                                     └► InstallRoute, RemoveRoute

The same machine runs in memory (`lab.predict`) and in every node (`lab.node`). It has no timers: ExaBGP keeps those of
the sessions. Left out: MRAI (§9.2.1.1), route refresh, aggregation (§9.2.2.2) and confederations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address

from lab.bgp import (
    DEFAULT_LOCAL_PREF,
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    Address,
    Family,
    Prefix,
    Route,
    family_of,
)
from lab.plan import NodePlan, SessionPlan
from lab.policy import ATTRIBUTES, Outcome, evaluate, text_of
from lab.rib import Decision, Path, decide
from lab.tables import FibEntry, RouterTables, SessionTables

OWN_ROUTE_WEIGHT = 32768
"""The weight of a route that the router itself originates, as Cisco's and FRR's routers give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp:
    """A session reached Established; the peer's OPEN carried this BGP identifier."""

    session: str
    peer_router_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDown:
    """A session left Established, or failed to reach it."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReceived:
    """An UPDATE arrived."""

    session: str
    announced: tuple[Route, ...] = ()
    withdrawn: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """An interface gained or lost its carrier, or was switched."""

    interface: str
    up: bool


Event = SessionUp | SessionDown | UpdateReceived | LinkChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Send these routes in UPDATEs."""

    session: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Withdraw these prefixes."""

    session: str
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRoute:
    """Put a route into the FIB in place of any earlier one; several next hops share the load."""

    prefix: Prefix
    next_hops: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoute:
    """Take a route out of the FIB."""

    prefix: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession:
    """End a session with a NOTIFICATION: Cease (code 6) and a subcode of RFC 4486."""

    session: str
    subcode: int
    reason: str


Effect = Announce | Withdraw | InstallRoute | RemoveRoute | CloseSession

CEASE_ADMINISTRATIVE_RESET = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One path that was offered for a prefix, and what the import side did with it.

    `received` is None for the router's own route; `refused` says why a route was dropped before or without a policy.
    """

    session: str | None
    received: Route | None
    outcome: Outcome | None
    refused: str
    path: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What one session is sent for a prefix: the route, or why none."""

    session: str
    outcome: Outcome | None
    refused: str
    route: Route | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that a router did with one prefix."""

    router: str
    prefix: Prefix
    candidates: tuple[Candidate, ...]
    decision: Decision | None
    exports: tuple[Export, ...]


@lru_cache(maxsize=65536)
def fingerprint(route: Route) -> int:
    """64 bits of everything that crosses the wire; the exclusive or of a table's is the table's fingerprint."""
    text = "|".join([str(route.prefix), *(text_of(route, name) for name in ATTRIBUTES if name != "weight")])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


@dataclass(slots=True, kw_only=True)
class _Session:
    plan: SessionPlan
    established: bool = False
    peer_router_id: int = 0
    why_down: str = "not yet connected"
    adj_rib_in: dict[Prefix, Route] = field(default_factory=dict)
    adj_rib_out: dict[Prefix, Route] = field(default_factory=dict)
    paths: dict[Prefix, Path] = field(default_factory=dict)


class Router:
    """One BGP router."""

    def __init__(self, node: NodePlan) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self.name = node.name
        self._bgp = node.bgp
        self._sessions = {plan.name: _Session(plan=plan) for plan in node.bgp.sessions}
        connected = [(a.network, i.name) for i in node.interfaces for a in i.addresses]
        self._connected = sorted(connected, key=lambda one: -one[0].prefixlen)  # the longest match comes first
        self._own_addresses = {a.ip for i in node.interfaces for a in i.addresses}
        self._down: set[str] = set()
        self._own = {prefix: self._own_path(prefix) for prefix in node.bgp.networks}
        self._decisions: dict[Prefix, Decision] = {}
        self._fib: dict[Prefix, tuple[Address, ...]] = {}
        self._decide(self._own)

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; the effects are to be carried out in order."""
        match event:
            case SessionUp():
                return self._session_up(event)
            case SessionDown():
                return self._session_down(event)
            case UpdateReceived():
                return self._update(event)
            case LinkChanged():
                return self._link_changed(event)

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
                )
                for name, session in self._sessions.items()
            ),
            loc_rib=_in_prefix_order(d.best.route for d in self._decisions.values() if d.best is not None),
            fib=tuple(
                FibEntry(prefix=prefix, next_hops=hops)
                for prefix, hops in sorted(self._fib.items(), key=lambda item: prefix_order(item[0]))
            ),
        )

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
        candidates = []
        if prefix in self._own:
            own = self._own[prefix]
            candidates.append(Candidate(session=None, received=None, outcome=None, refused="", path=own))
        for name, session in self._sessions.items():
            if prefix in session.adj_rib_in:
                received = session.adj_rib_in[prefix]
                path, outcome, refused = self._import(session, received)
                candidates.append(
                    Candidate(session=name, received=received, outcome=outcome, refused=refused, path=path)
                )
        decision = self._decisions.get(prefix)
        exports = []
        for name, session in self._sessions.items():
            if session.plan.family is family_of(prefix):
                route, outcome, refused = self._export(session, decision, prefix)
                if not session.established:
                    route, outcome, refused = None, None, f"the session is down: {session.why_down}"
                exports.append(Export(session=name, outcome=outcome, refused=refused, route=route))
        return Explanation(
            router=self.name,
            prefix=prefix,
            candidates=tuple(candidates),
            decision=decision,
            exports=tuple(exports),
        )

    # events

    def _session_up(self, event: SessionUp) -> list[Effect]:
        session = self._sessions[event.session]
        session.established, session.why_down = True, ""
        session.peer_router_id = event.peer_router_id
        effects: list[Effect] = []
        self._advertise([session], self._decisions, effects)
        return effects

    def _session_down(self, event: SessionDown) -> list[Effect]:
        session = self._sessions[event.session]
        if session.plan.interface in self._down and not session.established:
            return []  # the lost link closed it already, and is the reason to tell
        return self._decide(self._flush(session, event.reason))

    def _update(self, event: UpdateReceived) -> list[Effect]:
        session = self._sessions[event.session]
        if not session.established:
            return []
        touched: dict[Prefix, None] = {}
        for prefix in event.withdrawn:
            if session.adj_rib_in.pop(prefix, None) is not None and session.paths.pop(prefix, None) is not None:
                touched[prefix] = None
        for route in event.announced:
            session.adj_rib_in[route.prefix] = route
            self._accept(session, route)
            touched[route.prefix] = None
        return self._decide(touched)

    def _link_changed(self, event: LinkChanged) -> list[Effect]:
        if event.up == (event.interface not in self._down):
            return []
        if event.up:
            self._down.discard(event.interface)
        else:
            self._down.add(event.interface)
        effects: list[Effect] = []
        touched: dict[Prefix, None] = {}
        for name, session in self._sessions.items():
            if not event.up and session.plan.interface == event.interface and session.established:
                reason = f"interface {event.interface} is down"
                effects.append(CloseSession(session=name, subcode=CEASE_ADMINISTRATIVE_RESET, reason=reason))
                touched |= dict.fromkeys(self._flush(session, reason))
        for session in self._sessions.values():
            for route in session.adj_rib_in.values():
                self._accept(session, route)
                touched[route.prefix] = None
        effects += self._decide(touched)
        for network, interface in self._connected:
            if interface == event.interface and network in self._decisions:
                self._forward(network, self._decisions[network], effects)
        return effects

    def _flush(self, session: _Session, reason: str) -> list[Prefix]:
        """Forget all that crossed a session; the answer is the prefixes that lost a path."""
        session.established, session.why_down = False, reason
        lost = list(session.paths)
        session.adj_rib_in.clear()
        session.adj_rib_out.clear()
        session.paths.clear()
        return lost

    # import: Adj-RIB-In to paths

    def _accept(self, session: _Session, route: Route) -> None:
        path, _, _ = self._import(session, route)
        if path is None:
            session.paths.pop(route.prefix, None)
        else:
            session.paths[route.prefix] = path

    def _import(self, session: _Session, route: Route) -> tuple[Path | None, Outcome | None, str]:
        plan = session.plan
        if plan.local_asn in route.as_path.asns:
            return None, None, f"AS loop: the path '{route.as_path}' holds {plan.local_asn} (RFC 4271 §9.1.2)"
        if route.next_hop in self._own_addresses:
            return None, None, f"the next hop {route.next_hop} is this router's own address (RFC 4271 §5.1.3)"
        if plan.ebgp:
            route = replace(route, local_pref=None)  # RFC 4271 §5.1.5: ignored from an external peer
        outcome = None
        if plan.import_policy is not None:
            outcome = evaluate(plan.import_policy, route)
            if outcome.route is None:
                return None, outcome, f"import policy {outcome.policy}: {outcome.because}"
            route = outcome.route
        elif plan.ebgp:
            return None, None, "no import policy on an eBGP session (RFC 8212)"
        path = Path(
            route=route,
            neighbor=plan.neighbor,
            peer_address=plan.peer_address,
            peer_router_id=session.peer_router_id,
            ebgp=plan.ebgp,
            interface=self._interface_to(route.next_hop),
        )
        return path, outcome, ""

    def _interface_to(self, address: Address) -> str | None:
        for network, interface in self._connected:
            if address in network and interface not in self._down:
                return interface
        return None

    def _is_connected(self, prefix: Prefix) -> bool:
        return any(prefix == network and interface not in self._down for network, interface in self._connected)

    def _own_path(self, prefix: Prefix) -> Path:
        next_hop = IPv4Address(0) if family_of(prefix) is Family.IPV4 else IPv6Address(0)
        return Path(
            route=Route(prefix=prefix, next_hop=next_hop, weight=OWN_ROUTE_WEIGHT),
            neighbor=None,
            peer_address=None,
            peer_router_id=0,
            ebgp=False,
            interface=None,
        )

    # decision: paths to Loc-RIB and FIB

    def _decide(self, prefixes: Iterable[Prefix]) -> list[Effect]:
        effects: list[Effect] = []
        changed: dict[Prefix, Decision] = {}
        for prefix in prefixes:
            paths = [s.paths[prefix] for s in self._sessions.values() if prefix in s.paths]
            if prefix in self._own:
                paths.append(self._own[prefix])
            decision = decide(paths, maximum_paths=self._bgp.maximum_paths)
            before = self._decisions.get(prefix)
            if decision == before:
                continue
            if paths:
                self._decisions[prefix] = decision
            else:
                self._decisions.pop(prefix, None)
            changed[prefix] = decision
            self._forward(prefix, decision, effects)
        up = [session for session in self._sessions.values() if session.established]
        self._advertise(up, changed, effects)
        return effects

    def _forward(self, prefix: Prefix, decision: Decision, effects: list[Effect]) -> None:
        learned = {p.route.next_hop for p in decision.multipath if p.neighbor is not None}
        if self._is_connected(prefix):
            learned = set()  # the kernel has its own route, which every vendor prefers to one of BGP
        hops = tuple(sorted(learned, key=int))
        if hops == self._fib.get(prefix, ()):
            return
        if hops:
            self._fib[prefix] = hops
            effects.append(InstallRoute(prefix=prefix, next_hops=hops))
        else:
            del self._fib[prefix]
            effects.append(RemoveRoute(prefix=prefix))

    # export: Loc-RIB to Adj-RIB-Out

    def _advertise(
        self, sessions: Iterable[_Session], decisions: dict[Prefix, Decision], effects: list[Effect]
    ) -> None:
        for session in sessions:
            announced: list[Route] = []
            withdrawn: list[Prefix] = []
            for prefix, decision in decisions.items():
                if family_of(prefix) is not session.plan.family:
                    continue
                route, _, _ = self._export(session, decision, prefix)
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

    def _export(
        self, session: _Session, decision: Decision | None, prefix: Prefix
    ) -> tuple[Route | None, Outcome | None, str]:
        plan = session.plan
        if decision is None or decision.best is None:
            return None, None, f"{prefix} has no best path here"
        best = decision.best
        withheld = _withheld(best, plan)
        if withheld:
            return None, None, withheld
        route = best.route
        if plan.ebgp and best.neighbor is not None:
            route = replace(route, multi_exit_disc=None)  # RFC 4271 §5.1.4: a MED stays in the AS that received it
        outcome = None
        if plan.export_policy is not None:
            outcome = evaluate(plan.export_policy, route)
            if outcome.route is None:
                return None, outcome, f"export policy {outcome.policy}: {outcome.because}"
            route = outcome.route
        elif plan.ebgp:
            return None, None, "no export policy on an eBGP session (RFC 8212)"
        if plan.ebgp:
            as_path = route.as_path.without_leading_private() if plan.remove_private_asns else route.as_path
            route = replace(
                route,
                as_path=as_path.prepend(plan.local_asn),
                next_hop=plan.local_address,
                local_pref=None,
                weight=0,
            )
        else:
            own = best.neighbor is None or plan.next_hop_self
            route = replace(
                route,
                next_hop=plan.local_address if own else route.next_hop,
                local_pref=DEFAULT_LOCAL_PREF if route.local_pref is None else route.local_pref,
                weight=0,
            )
        return route, outcome, ""


def _withheld(best: Path, plan: SessionPlan) -> str:
    """Why a session never sees this path, whatever its policy; empty where the policy has the say."""
    if best.neighbor == plan.neighbor:
        return "learned from this neighbour"
    if best.neighbor is not None and not best.ebgp and not plan.ebgp:
        return "learned by iBGP, and not passed on by iBGP (RFC 4271 §9.2)"
    if NO_ADVERTISE in best.route.communities:
        return "it carries NO_ADVERTISE (RFC 1997)"
    if plan.ebgp and NO_EXPORT in best.route.communities:
        return "it carries NO_EXPORT (RFC 1997)"
    if plan.ebgp and NO_EXPORT_SUBCONFED in best.route.communities:
        return "it carries NO_EXPORT_SUBCONFED (RFC 1997)"
    return ""


def prefix_order(prefix: Prefix) -> tuple[int, int, int]:
    """The order in which tables list prefixes: IPv4 first, then by address and length."""
    return prefix.version, int(prefix.network_address), prefix.prefixlen


def _in_prefix_order(routes: Iterable[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: prefix_order(route.prefix)))


def _fingerprint(routes: Iterable[Route]) -> int:
    folded = 0
    for route in routes:
        folded ^= fingerprint(route)
    return folded
