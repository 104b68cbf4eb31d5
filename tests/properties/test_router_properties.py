"""What holds for a router after every sequence of events, whatever it is configured to do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import ACCEPT_ALL, P1, P2, P3, REJECT_ALL, ROUTER_IDS, A, B, I, J, node, with_rules
from lab.bgp import (
    Address,
    Aggregate,
    AsPath,
    BestPathRules,
    LeakedNetwork,
    MaxPrefix,
    Prefix,
    RemovePrivate,
    Route,
    RouteSource,
    parse_prefix,
    prefix_of,
)
from lab.events import (
    Announce,
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
from lab.plan import BgpPlan, SessionPlan
from lab.policy import SessionRules
from lab.rib import decide
from lab.router import Router
from lab.router.speaker import covers
from lab.tables import RouterTables
from strategies import as_paths, best_path_rules, few, few_asns, policies, routes

SESSIONS = {plan.name: plan for plan in (A, B, I, J)}
INTERFACES = ["to-a", "to-b", "lan"]
WIDE, WIDER, LAN = parse_prefix("10.0.0.0/14"), parse_prefix("10.0.0.0/8"), parse_prefix("192.0.2.0/24")
PREFIXES = [P1, P2, P3, WIDE, LAN, parse_prefix("0.0.0.0/0")]
ALL_PREFIXES = [*PREFIXES, WIDER]
DOWN = "gone"
PLAIN = BgpPlan(asn=A.local_asn, router_id=IPv4Address("10.255.0.1"), networks=(), sessions=(A, B, I, J))


@st.composite
def received(draw: st.DrawFn) -> Route:
    """A route that a neighbour might send: next hops of neighbours, of the router and of nobody, paths with loops."""
    route: Route = draw(routes)
    return replace(
        route,
        prefix=draw(st.sampled_from(PREFIXES)),
        next_hop=draw(st.sampled_from([A.peer_address, B.peer_address, I.peer_address, IPv4Address("192.0.2.1")])),
        as_path=draw(st.sampled_from([AsPath.of(65001), AsPath.of(65002)]) | as_paths(few_asns)),
        originator_id=draw(st.sampled_from([None, None, IPv4Address("10.255.0.1"), IPv4Address(3)])),
        cluster_list=draw(st.sampled_from([(), (), (IPv4Address(9),), (IPv4Address("10.255.0.1"),)])),
        weight=0,
        source=RouteSource.BGP,
        vrf="",
    )


flags = st.booleans()
some_rules = st.builds(
    SessionRules,
    import_policies=few(policies | st.just(ACCEPT_ALL)),
    export_policies=few(policies | st.just(ACCEPT_ALL)),
    next_hop_self=flags,
    allowas_in=st.integers(0, 1),
    as_override=flags,
    remove_private_asns=st.none() | st.sampled_from(RemovePrivate),
    default_originate=flags,
    accept_blackhole=flags,
    route_reflector_client=flags,
)
aggregates = few(st.builds(Aggregate, prefix=st.sampled_from([WIDE, WIDER]), summary_only=flags, as_set=flags)).map(
    lambda found: tuple({one.prefix: one for one in found}.values())
)


@st.composite
def plans(draw: st.DrawFn, *, export_to_a: SessionRules | None = None) -> BgpPlan:
    """What a router with four neighbours may be configured to do; the rules of `b` and `j` are simple."""
    of_a = draw(some_rules)
    if export_to_a is not None:
        of_a = replace(of_a, export_policies=export_to_a.export_policies, default_originate=False)
    of_i = draw(some_rules)
    others = (
        with_rules(B, next_hop_self=draw(flags), accept_blackhole=True),
        with_rules(J, next_hop_self=True, route_reflector_client=draw(flags)),
    )
    networks = tuple(sorted(draw(st.sets(st.sampled_from([P3, LAN, WIDE]))), key=str))
    leaked = draw(st.sampled_from([(), (LeakedNetwork(prefix=P2, vrf="branch"),)]))
    rules: BestPathRules = draw(best_path_rules)
    planned = node(
        replace(A, rules=of_a),
        replace(I, rules=of_i),
        *others,
        networks=networks,
        leaked_networks=leaked,
        aggregates=draw(aggregates),
        best_path=rules,
    )
    assert planned.bgp is not None
    return planned.bgp


def events(*choices: BgpPlan) -> st.SearchStrategy[Event]:
    """What may happen to a router, being configured in one of some ways included."""
    names = st.sampled_from(list(SESSIONS))
    return st.one_of(
        st.builds(
            UpdateReceived,
            session=names,
            announced=st.lists(received(), min_size=1, max_size=3).map(tuple),
            withdrawn=st.lists(st.sampled_from(PREFIXES), max_size=1).map(tuple),
        ),
        st.builds(
            UpdateReceived,
            session=names,
            withdrawn=st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=2).map(tuple),
        ),
        names.map(_up),
        st.builds(SessionDown, session=names, reason=st.just(DOWN)),
        st.builds(RefreshRequested, session=names),
        st.builds(LinkChanged, interface=st.sampled_from(INTERFACES), up=st.booleans()),
        st.builds(Reconfigured, bgp=st.sampled_from(choices)),
    )


def _up(name: str) -> SessionUp:
    return SessionUp(session=name, peer_router_id=ROUTER_IDS[SESSIONS[name].neighbor])


@dataclass(frozen=True, slots=True)
class Story:
    """A router's first plan, and what happens to it."""

    plan: BgpPlan
    events: list[Event]


