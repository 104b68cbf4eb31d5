"""What holds for a router after every sequence of events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import P1, P2, P3, REJECT_ALL, ROUTER_IDS, A, B, I, J, node
from lab.bgp import Address, AsPath, Prefix, Route
from lab.plan import SessionPlan
from lab.policy import Policy
from lab.router import (
    Announce,
    CloseSession,
    Effect,
    Event,
    InstallRoute,
    LinkChanged,
    RemoveRoute,
    Router,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
)
from lab.tables import RouterTables
from strategies import as_paths, few_asns, policies, routes

SESSIONS = {plan.name: plan for plan in (A, B, I, J)}
INTERFACES = ["to-a", "to-b", "lan"]
PREFIXES = [P1, P2, P3]
DOWN = "gone"


@st.composite
def received(draw: st.DrawFn) -> Route:
    """A route that a neighbour might send: next hops of neighbours, of the router and of nobody, paths with loops."""
    route: Route = draw(routes)
    return replace(
        route,
        prefix=draw(st.sampled_from(PREFIXES)),
        next_hop=draw(st.sampled_from([A.peer_address, B.peer_address, I.peer_address, IPv4Address("192.0.2.1")])),
        as_path=draw(st.sampled_from([AsPath.of(65001), AsPath.of(65002)]) | as_paths(few_asns)),
        weight=0,
    )


events = st.one_of(
    st.builds(
        UpdateReceived,
        session=st.sampled_from(list(SESSIONS)),
        announced=st.lists(received(), min_size=1, max_size=3).map(tuple),
        withdrawn=st.lists(st.sampled_from(PREFIXES), max_size=1).map(tuple),
    ),
    st.builds(
        UpdateReceived,
        session=st.sampled_from(list(SESSIONS)),
        withdrawn=st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=2).map(tuple),
    ),
    st.sampled_from(list(SESSIONS)).map(
        lambda name: SessionUp(session=name, peer_router_id=ROUTER_IDS[SESSIONS[name].neighbor])
    ),
    st.builds(SessionDown, session=st.sampled_from(list(SESSIONS)), reason=st.just(DOWN)),
    st.builds(LinkChanged, interface=st.sampled_from(INTERFACES), up=st.booleans()),
)
histories = st.lists(events, max_size=25).map(
    lambda more: [SessionUp(session=n, peer_router_id=ROUTER_IDS[p.neighbor]) for n, p in SESSIONS.items()] + more
)


@dataclass(slots=True)
class Kept:
    """What is left of a history: the sessions that are up with what they announced last, and the dead links."""

    received: dict[str, dict[Prefix, Route]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)

    def take(self, event: Event) -> bool:
        """Account for one event; False for one that cannot happen, a session coming up over a dead link."""
        match event:
            case SessionUp(session=name):
                if SESSIONS[name].interface in self.dead:
                    return False
                self.received.setdefault(name, {})
            case SessionDown(session=name):
                self.received.pop(name, None)
            case LinkChanged(interface=interface, up=True):
                self.dead.discard(interface)
            case LinkChanged(interface=interface):
                self.dead.add(interface)
                for name in [n for n in self.received if SESSIONS[n].interface == interface]:
                    del self.received[name]
            case UpdateReceived(session=name) if name in self.received:
                for prefix in event.withdrawn:
                    self.received[name].pop(prefix, None)
                self.received[name] |= {route.prefix: route for route in event.announced}
        return True


@dataclass(slots=True)
class World:
    """What the effects make of the world outside; an effect that does not fit in is an error."""

    sent: dict[str, dict[Prefix, Route]] = field(default_factory=lambda: {name: {} for name in SESSIONS})
    fib: dict[Prefix, tuple[Address, ...]] = field(default_factory=dict)

    def take(self, effect: Effect) -> None:
        """Carry out one effect."""
        match effect:
            case Announce(session=name, routes=announced):
                for route in announced:
                    assert self.sent[name].get(route.prefix) != route, "announced without a change"
                    self.sent[name][route.prefix] = route
            case Withdraw(session=name, prefixes=prefixes):
                for prefix in prefixes:
                    del self.sent[name][prefix]
            case InstallRoute(prefix=prefix, next_hops=next_hops):
                assert self.fib.get(prefix) != next_hops, "installed without a change"
                self.fib[prefix] = next_hops
            case RemoveRoute(prefix=prefix):
                del self.fib[prefix]
            case CloseSession(session=name):
                self.sent[name].clear()


def run(router: Router, history: list[Event]) -> tuple[Kept, World]:
    """Feed a history to a router."""
    kept, world = Kept(), World()
    for event in history:
        if kept.take(event):
            if isinstance(event, SessionDown):
                world.sent[event.session].clear()
            for effect in router.handle(event):
                world.take(effect)
    return kept, world


def a_router(import_policy: Policy | None = None, export_policy: Policy | None = None) -> Router:
    """A router with four neighbours and one own network; policies, where given, are those of `a`."""
    first = replace(
        A,
        import_policy=import_policy or A.import_policy,
        export_policy=export_policy or A.export_policy,
        remove_private_asns=True,
    )
    others: tuple[SessionPlan, ...] = (B, replace(I, next_hop_self=True), J)
    return Router(node(first, *others, networks=(P3,), maximum_paths=2))


def without_reasons(tables: RouterTables) -> RouterTables:
    """Tables without why sessions are down, which is history by its nature."""
    return replace(tables, sessions=tuple(replace(session, why_down="") for session in tables.sessions))


@given(histories, policies, policies, st.data())
@settings(max_examples=80, deadline=None)
def test_tables_depend_on_the_present_and_not_on_the_past(
    history: list[Event], import_policy: Policy, export_policy: Policy, data: st.DataObject
) -> None:
    """After any history the tables equal those of a router that was told only what is left, in any order."""
    router = a_router(import_policy, export_policy)
    kept, _ = run(router, history)
    fresh = a_router(import_policy, export_policy)
    dead: list[Event] = [LinkChanged(interface=interface, up=False) for interface in sorted(kept.dead)]
    for event in dead:
        fresh.handle(event)
    for name in data.draw(st.permutations(list(kept.received))):
        fresh.handle(SessionUp(session=name, peer_router_id=ROUTER_IDS[SESSIONS[name].neighbor]))
        for route in data.draw(st.permutations(list(kept.received[name].values()))):
            fresh.handle(UpdateReceived(session=name, announced=(route,)))
    assert without_reasons(router.tables()) == without_reasons(fresh.tables())
    assert [router.explain(prefix).decision for prefix in PREFIXES] == [
        fresh.explain(prefix).decision for prefix in PREFIXES
    ]


@given(histories, policies, policies)
@settings(max_examples=80, deadline=None)
def test_effects_add_up_to_the_tables(history: list[Event], import_policy: Policy, export_policy: Policy) -> None:
    """Carrying out all effects gives exactly Adj-RIB-Out and FIB, without one effect that changes nothing."""
    router = a_router(import_policy, export_policy)
    kept, world = run(router, history)
    tables = router.tables()
    assert {s.session: {r.prefix: r for r in s.adj_rib_out} for s in tables.sessions} == world.sent
    assert {entry.prefix: entry.next_hops for entry in tables.fib} == world.fib
    assert {s.session: {r.prefix: r for r in s.adj_rib_in} for s in tables.sessions if s.established} == kept.received


@given(histories)
@settings(max_examples=40, deadline=None)
def test_reject_all_leaves_the_adj_rib_out_empty(history: list[Event]) -> None:
    """A session whose export policy rejects everything is never sent anything."""
    router = a_router(export_policy=REJECT_ALL)
    _, world = run(router, history)
    assert world.sent[A.name] == {}
    assert router.fingerprints()[A.name][2] == 0


@given(histories)
@settings(max_examples=40, deadline=None)
def test_what_leaves_the_as_is_clean(history: list[Event]) -> None:
    """Whatever happened, eBGP carries no LOCAL_PREF, no foreign MED, the own AS first and the own next hop.

    RFC 4271 §5.1.2 to §5.1.5.
    """
    router = a_router()
    _, world = run(router, history)
    for plan in (A, B):
        for route in world.sent[plan.name].values():
            assert (route.local_pref, route.multi_exit_disc, route.weight) == (None, None, 0)
            assert route.as_path.asns[0] == plan.local_asn
            assert route.next_hop == plan.local_address


@given(histories)
@settings(max_examples=40, deadline=None)
def test_explain_agrees_with_the_tables(history: list[Event]) -> None:
    """What explain says is sent is what Adj-RIB-Out holds, and its best path is the one of the Loc-RIB."""
    router = a_router()
    run(router, history)
    tables = router.tables()
    best = {route.prefix: route for route in tables.loc_rib}
    for prefix in PREFIXES:
        told = router.explain(prefix)
        exports = {e.session: e.route for e in told.exports if e.route is not None}
        held = {s.session: r for s in tables.sessions for r in s.adj_rib_out if r.prefix == prefix}
        assert exports == held
        assert all(bool(e.refused) is (e.route is None) for e in told.exports)
        chosen = told.decision.best if told.decision else None
        assert (chosen.route if chosen else None) == best.get(prefix)
