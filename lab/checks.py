"""Expectations become verdicts: the same check reads the predicted and the observed evidence, side by side.

A check answers three ways: it holds, it does not, or the evidence cannot tell. What cannot tell never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from lab.bgp import ATTRIBUTES, Family, Route, family_name, family_of, text_of, title_of, within
from lab.expectations import (
    Expectation,
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    SessionState,
    Table,
)
from lab.forwarding import Flow, FlowResult, Source, Walk, walks
from lab.plan import NodePlan, Plan, Role
from lab.tables import Difference, LabTables, RouterTables, SessionTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a lab, by prediction or by observation."""

    plan: Plan
    tables: LabTables
    flows: Mapping[Flow, FlowResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one body of evidence says of one expectation. `holds` None means that it cannot tell."""

    holds: bool | None
    text: str


class Outcome(Enum):
    """The answer to one expectation."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One expectation, answered. `cause` names the first thing that went wrong, and is empty where it passed.

    `disturbed` says that the machine itself lost packets meanwhile, so that what is missing proves nothing.
    """

    expectation: Expectation
    expected: str
    predicted: Finding
    observed: Finding
    cause: str = ""
    disturbed: bool = False

    @property
    def outcome(self) -> Outcome:
        """The lab decides, never the prediction."""
        if self.observed.holds is None or (self.disturbed and not self._was_shown):
            return Outcome.INCONCLUSIVE
        return Outcome.PASSED if self.observed.holds else Outcome.FAILED

    @property
    def _was_shown(self) -> bool:
        """Whether it holds by what was there, and not by what did not come."""
        match self.expectation:
            case SessionExpectation(state=SessionState.DOWN) | ReachabilityExpectation(reachable=False):
                return False
            case RouteExpectation(present=False):
                return False
        return self.observed.holds is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one run of a topology showed.

    `differences` are the places where the lab is not what the model predicted; `notes` are for the reader; `timings_s`
    count from the start of the command, which was at `started_s` of the system's monotonic clock.
    """

    topology: str
    verdicts: tuple[Verdict, ...]
    differences: tuple[Difference, ...]
    routes_compared: int
    fidelity: tuple[str, ...]
    notes: tuple[str, ...] = ()
    timings_s: tuple[tuple[str, float], ...] = ()
    started_s: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 where an expectation failed; 3 where nothing failed but something was not shown; else 0.

        A lab that is not what the model predicted has not been understood, so it has not passed either. Nor has one of
        which nothing was asked.
        """
        outcomes = {verdict.outcome for verdict in self.verdicts}
        if Outcome.FAILED in outcomes:
            return 1
        if Outcome.INCONCLUSIVE in outcomes or self.differences or not self.verdicts:
            return 3
        return 0


def find(expectation: Expectation, evidence: Evidence) -> Finding:
    """What `evidence` says of an expectation."""
    match expectation:
        case SessionExpectation():
            return _session(expectation, evidence)
        case RouteExpectation():
            return _route(expectation, evidence)
        case ReachabilityExpectation():
            return _reachability(expectation, evidence)


def flows_of(expectation: Expectation, plan: Plan) -> tuple[Flow, ...]:
    """The flows that an expectation asks about: one in each family that both ends have, or in the one it is about."""
    if not isinstance(expectation, ReachabilityExpectation):
        return ()
    ends = [plan.node(expectation.source), plan.node(expectation.destination)]
    about = family_of(expectation.source_in) if expectation.source_in is not None else None
    families = [f for f in Family if about in (None, f) and all(end.address(f) is not None for end in ends)]
    return tuple(
        Flow(
            source=expectation.source,
            destination=expectation.destination,
            family=family,
            dscp=expectation.dscp or 0,
        )
        for family in ([expectation.family] if expectation.family else families)
    )


def describe(expectation: Expectation) -> str:
    """What must hold, in a few words."""
    match expectation:
        case SessionExpectation(routers=(one, other), family=family, state=state):
            return f"session {one} - {other}{f' {family.value}' if family else ''} {state.value}"
        case RouteExpectation():
            wants = "".join(f", {title_of(name)} {value or 'empty'}" for name, value in expectation.attributes)
            where = f" {'to' if expectation.table is Table.ADJ_RIB_OUT else 'from'} {expectation.neighbor}"
            where = f"{expectation.table.value}{where if expectation.neighbor else ''}"
            no = "" if expectation.present else "no "
            return f"{no}route {expectation.prefix} at {expectation.at} ({where}){wants}"
        case ReachabilityExpectation():
            verb = "reaches" if expectation.reachable else "does not reach"
            within = f" {expectation.family.value}" if expectation.family else ""
            dscp = f" with DSCP {expectation.dscp}" if expectation.dscp is not None else ""
            via = f" via {' '.join(expectation.via)}" if expectation.via is not None else ""
            source = f" with a source in {expectation.source_in}" if expectation.source_in is not None else ""
            return f"{expectation.source} {verb} {expectation.destination}{within}{dscp}{via}{source}"


# sessions


def sessions_between(tables: RouterTables, neighbor: str, family: Family | None = None) -> tuple[SessionTables, ...]:
    """A router's sessions with a neighbour, of one family or of all."""
    return tuple(s for s in tables.sessions if s.neighbor == neighbor and (family is None or _carries(s, family)))


def _session(expectation: SessionExpectation, evidence: Evidence) -> Finding:
    one, other = expectation.routers
    ends = sessions_between(evidence.tables.of(one), other, expectation.family)
    ends += sessions_between(evidence.tables.of(other), one, expectation.family)
    if not ends:
        return Finding(holds=None, text="no such session")
    down = [end for end in ends if not end.established]
    if not down:
        return Finding(holds=expectation.state is SessionState.ESTABLISHED, text="established")
    text = _why_down(down)
    if expectation.state is SessionState.DOWN:
        return Finding(holds=len(down) == len(ends), text=text)
    return Finding(holds=False, text=text)


def _why_down(ends: list[SessionTables]) -> str:
    """Each reason once, behind the families that it holds for."""
    families: dict[str, dict[str, None]] = {}
    for end in ends:
        families.setdefault(end.why_down, {})[end.session.rpartition("/")[2]] = None
    return "; ".join(f"down ({' and '.join(names)}): {why or 'no reason was given'}" for why, names in families.items())


# routes


def _route(expectation: RouteExpectation, evidence: Evidence) -> Finding:
    tables = evidence.tables.of(expectation.at)
    routes = routes_in(expectation, tables)
    matching = [r for r in routes if not mismatches(r, expectation, evidence.plan)]
    if expectation.present:
        if matching:
            return Finding(holds=True, text=_route_text(matching[0], expectation, evidence.plan))
        if routes:
            return Finding(holds=False, text="; ".join(_route_text(r, expectation, evidence.plan) for r in routes))
        return Finding(holds=False, text="no such route")
    if matching:
        return Finding(holds=False, text=f"present: {_route_text(matching[0], expectation, evidence.plan)}")
    asked = sessions_asked(expectation, tables)
    down = [s for s in asked if not s.established]
    if down or not asked:
        says = "; ".join(f"session {s.session} is down: {s.why_down}" for s in down) or "no session to prove it by"
        return Finding(holds=None, text=f"cannot tell: {says}")
    return Finding(holds=True, text="no such route")


def sessions_asked(expectation: RouteExpectation, tables: RouterTables) -> tuple[SessionTables, ...]:
    """The sessions that could carry the expectation's prefix: of its family, and with its neighbour if it names one."""
    family = family_of(expectation.prefix)
    return tuple(s for s in tables.sessions if expectation.neighbor in (None, s.neighbor) and _carries(s, family))


def _carries(session: SessionTables, family: Family) -> bool:
    """Whether a session carries routes of a family, those of VPNs or others."""
    return session.session.rpartition("/")[2] in {family_name(family, vpn=vpn) for vpn in (False, True)}


def routes_in(expectation: RouteExpectation, tables: RouterTables) -> list[dict[str, str]]:
    """The routes to the expectation's prefix in the table that it asks about, as attribute names and texts."""
    prefix = expectation.prefix
    if expectation.table is Table.FIB:
        return [{"next_hop": " ".join(map(str, e.next_hops))} for e in tables.fib if e.prefix == prefix]
    if expectation.table is Table.LOC_RIB:
        return [_texts(route) for route in tables.loc_rib if route.prefix == prefix]
    sessions = [s for s in tables.sessions if expectation.neighbor in (None, s.neighbor)]
    incoming = expectation.table is Table.ADJ_RIB_IN
    ribs = [s.adj_rib_in if incoming else s.adj_rib_out for s in sessions]
    return [_texts(route) for rib in ribs for route in rib if route.prefix == prefix]


def _texts(route: Route) -> dict[str, str]:
    return {name: text_of(route, name) for name in ATTRIBUTES}


def mismatches(route: dict[str, str], expectation: RouteExpectation, plan: Plan) -> list[str]:
    """The attributes of a route that are not as the expectation wants them, in its order."""
    return [
        name
        for name, wanted in expectation.attributes
        if not _is(name, wanted, route.get(name, ""), plan, expectation.at)
    ]


def _is(name: str, wanted: str, value: str, plan: Plan, at: str) -> bool:
    """Whether a value is the wanted one; next hops may be written as names, and in any order."""
    if name != "next_hop":
        return wanted == value
    return sorted(wanted.split()) in (sorted(value.split()), sorted(named(value, plan, at).split()))


def named(addresses: str, plan: Plan, at: str) -> str:
    """Next hops of a router by the names of the nodes that own them."""
    return " ".join(plan.owner(ip_address(text), at) or text for text in addresses.split())


def _route_text(route: dict[str, str], expectation: RouteExpectation, plan: Plan) -> str:
    """The attributes that were asked for, and beyond them the next hop that every route has."""
    wanted = [name for name, _ in expectation.attributes]
    shown = {name: route.get(name, "") for name in wanted} or {"next_hop": route["next_hop"]}
    if "next_hop" in shown:
        shown["next_hop"] = named(shown["next_hop"], plan, expectation.at)
    nothing = "none, packets are discarded" if expectation.table is Table.FIB else "none"
    return ", ".join(f"{title_of(name)} {value or nothing}" for name, value in shown.items())


# reachability


def _reachability(expectation: ReachabilityExpectation, evidence: Evidence) -> Finding:
    findings = [_flow(expectation, flow, evidence) for flow in flows_of(expectation, evidence.plan)]
    if not findings:
        return Finding(holds=None, text="no address family in common")
    for wanted in (False, None):
        for finding in findings:
            if finding.holds is wanted:
                return finding
    return Finding(holds=True, text="; ".join(dict.fromkeys(finding.text for finding in findings)))


def _flow(expectation: ReachabilityExpectation, flow: Flow, evidence: Evidence) -> Finding:
    family, result = flow.family.value, evidence.flows.get(flow)
    if result is None:
        return Finding(holds=None, text=f"{family} was not asked")
    if not result.sent:
        return Finding(holds=None, text=f"{family}: no packet left {flow.source}: {result.stopped}")
    if not expectation.reachable:
        says = f"arrived by {' '.join(result.forward)}" if result.arrived else result.stopped
        return Finding(holds=not (result.arrived or result.answered), text=f"{family}: {says}")
    wrong = _wrong_with(expectation, flow, result, evidence)
    if wrong:
        return Finding(holds=False, text=f"{family}: {wrong}")
    seen = f" with DSCP {result.dscp}" if expectation.dscp is not None else ""
    seen += f" from {result.source_seen}" if expectation.source_in is not None else ""
    return Finding(holds=True, text=f"arrived{seen} via {_edges(result.forward, evidence.plan)}")


def _wrong_with(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    """What is not as expected of a flow that must arrive and be answered; empty where all is."""
    if not result.arrived:
        return f"not arrived: {result.stopped}"
    wrong = _wrong_source(expectation, flow, result, evidence)
    if wrong:
        return wrong
    if not result.answered:
        return f"arrived, not answered: {result.stopped}"
    wrong = _wrong_way(expectation, flow, result, evidence)
    if wrong:
        return wrong
    if expectation.dscp is not None and result.dscp != expectation.dscp:
        return f"arrived with DSCP {result.dscp}"
    return ""


def _wrong_way(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    plan = evidence.plan
    if expectation.via is None:
        return ""
    if edges_of(result.forward, plan) != expectation.via:
        return f"via {_edges(result.forward, plan)}"
    others = [way.nodes for way in _ways(flow, evidence) if edges_of(way.nodes, plan) != expectation.via]
    return f"load is shared: via {_edges(others[0], plan)} too" if others else ""


def _wrong_source(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    if expectation.source_in is None:
        return ""
    if not source_fits(expectation, result.source_seen):
        return f"arrived from {result.source_seen}"
    sent = result.sources[0][1]
    others = [seen for way in _ways(flow, evidence) if not source_fits(expectation, seen := way.source_seen(sent))]
    return f"load is shared: from {others[0]} too" if others else ""


def source_fits(expectation: ReachabilityExpectation, source: Source | None) -> bool:
    """Whether packets that arrived with a source came from where the expectation wants them from."""
    wanted = expectation.source_in
    return wanted is None or (source is not None and within(source, wanted))


def _ways(flow: Flow, evidence: Evidence) -> tuple[Walk, ...]:
    """Every way of a flow where its load is shared, so that an arrival by one of them proves nothing; else none."""
    target = evidence.plan.node(flow.destination).address(flow.family)
    if target is None:
        return ()
    found = walks(evidence.plan, evidence.tables, flow.source, target)
    return found if len(found) > 1 else ()


def _edges(path: tuple[str, ...], plan: Plan) -> str:
    return " ".join(edges_of(path, plan)) or "no edge"


def edges_of(path: tuple[str, ...], plan: Plan) -> tuple[str, ...]:
    """The customer, provider and Microsoft edges of a path, in order."""
    edges = (Role.CUSTOMER_EDGE, Role.PROVIDER_EDGE, Role.MICROSOFT_EDGE)
    roles: dict[str, NodePlan] = {node.name: node for node in plan.nodes}
    return tuple(name for name in path if roles[name].role in edges)