@st.composite
def stories(draw: st.DrawFn, *, export_to_a: SessionRules | None = None) -> Story:
    """A story that begins with all sessions coming up."""
    choices = draw(st.lists(plans(export_to_a=export_to_a), min_size=2, max_size=2))
    return Story(choices[0], [*map(_up, SESSIONS), *draw(st.lists(events(*choices), max_size=20))])


@st.composite
def simple_plans(draw: st.DrawFn) -> BgpPlan:
    """Plans that differ in networks and aggregates, and let everything pass."""
    networks = draw(st.sets(st.sampled_from([P1, P3])))
    return replace(PLAIN, networks=tuple(sorted(networks)), aggregates=draw(aggregates))


@st.composite
def stories_of_aggregates(draw: st.DrawFn) -> Story:
    """A story in which aggregates and what they are made of come and go."""
    choices = draw(st.lists(simple_plans(), min_size=2, max_size=2))
    return Story(choices[0], [*map(_up, SESSIONS), *draw(st.lists(events(*choices), max_size=8))])


@dataclass(slots=True)
class Kept:
    """What is left of a history: the plan, the sessions that are up with what they announced last, the dead links."""

    plan: BgpPlan
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
                    self.received[name].pop(prefix_of(prefix), None)
                self.received[name] |= {route.prefix: route for route in event.announced}
            case Reconfigured(bgp=bgp):
                self.plan = bgp
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
                    del self.sent[name][prefix_of(prefix)]
            case InstallRoute(prefix=prefix, next_hops=next_hops):
                assert self.fib.get(prefix) != next_hops, "installed without a change"
                self.fib[prefix] = next_hops
            case RemoveRoute(prefix=prefix):
                del self.fib[prefix]
            case CloseSession(session=name):
                self.sent[name].clear()

    def check_refresh(self, session: str, effects: list[Effect]) -> None:
        """The answer to a request is everything that was sent before, and nothing else."""
        again = {route.prefix: route for one in effects if isinstance(one, Announce) for route in one.routes}
        assert again == self.sent[session]
        assert len(effects) == bool(again)
        assert all(isinstance(one, Announce) and one.session == session for one in effects)


def run(story: Story) -> tuple[Router, Kept, World]:
    """Let a story happen."""
    router, kept, world = Router(replace(node(), bgp=story.plan)), Kept(story.plan), World()
    for effect in router.begin():
        world.take(effect)
    for event in story.events:
        if not kept.take(event):
            continue
        if isinstance(event, SessionDown):
            world.sent[event.session].clear()
        effects = router.handle(event)
        if isinstance(event, RefreshRequested):
            world.check_refresh(event.session, effects)
            continue
        if isinstance(event, Reconfigured):
            assert not any(isinstance(effect, CloseSession) for effect in effects), "its sessions stay up"
        for effect in effects:
            world.take(effect)
    return router, kept, world


def without_reasons(tables: RouterTables) -> RouterTables:
    """Tables without why sessions are down and how often they were refreshed, which is history by its nature."""
    return replace(tables, sessions=tuple(replace(session, why_down="", refreshes=0) for session in tables.sessions))


@given(stories() | stories_of_aggregates(), st.data())
@settings(max_examples=50)
def test_tables_depend_on_the_present_and_not_on_the_past(story: Story, data: st.DataObject) -> None:
    """After any history the tables equal those of a router that was told only what is left, in any order.

    So it does not matter when it got the plan that it has: changing it on a running router has the same end.
    """
    router, kept, _ = run(story)
    fresh = Router(replace(node(), bgp=kept.plan))
    for interface in sorted(kept.dead):
        fresh.handle(LinkChanged(interface=interface, up=False))
    for name in data.draw(st.permutations(list(kept.received))):
        fresh.handle(_up(name))
        for route in data.draw(st.permutations(list(kept.received[name].values()))):
            fresh.handle(UpdateReceived(session=name, announced=(route,)))
    assert without_reasons(router.tables()) == without_reasons(fresh.tables())
    assert [router.explain(prefix).decision for prefix in ALL_PREFIXES] == [
        fresh.explain(prefix).decision for prefix in ALL_PREFIXES
    ]


@given(stories() | stories_of_aggregates())
@settings(max_examples=50)
def test_effects_add_up_to_the_tables(story: Story) -> None:
    """Carrying out all effects gives exactly Adj-RIB-Out and FIB, without one effect that changes nothing."""
    router, kept, world = run(story)
    tables = router.tables()
    assert {s.session: {r.prefix: r for r in s.adj_rib_out} for s in tables.sessions} == world.sent
    assert {entry.prefix: entry.next_hops for entry in tables.fib} == world.fib
    assert {s.session: {r.prefix: r for r in s.adj_rib_in} for s in tables.sessions if s.established} == kept.received


