"""What a fault acts on in a plan: wires, interfaces, sessions, processes, or the routers' own rules.

The same answer serves the live lab, which is acted on, and the model, which is asked where traffic goes afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from lab.expressroute.facts import CIRCUIT_PEERINGS, MAINTENANCE
from lab.faults import Fault, FaultKind
from lab.plan import Endpoint, NodePlan, Plan, Role, SessionPlan
from lab.plan.microsoft_edge.availability import PREPENDED
from lab.policy import Policy, SessionRules

LINKS = {"primary": "1", "secondary": "2"}
PEERINGS = {"private": "", "microsoft": "-ms"}
_EDGE = re.compile(r"(?:(?P<circuit>.+)-)?msee(?P<link>[12])(?P<peering>-ms)?")
"""The name of a VRF of a Microsoft edge (`lab.plan.naming`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """One end of a session."""

    router: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """What is done to a running lab, in this order, for one fault or one step of it.

    `down` are interfaces that are switched off, so that the other end of their wire has no carrier; to `deaf` ones
    nothing comes any more, and their carrier stays. `resets` are sessions that this end closes. `killed` are routers
    whose processes end. `plan` gives the routers other rules. `crossed` are the interfaces by which packets enter over
    what fails, of silent loss in one direction in that one alone, and `ends` those of the sessions that may be down
    because of it.
    """

    fault: str
    down: tuple[Endpoint, ...] = ()
    deaf: tuple[Endpoint, ...] = ()
    resets: tuple[SessionEnd, ...] = ()
    killed: tuple[str, ...] = ()
    plan: Plan | None = None
    crossed: tuple[Endpoint, ...] = ()
    ends: tuple[SessionEnd, ...] = ()


def injections(plan: Plan, fault: Fault) -> tuple[Injection, ...]:
    """The steps of a fault; each later one waits until the lab has settled. Raises ValueError where it fits no plan."""
    match fault.kind:
        case FaultKind.LINK_DOWN:
            return (_link_down(plan, fault),)
        case FaultKind.SILENT_LOSS:
            return (_silent_loss(plan, fault),)
        case FaultKind.SESSION_RESET:
            resets = tuple(_customer_sessions_of(plan, fault))
            return (replace(_with_ends(plan, fault, resets), resets=resets),)
        case FaultKind.MAINTENANCE:
            return _maintenance(plan, fault)
        case FaultKind.PEERING_DISABLED:
            return (_peering_disabled(plan, fault),)
        case FaultKind.ROUTER_KILLED:
            return (_router_killed(plan, fault),)


def in_the_model(plan: Plan, fault: Fault) -> Plan:
    """The plan with all sessions closed that a fault ends for as long as it lasts. Raises ValueError."""
    last = injections(plan, fault)[-1]
    if last.plan is not None:
        return last.plan
    closed = set(last.ends) if fault.kind is not FaultKind.SESSION_RESET else set[SessionEnd]()
    return _shut(plan, closed, str(fault))


def dead_in(plan: Plan, fault: Fault) -> frozenset[str]:
    """The nodes that forward nothing while a fault lasts. Raises ValueError."""
    return frozenset(name for one in injections(plan, fault) for name in one.killed)


# links


def _link_down(plan: Plan, fault: Fault) -> Injection:
    pairs = _links_of(plan, fault)
    far = {wire.ends[i]: wire.ends[1 - i] for wire in plan.wires for i in (0, 1)}
    down = []
    for near, _ in pairs:
        port = _port(plan, near)
        if port not in far:
            raise ValueError(f"{near} is no end of a wire")
        down.append(far[port])
    return replace(_of_links(plan, fault, pairs), down=tuple(dict.fromkeys(down)))


def _silent_loss(plan: Plan, fault: Fault) -> Injection:
    pairs = _links_of(plan, fault)
    ends = [end for pair in pairs for end in pair]
    if fault.towards:
        ends = [end for end in ends if end.node in _devices(plan, fault.towards)]
        if not ends:
            known = ", ".join(dict.fromkeys(end.node for pair in pairs for end in pair))
            raise ValueError(f"{fault.towards} is at no end of {fault.target}: its ends are {known}")
    deaf = tuple(dict.fromkeys(ends))
    return replace(_of_links(plan, fault, pairs), deaf=deaf, crossed=deaf)


def _of_links(plan: Plan, fault: Fault, pairs: list[tuple[Endpoint, Endpoint]]) -> Injection:
    """What links have in common: the sessions over them, and where packets enter."""
    ends = [end for pair in pairs for end in pair]
    sessions = [
        SessionEnd(router=end.node, session=session.name) for end in ends for session in _sessions_at(plan, end)
    ]
    return replace(_with_ends(plan, fault, sessions), crossed=tuple(dict.fromkeys(ends)))


def _links_of(plan: Plan, fault: Fault) -> list[tuple[Endpoint, Endpoint]]:
    """The two ends of each link that a fault names, as interfaces with addresses: the customer's, or the first, first.

    A link of a circuit has one for each peering.
    """
    pair = fault.routers
    if pair is None:
        far_ends = plan.far_ends()
        found = []
        for end in _customer_sessions_of(plan, fault):
            router, session = far_ends[end.router, end.session]
            near = Endpoint(node=router, interface=session.interface)
            found.append((near, Endpoint(node=end.router, interface=_session(plan, end).interface)))
        return list(dict.fromkeys(found))
    one, other = (_devices(plan, name) for name in pair)
    found = []
    for ends in plan.links:
        here, there = ([end for end in ends if end.node in nodes] for nodes in (one, other))
        if here and there:
            if len(ends) > 2:
                others = ", ".join(sorted({end.node for end in ends} - one - other))
                raise ValueError(f"{pair[0]} and {pair[1]} share their network with {others}: it is no link of two")
            found.append((here[0], there[0]))
    if not found:
        raise ValueError(f"{pair[0]} and {pair[1]} have no link in common")
    return found


def _port(plan: Plan, end: Endpoint) -> Endpoint:
    """Where the frames of an interface leave the router."""
    place = plan.node(end.node).interface(end.interface).vlan
    return end if place is None else place.port


# sessions


def _customer_sessions_of(plan: Plan, fault: Fault) -> Iterator[SessionEnd]:
    """Of a link: what its Microsoft edge has with the customer or the provider; of a pair: what the first has."""
    pair = fault.routers
    if pair is None:
        for node in _edges(plan, fault, link=fault.target):
            yield from _towards_customer(plan, node)
        return
    one, other = (_devices(plan, name) for name in pair)
    found = [
        SessionEnd(router=node.name, session=session.name)
        for node in plan.routers
        if node.name in one
        for session in _sessions(node)
        if session.neighbor in other
    ]
    if not found:
        raise ValueError(f"{pair[0]} and {pair[1]} have no BGP session")
    yield from found


def _towards_customer(plan: Plan, edge: NodePlan) -> Iterator[SessionEnd]:
    customers = (Role.CUSTOMER_EDGE, Role.PROVIDER_EDGE)
    for session in _sessions(edge):
        if (edge.name, session.name) in plan.far_ends() and plan.node(session.neighbor).role in customers:
            yield SessionEnd(router=edge.name, session=session.name)


def _edges(plan: Plan, fault: Fault, *, link: str = "", peering: str | None = None) -> list[NodePlan]:
    """The VRFs of the Microsoft edges of a circuit; of one link, or of one peering. Raises ValueError."""
    if link and link not in LINKS:
        raise ValueError(f"{link!r} is no link: primary, secondary, or two routers as in `ce1 - msee1`")
    matches = [
        (node, found)
        for node in plan.nodes
        if node.role is Role.MICROSOFT_EDGE and (found := _EDGE.fullmatch(node.name))
    ]
    circuits = dict.fromkeys(found["circuit"] or "" for _, found in matches)
    if fault.circuit not in circuits and (fault.circuit or len(circuits) > 1):
        named = ", ".join(filter(None, circuits)) or "one without a name, so leave `circuit` out"
        said = f"no circuit is named {fault.circuit}" if fault.circuit else "which circuit's?"
        raise ValueError(f"{said}: there are {named}" if len(circuits) > 1 else f"{said}: there is {named}")
    circuit = fault.circuit or next(iter(circuits), "")
    return [
        node
        for node, found in matches
        if (found["circuit"] or "") == circuit
        and (not link or found["link"] == LINKS[link])
        and (peering is None or (found["peering"] or "") == PEERINGS[peering])
    ]


def _sessions(node: NodePlan) -> tuple[SessionPlan, ...]:
    return node.bgp.sessions if node.bgp else ()


def _sessions_at(plan: Plan, end: Endpoint) -> list[SessionPlan]:
    return [session for session in _sessions(plan.node(end.node)) if session.interface == end.interface]


def _session(plan: Plan, end: SessionEnd) -> SessionPlan:
    return next(one for one in _sessions(plan.node(end.router)) if one.name == end.session)


def _with_ends(plan: Plan, fault: Fault, sessions: Iterable[SessionEnd]) -> Injection:
    """An injection that has both ends of these sessions, and the interfaces of both."""
    far_ends = plan.far_ends()
    both: dict[SessionEnd, None] = {}
    for end in sessions:
        both[end] = None
        if (end.router, end.session) in far_ends:
            router, session = far_ends[end.router, end.session]
            both[SessionEnd(router=router, session=session.name)] = None
    crossed = dict.fromkeys(Endpoint(node=end.router, interface=_session(plan, end).interface) for end in both)
    return Injection(fault=str(fault), ends=tuple(both), crossed=tuple(crossed))


# rules


def _maintenance(plan: Plan, fault: Fault) -> tuple[Injection, ...]:
    """Prepending, then the end of the sessions, as `maintenance` of a circuit has them (lab.plan.microsoft_edge)."""
    edges = {node.name for node in _edges(plan, fault, link=fault.target)}
    if not edges:
        raise ValueError(f"there is no Microsoft edge of the {fault.target} link")
    ends = [
        SessionEnd(router=node.name, session=session.name)
        for node in plan.routers
        if node.name in edges
        for session in _sessions(node)
    ]
    found = _with_ends(plan, fault, ends)
    customers = [end for node in plan.routers if node.name in edges for end in _towards_customer(plan, node)]
    found = replace(found, crossed=_with_ends(plan, fault, customers).crossed)
    prepended = _with_rules(plan, set(ends), _prepending)
    why = f"planned maintenance of the {fault.target} link's edge (inferred: {MAINTENANCE})"
    return (replace(found, plan=prepended, ends=()), replace(found, plan=_shut(prepended, set(ends), why)))


def _prepending(rules: SessionRules) -> SessionRules:
    policies = rules.export_policies
    return replace(rules, export_policies=(*policies[:-1], _prepending_last(policies[-1]))) if policies else rules


def _prepending_last(policy: Policy) -> Policy:
    if PREPENDED in policy.terms:
        return policy
    return replace(
        policy, name=f"{policy.name}-in-maintenance", terms=(*policy.terms[:-1], PREPENDED, *policy.terms[-1:])
    )


def _peering_disabled(plan: Plan, fault: Fault) -> Injection:
    if fault.target not in PEERINGS:
        raise ValueError(f"{fault.target!r} is no peering: private or microsoft")
    ends = [end for node in _edges(plan, fault, peering=fault.target) for end in _towards_customer(plan, node)]
    if not ends:
        raise ValueError(f"there is no {fault.target} peering")
    found = _with_ends(plan, fault, ends)
    return replace(found, plan=_shut(plan, set(ends), f"the peering is disabled (documented: {CIRCUIT_PEERINGS})"))


def _shut(plan: Plan, ends: set[SessionEnd], why: str) -> Plan:
    return _with_rules(plan, ends, lambda rules: replace(rules, shutdown=rules.shutdown or why))


def _with_rules(plan: Plan, ends: set[SessionEnd], change: Callable[[SessionRules], SessionRules]) -> Plan:
    """The plan with the rules of some ends of sessions changed."""
    nodes = []
    for node in plan.nodes:
        if node.bgp is None:
            nodes.append(node)
            continue
        sessions = tuple(
            replace(session, rules=change(session.rules))
            if SessionEnd(router=node.name, session=session.name) in ends
            else session
            for session in node.bgp.sessions
        )
        nodes.append(replace(node, bgp=replace(node.bgp, sessions=sessions)))
    return replace(plan, nodes=tuple(nodes))


# routers


def _router_killed(plan: Plan, fault: Fault) -> Injection:
    killed = _devices(plan, fault.target)
    routers = [node for node in plan.routers if node.name in killed]
    if not routers:
        raise ValueError(f"{fault.target} is no router")
    wired = {end for wire in plan.wires for end in wire.ends}
    down = tuple(
        end
        for node in plan.nodes
        if node.name in killed
        for interface in node.interfaces
        if (end := Endpoint(node=node.name, interface=interface.name)) in wired
    )
    ends = [SessionEnd(router=node.name, session=session.name) for node in routers for session in _sessions(node)]
    found = _with_ends(plan, fault, ends)
    entered = tuple(
        Endpoint(node=node.name, interface=interface.name)
        for node in routers
        for interface in node.interfaces
        if interface.addresses
    )
    return replace(found, killed=tuple(node.name for node in routers), down=down, crossed=entered)


def _devices(plan: Plan, name: str) -> set[str]:
    """The nodes of the router that a name stands for: all VRFs of it. Raises ValueError where there is no such node."""
    names = {node.name for node in plan.nodes}
    if name not in names:
        known = ", ".join(node.name for node in plan.routers)
        raise ValueError(f"there is no router {name}; there are {known}")
    found, waiting = {name}, [name]
    while waiting:
        here = waiting.pop()
        beside = {one.neighbor for one in _sessions(plan.node(here)) if one.within_router}
        beside |= {i.vlan.port.node for i in plan.node(here).interfaces if i.vlan is not None}
        beside |= {
            node.name for node in plan.nodes for i in node.interfaces if i.vlan is not None and i.vlan.port.node == here
        }
        for one in (beside & names) - found:
            found.add(one)
            waiting.append(one)
    return found
