"""Whether a table of a router holds a route, or holds none."""

from __future__ import annotations

from ipaddress import ip_address

from lab.bgp import ATTRIBUTES, Route, family_of, text_of, title_of
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.checks.sessions import sessions_of
from lab.expectations import RouteExpectation, Table
from lab.plan import Plan
from lab.tables import RouterTables, SessionTables


def _find(expectation: RouteExpectation, evidence: Evidence) -> Finding:
    routes = routes_in(expectation, evidence.plan, evidence.tables.of(expectation.at))
    matching = [r for r in routes if not mismatches(r, expectation, evidence.plan)]
    if expectation.present:
        if matching:
            return Finding(holds=True, text=_route_text(matching[0], expectation, evidence.plan))
        if routes:
            return Finding(holds=False, text="; ".join(_route_text(r, expectation, evidence.plan) for r in routes))
        return Finding(holds=False, text="no such route")
    if matching:
        return Finding(holds=False, text=f"present: {_route_text(matching[0], expectation, evidence.plan)}")
    asked = sessions_asked(expectation, evidence)
    down = [s for s in asked if not s.established]
    if down or not asked:
        says = "; ".join(f"session {s.session} is down: {s.why_down}" for s in down) or "no session to prove it by"
        return Finding(holds=None, text=f"cannot tell: {says}")
    return Finding(holds=True, text="no such route")


def sessions_asked(expectation: RouteExpectation, evidence: Evidence) -> tuple[SessionTables, ...]:
    """The sessions that could carry the expectation's prefix: of its family, and with its neighbour if it names one."""
    return sessions_of(evidence, expectation.at, expectation.neighbor, family_of(expectation.prefix))


def routes_in(expectation: RouteExpectation, plan: Plan, tables: RouterTables) -> list[dict[str, str]]:
    """The routes to the expectation's prefix in the table that it asks about, as attribute names and texts.

    A VRF receives the routes of other VPNs too, and does not import them: those are not to its prefixes.
    """
    prefix = expectation.prefix
    if expectation.table is Table.FIB:
        return [{"next_hop": " ".join(map(str, e.next_hops))} for e in tables.fib if e.prefix == prefix]
    if expectation.table is Table.LOC_RIB:
        return [_texts(route) for route in tables.loc_rib if route.prefix == prefix]
    sessions = [s for s in tables.sessions if expectation.neighbor in (None, s.neighbor)]
    if expectation.table is Table.ADJ_RIB_OUT:
        return [_texts(route) for s in sessions for route in s.adj_rib_out if route.prefix == prefix]
    node = plan.node(expectation.at)
    return [_texts(route) for s in sessions for route in s.adj_rib_in if node.destination(route) == prefix]


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


def _describe(expectation: RouteExpectation) -> str:
    wants = "".join(f", {title_of(name)} {value or 'empty'}" for name, value in expectation.attributes)
    where = f" {'to' if expectation.table is Table.ADJ_RIB_OUT else 'from'} {expectation.neighbor}"
    where = f"{expectation.table.value}{where if expectation.neighbor else ''}"
    no = "" if expectation.present else "no "
    return f"{no}route {expectation.prefix} at {expectation.at} ({where}){wants}"


KIND = Kind(
    key=lambda expectation: "route" if expectation.present else "no_route",
    describe=_describe,
    find=_find,
    by_absence=lambda expectation: not expectation.present,
)