@given(stories(export_to_a=SessionRules(export_policies=(REJECT_ALL,))))
@settings(max_examples=40)
def test_reject_all_leaves_the_adj_rib_out_empty(story: Story) -> None:
    """A session whose export policy rejects everything is never sent anything."""
    router, _, world = run(story)
    assert world.sent[A.name] == {}
    assert router.fingerprints()[A.name][2] == 0


@given(stories(export_to_a=SessionRules(export_policies=(ACCEPT_ALL,))))
@settings(max_examples=30)
def test_what_leaves_the_as_is_clean(story: Story) -> None:
    """Whatever happened, eBGP carries nothing that is only for the own AS, the own AS first and the own next hop.

    RFC 4271 §5.1.2 to §5.1.5, RFC 4456 §8, RFC 4360 §6.
    """
    _, _, world = run(story)
    for route in world.sent[A.name].values():
        assert (route.local_pref, route.multi_exit_disc, route.originator_id, route.cluster_list) == (None,) * 3 + ((),)
        assert (route.weight, route.source, route.vrf) == (0, RouteSource.BGP, "")
        assert not any(one.startswith("4") for one in route.extended_communities)
        assert route.as_path.asns[0] == A.local_asn
        assert route.next_hop == A.local_address


@given(stories() | stories_of_aggregates())
@settings(max_examples=30)
def test_explain_agrees_with_the_tables(story: Story) -> None:
    """What explain says is sent is what Adj-RIB-Out holds, and its best path is that of the Loc-RIB and its paths."""
    router, kept, _ = run(story)
    tables = router.tables()
    best = {route.prefix: route for route in tables.loc_rib}
    for prefix in ALL_PREFIXES:
        told = router.explain(prefix)
        exports = {e.session: e.route for e in told.exports if e.route is not None}
        held = {s.session: r for s in tables.sessions for r in s.adj_rib_out if r.prefix == prefix}
        assert exports == held
        assert all(bool(e.refused) is (e.route is None) for e in told.exports)
        assert all(bool(c.refused) is (c.path is None) for c in told.candidates)
        chosen = told.decision.best if told.decision else None
        assert (chosen.route if chosen else None) == best.get(prefix)
        paths = [c.path for c in told.candidates if c.path is not None]
        assert (decide(paths, kept.plan.best_path) if paths else None) == told.decision


@given(stories_of_aggregates())
@settings(max_examples=50)
def test_an_aggregate_is_there_while_a_more_specific_route_is(story: Story) -> None:
    """An aggregate appears with its first contributor and goes with the last (RFC 4271 §9.2.2.2)."""
    router, kept, _ = run(story)
    loc_rib = router.tables().loc_rib
    for prefix in (WIDE, WIDER):
        paths = [candidate.path for candidate in router.explain(prefix).candidates]
        made = [one for one in paths if one is not None and one.route.source is RouteSource.AGGREGATE]
        configured = any(one.prefix == prefix for one in kept.plan.aggregates)
        specific = any(covers(prefix, r.prefix) and r.source is not RouteSource.AGGREGATE for r in loc_rib)
        assert len(made) == (configured and specific)


@given(stories_of_aggregates())
@settings(max_examples=30)
def test_what_an_aggregate_summarizes_is_not_sent(story: Story) -> None:
    """With summary_only no session has a more specific route beside the aggregate."""
    router, kept, world = run(story)
    for one in kept.plan.aggregates:
        routes_there = [candidate.path for candidate in router.explain(one.prefix).candidates]
        is_there = any(p is not None and p.route.source is RouteSource.AGGREGATE for p in routes_there)
        if one.summary_only and is_there:
            assert not any(covers(one.prefix, prefix) for sent in world.sent.values() for prefix in sent)


def limited(session: SessionPlan, limit: int) -> SessionPlan:
    """A session with a prefix limit."""
    return with_rules(session, max_prefix=MaxPrefix(limit=limit))


@given(st.lists(events(PLAIN), max_size=20), st.integers(1, 3))
@settings(max_examples=30)
def test_no_session_that_is_up_is_past_its_limit(history: list[Event], limit: int) -> None:
    """A session is closed by the UPDATE that goes past its limit, once, and holds nothing then (RFC 4486 §4)."""
    router = Router(node(limited(A, limit), B, I, J))
    for event in (*map(_up, SESSIONS), *history):
        if isinstance(event, Reconfigured):
            continue
        before = {one.session: one.established for one in router.tables().sessions}
        effects = router.handle(event)
        closed = [one.session for one in effects if isinstance(one, CloseSession) and one.subcode == 1]
        now = next(one for one in router.tables().sessions if one.session == A.name)
        assert closed in ([], [A.name])
        assert not closed or (before[A.name], now.established, now.adj_rib_in, now.adj_rib_out) == (True, False, (), ())
        assert len(now.adj_rib_in) <= limit
