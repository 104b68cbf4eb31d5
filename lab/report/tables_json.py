"""Sessions, RIBs and FIBs as JSON."""

from __future__ import annotations

from collections.abc import Callable

from lab.bfd import BfdStatus
from lab.bgp import Address, Route
from lab.plan import Plan, SessionPlan
from lab.report.json_parts import Object, document, route_object
from lab.tables import RouterTables, SessionTables


def table(plan: Plan, tables: RouterTables, what: str) -> str:
    """One of a router's tables: `routes`, `sessions`, `rib-in`, `rib-out` or `fib`. Raises KeyError."""
    return document(what, router=tables.router, **{what.replace("-", "_"): TABLES[what](tables, plan)})


def _loc_rib(tables: RouterTables, plan: Plan) -> list[Object]:
    return [owned_route(route, plan, tables.router) for route in tables.loc_rib]


def _sessions(tables: RouterTables, plan: Plan) -> list[Object]:
    bgp = plan.node(tables.router).bgp
    planned = {session.name: session for session in bgp.sessions} if bgp else {}
    return [_session(session, planned[session.session]) for session in tables.sessions]


def _session(session: SessionTables, planned: SessionPlan) -> Object:
    return {
        "session": session.session,
        "neighbor": session.neighbor,
        "family": planned.carries,
        "peer_asn": planned.peer_asn,
        "peer_address": str(planned.peer_address),
        "established": session.established,
        "why_down": session.why_down or None,
        "warning": session.warning or None,
        "refreshes": session.refreshes,
        "bfd": None if session.bfd is None else _bfd_status(session.bfd),
        "received": len(session.adj_rib_in),
        "sent": len(session.adj_rib_out),
    }


def _bfd_status(status: BfdStatus) -> Object:
    return {
        "state": status.state.name.lower(),
        "transmit_interval_ms": status.transmit_interval_ms,
        "detection_time_ms": status.detection_time_ms,
    }


def _rib_in(tables: RouterTables, plan: Plan) -> list[Object]:
    return [
        {"session": s.session, "routes": [owned_route(r, plan, tables.router) for r in s.adj_rib_in]}
        for s in tables.sessions
    ]


def _rib_out(tables: RouterTables, plan: Plan) -> list[Object]:
    return [
        {"session": s.session, "routes": [owned_route(r, plan, tables.router) for r in s.adj_rib_out]}
        for s in tables.sessions
    ]


def _fib(tables: RouterTables, plan: Plan) -> list[Object]:
    return [
        {"prefix": str(e.prefix), "next_hops": [owned_address(h, plan, tables.router) for h in e.next_hops]}
        for e in tables.fib
    ]


TABLES: dict[str, Callable[[RouterTables, Plan], list[Object]]] = {
    "routes": _loc_rib,
    "sessions": _sessions,
    "rib-in": _rib_in,
    "rib-out": _rib_out,
    "fib": _fib,
}


def owned_route(route: Route, plan: Plan, router: str) -> Object:
    """A route as a router sees it, and the node that its next hop is of."""
    return route_object(route, plan.owner(route.next_hop, router))


def owned_address(address: Address, plan: Plan, router: str) -> Object:
    """An address as a router sees it, and the node that owns it."""
    return {"address": str(address), "owner": plan.owner(address, router)}
