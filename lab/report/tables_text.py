"""Sessions, RIBs and FIBs as text, with the names of those who own the addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lab.bfd import BfdStatus
from lab.bgp import Address, Nlri, Route, VpnPrefix, nlri_order, text_of, title_of
from lab.forwarding import gateway
from lab.plan import Plan, SessionPlan
from lab.report.layout import aligned
from lab.tables import RouterTables

_ATTRIBUTE_COLUMNS = {
    "label": "label",
    "next_hop": "next hop",
    "local_pref": "local_pref",
    "multi_exit_disc": title_of("multi_exit_disc"),
    "as_path": "as_path",
    "origin": "origin",
    "communities": "communities",
    "large_communities": "large communities",
    "extended_communities": "extended communities",
    "atomic_aggregate": "atomic",
    "aggregator": "aggregator",
    "originator_id": "originator",
    "cluster_list": "cluster list",
    "unknown": "unknown attributes",
    "vrf": "vrf",
    "weight": "weight",
}


def table(plan: Plan, tables: RouterTables, what: str) -> str:
    """One of a router's tables: `routes`, `sessions`, `rib-in`, `rib-out` or `fib`. Raises KeyError."""
    return _TABLES[what](tables, plan)


def _routes(tables: RouterTables, plan: Plan) -> str:
    """The Loc-RIB, and below each best path the others that were received."""
    node, fib = plan.node(tables.router), {entry.prefix: entry.next_hops for entry in tables.fib}
    best = {route.nlri: route for route in tables.loc_rib}
    received: dict[Nlri, list[Route]] = {prefix: [] for prefix in best}
    for session in tables.sessions:
        for route in session.adj_rib_in:
            destination = node.destination(route)
            if destination is not None:
                received.setdefault(destination, []).append(route)
    rows = []
    for prefix, others in sorted(received.items(), key=lambda item: nlri_order(item[0])):
        if prefix in best:
            rows.append([">", str(prefix), *attributes(best[prefix], plan, tables.router)])
        for route in others:
            if prefix in best and route.next_hop == best[prefix].next_hop:
                continue
            used = () if isinstance(prefix, VpnPrefix) else fib.get(prefix, ())
            mark = "=" if gateway(node, route.next_hop) in used else ""
            rows.append([mark, str(prefix), *attributes(route, plan, tables.router)])
    if not rows:
        return f"{tables.router} has no routes"
    legend = "> best, = used beside the best; paths without > are as received, before the import policy"
    return "\n".join([*headed(("", "prefix"), rows), legend])


def _sessions(tables: RouterTables, plan: Plan) -> str:
    """Every session: whom with, its state and how many routes crossed it."""
    plans = _sessions_by_name(tables, plan)
    rows = []
    for session in tables.sessions:
        planned = plans[session.session]
        state = "established" if session.established else "down"
        rows.append(
            [
                session.session,
                str(planned.peer_asn),
                str(planned.peer_address),
                state,
                _bfd(session.bfd),
                str(len(session.adj_rib_in)),
                str(len(session.adj_rib_out)),
                session.why_down,
                session.warning,
            ]
        )
    if not rows:
        return f"{tables.router} has no sessions"
    header = ("session", "AS", "peer", "state", "bfd", "received", "sent", "why down", "warning")
    return "\n".join(aligned(header, rows))


def _bfd(status: BfdStatus | None) -> str:
    return "" if status is None else f"{status.state.name.lower()}, {status.transmit_interval_ms} ms"


def _rib_in(tables: RouterTables, plan: Plan) -> str:
    """Every Adj-RIB-In: the routes as received, before the import policy; those of the best paths are marked."""
    best = {(route.nlri, route.next_hop) for route in tables.loc_rib}
    node = plan.node(tables.router)
    rows = [
        [
            ">" if (node.destination(route), route.next_hop) in best else "",
            session.session,
            str(route.nlri),
            *attributes(route, plan, tables.router),
        ]
        for session in tables.sessions
        for route in session.adj_rib_in
    ]
    if not rows:
        return _empty(tables, "has received no routes")
    legend = "> became the best path; everything is as received, before the import policy"
    return "\n".join([*headed(("", "session", "prefix"), rows), legend])


def _rib_out(tables: RouterTables, plan: Plan) -> str:
    """Every Adj-RIB-Out: the routes as sent, after the export policy."""
    rows = [
        [session.session, str(route.nlri), *attributes(route, plan, tables.router)]
        for session in tables.sessions
        for route in session.adj_rib_out
    ]
    return "\n".join(headed(("session", "prefix"), rows)) if rows else _empty(tables, "sends no routes")


def _fib(tables: RouterTables, plan: Plan) -> str:
    """The routes that the kernel forwards by, beside the connected ones."""
    hops = [
        ", ".join(named(hop, plan, tables.router) for hop in entry.next_hops) or "packets are discarded"
        for entry in tables.fib
    ]
    rows = [[str(entry.prefix), text] for entry, text in zip(tables.fib, hops, strict=True)]
    return "\n".join(aligned(("prefix", "next hops"), rows)) if rows else f"{tables.router} has no routes in its FIB"


_TABLES: dict[str, Callable[[RouterTables, Plan], str]] = {
    "routes": _routes,
    "sessions": _sessions,
    "rib-in": _rib_in,
    "rib-out": _rib_out,
    "fib": _fib,
}


def named(address: Address, plan: Plan, router: str) -> str:
    """An address as a router sees it, and the node that owns it."""
    if address.is_unspecified:
        return "own"
    owner = plan.owner(address, router)
    return f"{address} ({owner})" if owner else str(address)


def attributes(route: Route, plan: Plan, router: str) -> list[str]:
    """The attributes of a route, a cell for each."""
    texts = {name: text_of(route, name) for name in _ATTRIBUTE_COLUMNS}
    texts["next_hop"] = named(route.next_hop, plan, router)
    texts["weight"] = "" if route.weight == 0 else texts["weight"]
    return list(texts.values())


def headed(first: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows that end with the attributes of a route, under a header that begins with `first`."""
    return aligned((*first, *_ATTRIBUTE_COLUMNS.values()), rows)


def _empty(tables: RouterTables, says: str) -> str:
    down = [f"session {s.session} is down: {s.why_down}" for s in tables.sessions if not s.established]
    return "\n".join([f"{tables.router} {says}", *down])


def _sessions_by_name(tables: RouterTables, plan: Plan) -> dict[str, SessionPlan]:
    bgp = plan.node(tables.router).bgp
    return {session.name: session for session in bgp.sessions} if bgp else {}
