"""Small, valid values that tests start from and change with `dataclasses.replace`.

The router under test is `r` in AS 65010. It has four neighbours: `a` (AS 65001) and `b` (AS 65002) outside, each on its
own link, and `i` and `j` inside, both on the LAN. Sessions accept everything both ways unless a test says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface

from lab.bgp import Asn, AsPath, BestPathRules, Family, Prefix, Route, family_of, parse_prefix, prefix_of
from lab.events import Announce, Effect, Reconfigured, SessionDown, SessionUp, UpdateReceived, Withdraw
from lab.explanation import Candidate, Export
from lab.plan import BgpPlan, InterfacePlan, NodePlan, Role, SessionPlan
from lab.policy import (
    Asked,
    Change,
    CommunityPattern,
    CommunitySet,
    Fate,
    Match,
    NumberChange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    SessionRules,
    Term,
)
from lab.rib import Decision, Path
from lab.router import Router

OWN_ASN = Asn(65010)
ACCEPT_ALL = Policy(name="accept-all", terms=(Term(fate=Fate.ACCEPT),))
REJECT_ALL = Policy(name="reject-all", terms=(Term(fate=Fate.REJECT),))
P1, P2, P3 = (parse_prefix(text) for text in ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"))
P6 = parse_prefix("2001:db8:a::/48")

LAN = InterfacePlan(name="lan", addresses=(ip_interface("192.0.2.1/24"), ip_interface("2001:db8:1::1/64")))
TO_A = InterfacePlan(name="to-a", addresses=(ip_interface("198.51.100.1/30"), ip_interface("2001:db8:2::1/126")))
TO_B = InterfacePlan(name="to-b", addresses=(ip_interface("198.51.100.5/30"),))


def session(neighbor: str, interface: str, peer: str, asn: int) -> SessionPlan:
    """A session of `r` that accepts everything both ways."""
    peer_address = ip_address(peer)
    family = family_of(peer_address)
    at = {one.name: one for one in (LAN, TO_A, TO_B)}[interface]
    return SessionPlan(
        neighbor=neighbor,
        family=family,
        interface=interface,
        local_address=next(a.ip for a in at.addresses if family_of(a.ip) is family),
        peer_address=peer_address,
        local_asn=OWN_ASN,
        peer_asn=Asn(asn),
        passive=False,
        hold_time_s=180,
        rules=SessionRules(import_policies=(ACCEPT_ALL,), export_policies=(ACCEPT_ALL,)),
    )


A = session("a", "to-a", "198.51.100.2", 65001)
B = session("b", "to-b", "198.51.100.6", 65002)
I = session("i", "lan", "192.0.2.2", OWN_ASN)  # noqa: E741  # beside A, B and J it is not mistaken for a number
J = session("j", "lan", "192.0.2.3", OWN_ASN)
A6 = session("a", "to-a", "2001:db8:2::2", 65001)
ROUTER_IDS = {"a": 1, "b": 2, "i": 3, "j": 4}


def with_rules(plan: SessionPlan, **rules: object) -> SessionPlan:
    """A session with some of its policies and rules exchanged."""
    return replace(plan, rules=replace(plan.rules, **rules))  # type: ignore[arg-type]  # names of SessionRules


def set_to(value: int) -> NumberChange:
    """A change of a number to a value."""
    return NumberChange(operation=Operation.SET, value=value)


def exactly(*communities: str, name: str = "exactly") -> CommunitySet:
    """The set of these communities, of any one kind."""
    patterns = tuple(CommunityPattern(kind=PatternKind.EXACT, text=one) for one in communities)
    return CommunitySet(name=name, patterns=patterns)


def any_of(*communities: str) -> Asked[CommunitySet]:
    """A condition that one of these communities is there."""
    return Asked(sets=(exactly(*communities),))


def node(*sessions: SessionPlan, networks: tuple[Prefix, ...] = (), maximum_paths: int = 1, **bgp: object) -> NodePlan:
    """The plan of `r`; `bgp` are other fields of its `BgpPlan`."""
    plan = BgpPlan(
        asn=OWN_ASN,
        router_id=IPv4Address("10.255.0.1"),
        networks=networks,
        sessions=sessions,
        best_path=BestPathRules(maximum_paths=maximum_paths),
    )
    return NodePlan(
        name="r",
        role=Role.CUSTOMER_EDGE,
        interfaces=(LAN, TO_A, TO_B),
        bgp=replace(plan, **bgp),  # type: ignore[arg-type]  # names of BgpPlan
    )


def started(plan: NodePlan) -> Router:
    """A router with all sessions of its plan up."""
    made = Router(plan)
    for one in plan.bgp.sessions if plan.bgp else ():
        bring_up(made, one)
    return made


def router(*sessions: SessionPlan, networks: tuple[Prefix, ...] = (), maximum_paths: int = 1, **bgp: object) -> Router:
    """The router `r` with all its sessions up."""
    return started(node(*sessions, networks=networks, maximum_paths=maximum_paths, **bgp))


def bring_up(which: Router, plan: SessionPlan) -> list[Effect]:
    """Tell a router that a session is Established."""
    return which.handle(SessionUp(session=plan.name, peer_router_id=ROUTER_IDS[plan.neighbor]))


def tear_down(which: Router, plan: SessionPlan) -> list[Effect]:
    """Tell a router that a session ended."""
    return which.handle(SessionDown(session=plan.name, reason="hold time expired"))


def learn(which: Router, plan: SessionPlan, *routes: Route) -> list[Effect]:
    """Let a router receive routes."""
    return which.handle(UpdateReceived(session=plan.name, announced=routes))


def unlearn(which: Router, plan: SessionPlan, *prefixes: Prefix) -> list[Effect]:
    """Let a router receive withdrawals."""
    return which.handle(UpdateReceived(session=plan.name, withdrawn=prefixes))


def configure(
    which: Router, *sessions: SessionPlan, networks: tuple[Prefix, ...] = (), maximum_paths: int = 1, **bgp: object
) -> list[Effect]:
    """Give a running router another plan."""
    plan = node(*sessions, networks=networks, maximum_paths=maximum_paths, **bgp).bgp
    return [] if plan is None else which.handle(Reconfigured(bgp=plan))


def route_from(plan: SessionPlan, prefix: Prefix = P1, *path: int) -> Route:
    """What the neighbour at the other end of a session would send: its AS in front of `path`, itself as next hop."""
    as_path = AsPath.of(plan.peer_asn, *path) if plan.ebgp else AsPath.of(*path)
    return Route(
        prefix=prefix,
        next_hop=plan.peer_address,
        as_path=as_path,
        local_pref=None if plan.ebgp else 100,
    )


def adj_rib_in(which: Router, plan: SessionPlan) -> tuple[Route, ...]:
    """What a session holds as received."""
    return next(s.adj_rib_in for s in which.tables().sessions if s.session == plan.name)


def adj_rib_out(which: Router, plan: SessionPlan) -> tuple[Route, ...]:
    """What a session has been sent."""
    return next(s.adj_rib_out for s in which.tables().sessions if s.session == plan.name)


def candidate(which: Router, plan: SessionPlan, prefix: Prefix = P1) -> Candidate:
    """What became of the route that a session offered for a prefix."""
    return next(one for one in which.explain(prefix).candidates if one.session == plan.name)


def export(which: Router, plan: SessionPlan, prefix: Prefix = P1) -> Export:
    """What a session is sent for a prefix, or why nothing."""
    return next(one for one in which.explain(prefix).exports if one.session == plan.name)


def decision(which: Router, prefix: Prefix = P1) -> Decision:
    """The choice among the paths to a prefix that has some."""
    found = which.explain(prefix).decision
    if found is None:
        raise ValueError(f"nobody offered {prefix}")
    return found


def best_neighbor(which: Router, prefix: Prefix = P1) -> str | None:
    """Who the best path to a prefix was learned from; None for the router itself."""
    best = decision(which, prefix).best
    if best is None:
        raise ValueError(f"{prefix} has no best path")
    return best.neighbor


def sole(routes: tuple[Route, ...]) -> Route:
    """The only route of a table."""
    (only,) = routes
    return only


def fib(which: Router) -> dict[Prefix, tuple[str, ...]]:
    """The FIB, next hops as text."""
    return {entry.prefix: tuple(map(str, entry.next_hops)) for entry in which.tables().fib}


def announced(effects: list[Effect], plan: SessionPlan) -> list[Route]:
    """The routes that effects announce on a session."""
    return [r for e in effects if isinstance(e, Announce) and e.session == plan.name for r in e.routes]


def withdrawn(effects: list[Effect], plan: SessionPlan) -> list[Prefix]:
    """The prefixes that effects withdraw on a session."""
    return [prefix_of(p) for e in effects if isinstance(e, Withdraw) and e.session == plan.name for p in e.prefixes]


def accept(change: Change, match: Match | None = None) -> Policy:
    """A policy of one term that accepts what matches, changed."""
    return Policy(name="one-term", terms=(Term(fate=Fate.ACCEPT, match=match or Match(), change=change),))


def only(*prefixes: Prefix) -> Match:
    """A match for exactly these prefixes."""
    ranges = tuple(PrefixRange(prefix=p, at_least=p.prefixlen, at_most=p.prefixlen) for p in prefixes)
    return Match(prefix_list=Asked(sets=(PrefixList(name="exactly", ranges=ranges),)))


def path(neighbor: str | None = "a") -> Path:
    """An eBGP path through AS 65001, or the router's own for None; every comparison of two of them is a draw."""
    if neighbor is None:
        own = Route(prefix=P1, next_hop=IPv4Address(0))
        return Path(route=own, neighbor=None, peer_address=None, peer_router_id=0, ebgp=False, interface=None)
    address = IPv4Address("198.51.100.2")
    return Path(
        route=Route(prefix=P1, next_hop=address, as_path=AsPath.of(65001, 64999)),
        neighbor=neighbor,
        peer_address=address,
        peer_router_id=1,
        ebgp=True,
        interface="to-a",
    )


def mirror(plan: SessionPlan) -> NodePlan:
    """The router at the other end of a session of `r`."""
    far = replace(
        plan,
        neighbor="r",
        interface="eth0",
        local_address=plan.peer_address,
        peer_address=plan.local_address,
        local_asn=plan.peer_asn,
        peer_asn=plan.local_asn,
    )
    length = 24 if plan.family is Family.IPV4 else 64
    return NodePlan(
        name=plan.neighbor,
        role=Role.CUSTOMER_EDGE,
        interfaces=(InterfacePlan(name="eth0", addresses=(ip_interface(f"{plan.peer_address}/{length}"),)),),
        bgp=BgpPlan(
            asn=plan.peer_asn,
            router_id=IPv4Address(ROUTER_IDS[plan.neighbor]),
            networks=(),
            sessions=(far,),
        ),
    )
