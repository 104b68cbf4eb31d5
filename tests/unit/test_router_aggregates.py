"""Aggregates: when they are there, what they look like, and what they do to others (RFC 4271 §9.2.2.2)."""

from __future__ import annotations

import sys
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from builders import (
    A6,
    P1,
    P2,
    A,
    B,
    I,
    accept,
    adj_rib_out,
    announced,
    configure,
    decision,
    export,
    fib,
    learn,
    route_from,
    router,
    sole,
    unlearn,
    with_rules,
    withdrawn,
)
from lab.bgp import (
    NO_EXPORT,
    Aggregate,
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    RouteSource,
    parse_prefix,
)
from lab.events import InstallRoute, LinkChanged, RemoveRoute, Withdraw
from lab.plan import SessionPlan
from lab.policy import Change, Match
from lab.rib import Because
from lab.router import Router
from lab.router.speaker import OWN_ROUTE_WEIGHT

WIDE, WIDER = parse_prefix("10.0.0.0/14"), parse_prefix("10.0.0.0/8")
OUTSIDE = parse_prefix("172.16.0.0/16")
MAKER = Aggregator(Asn(65010), IPv4Address("10.255.0.1"))
PLAIN = Aggregate(prefix=WIDE)


def own(prefix: Prefix = WIDE, **attributes: object) -> Route:
    """The aggregate as it is in the Loc-RIB of its maker."""
    made = Route(
        prefix=prefix,
        next_hop=IPv4Address(0),
        atomic_aggregate=True,
        aggregator=MAKER,
        weight=OWN_ROUTE_WEIGHT,
        source=RouteSource.AGGREGATE,
    )
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


def aggregate_of(which: Router, prefix: Prefix = WIDE) -> Route | None:
    """The aggregate that a router has made."""
    paths = (one.path for one in which.explain(prefix).candidates)
    return next((p.route for p in paths if p is not None and p.route.source is RouteSource.AGGREGATE), None)


def test_an_aggregate_appears_with_its_first_contributor_and_goes_with_the_last() -> None:
    """Without a more specific route there is no aggregate; it needs one, and stays while there is one."""
    r = router(A, B, aggregates=(PLAIN,))
    assert r.tables().loc_rib == ()
    effects = learn(r, A, route_from(A, P1))
    assert InstallRoute(prefix=WIDE, next_hops=()) in effects
    assert [route.prefix for route in announced(effects, B)] == [P1, WIDE]
    assert aggregate_of(r) == own()
    assert [route.prefix for route in announced(learn(r, A, route_from(A, P2)), B)] == [P2]
    assert unlearn(r, A, P1) == [RemoveRoute(prefix=P1), Withdraw(session=B.name, prefixes=(P1,))]
    assert unlearn(r, A, P2) == [
        RemoveRoute(prefix=P2),
        RemoveRoute(prefix=WIDE),
        Withdraw(session=A.name, prefixes=(WIDE,)),
        Withdraw(session=B.name, prefixes=(P2, WIDE)),
    ]
    assert (aggregate_of(r), fib(r), adj_rib_out(r, B)) == (None, {}, ())


@pytest.mark.parametrize(
    ("prefix", "made"),
    [
        pytest.param(P1, True, id="more specific"),
        pytest.param(parse_prefix("10.3.255.255/32"), True, id="the last host"),
        pytest.param(WIDE, False, id="the prefix itself"),
        pytest.param(parse_prefix("10.4.0.0/16"), False, id="beside it"),
        pytest.param(WIDER, False, id="less specific"),
        pytest.param(parse_prefix("a00::/16"), False, id="the other family"),
    ],
)
def test_only_more_specific_routes_contribute(prefix: Prefix, *, made: bool) -> None:
    """What lies inside the aggregate's prefix and is longer makes it."""
    plan = A if prefix.version == 4 else A6
    r = router(A, A6, aggregates=(PLAIN,))
    learn(r, plan, route_from(plan, prefix))
    assert (aggregate_of(r) is not None) is made


def test_an_unusable_route_does_not_contribute() -> None:
    """A route that is refused, or whose next hop cannot be reached, is no best route (RFC 4271 §9.2.2.2)."""
    r = router(A, aggregates=(PLAIN,))
    learn(r, A, route_from(A, P1, 65010), replace(route_from(A, P2), next_hop=IPv4Address("203.0.113.1")))
    assert aggregate_of(r) is None


def test_an_own_network_contributes() -> None:
    """A router may summarize its own networks, and such an aggregate has lost no AS (RFC 4271 §5.1.6)."""
    r = router(A, networks=(P1,), aggregates=(PLAIN,))
    assert aggregate_of(r) == own(atomic_aggregate=False)
    assert fib(r) == {WIDE: ()}
    assert adj_rib_out(r, A)[0] == Route(
        prefix=WIDE, next_hop=A.local_address, as_path=AsPath.of(65010), aggregator=MAKER
    )


def test_an_aggregate_follows_its_link() -> None:
    """A connected network that goes with its link takes the aggregate along."""
    lan = parse_prefix("192.0.2.0/24")
    wide = parse_prefix("192.0.0.0/16")
    r = router(A, networks=(lan,), aggregates=(Aggregate(prefix=wide),))
    assert aggregate_of(r, wide) is not None
    r.handle(LinkChanged(interface="lan", up=False))
    assert (aggregate_of(r, wide), fib(r), adj_rib_out(r, A)) == (None, {}, ())
    r.handle(LinkChanged(interface="lan", up=True))
    assert fib(r) == {wide: ()}


def test_an_aggregate_leaves_out_the_paths_and_says_so() -> None:
    """Without as_set the aggregate has an empty path and ATOMIC_AGGREGATE (RFC 4271 §5.1.6, §5.1.7)."""
    r = router(A, B, I, aggregates=(PLAIN,))
    learn(r, A, replace(route_from(A, P1, 1), communities=(Community("1:1"),), multi_exit_disc=5))
    sent = adj_rib_out(r, B)[0]
    assert sent == Route(
        prefix=WIDE,
        next_hop=B.local_address,
        as_path=AsPath.of(65010),
        atomic_aggregate=True,
        aggregator=MAKER,
    )
    assert adj_rib_out(r, I)[0] == replace(sent, next_hop=I.local_address, as_path=AsPath(), local_pref=100)


def test_an_aggregate_with_as_set_has_what_its_routes_have() -> None:
    """With as_set it has every AS and community of its routes, and no ATOMIC_AGGREGATE.

    RFC 4271 §9.2.2.2; RFC 1997, Aggregation; RFC 8092 §4; RFC 4360 §6.
    """
    r = router(A, B, I, aggregates=(replace(PLAIN, as_set=True),))
    one = replace(
        route_from(A, P1, 1),
        communities=(Community("1:1"), Community("1:2")),
        large_communities=(LargeCommunity("1:1:1"),),
    )
    two = replace(
        route_from(A, P2, 2),
        communities=(Community("1:2"), Community("1:3")),
        extended_communities=(ExtendedCommunity("target:1:1"),),
    )
    learn(r, A, one, two)
    assert aggregate_of(r) == own(
        atomic_aggregate=False,
        as_path=AsPath.parse("65001 {1,2}"),
        communities=(Community("1:1"), Community("1:2"), Community("1:3")),
        large_communities=(LargeCommunity("1:1:1"),),
        extended_communities=(ExtendedCommunity("target:1:1"),),
    )
    assert str(adj_rib_out(r, B)[0].as_path) == "65010 65001 {1,2}"


def test_an_aggregate_with_as_set_changes_with_its_routes() -> None:
    """When a contributor comes, changes or goes, the aggregate is announced anew."""
    r = router(A, B, aggregates=(replace(PLAIN, as_set=True),))
    paths = [
        [str(route.as_path) for route in announced(effects, B) if route.prefix == WIDE]
        for effects in (
            learn(r, A, route_from(A, P1, 1)),
            learn(r, A, route_from(A, P2, 2)),
            learn(r, A, route_from(A, P2, 3)),
            unlearn(r, A, P2),
        )
    ]
    assert paths == [["65010 65001 1"], ["65010 65001 {1,2}"], ["65010 65001 {1,3}"], ["65010 65001 1"]]


@pytest.mark.parametrize(
    ("as_set", "path", "atomic", "is_atomic"),
    [
        pytest.param(False, "65001", False, True, id="a path is left out"),
        pytest.param(False, "", False, False, id="no path is left out"),
        pytest.param(False, "", True, True, id="a route had left out some"),
        pytest.param(True, "65001", False, False, id="as_set leaves nothing out"),
        pytest.param(True, "65001", True, True, id="a route had left out some before as_set"),
    ],
)
def test_atomic_aggregate_is_kept_where_it_was(as_set: object, path: str, *, atomic: bool, is_atomic: bool) -> None:
    """A route with ATOMIC_AGGREGATE hands it on to the aggregate (RFC 4271 §9.2.2.2)."""
    r = router(I, aggregates=(replace(PLAIN, as_set=bool(as_set)),))
    learn(r, I, replace(route_from(I, P1), as_path=AsPath.parse(path), atomic_aggregate=atomic))
    made = aggregate_of(r)
    assert made is not None
    assert made.atomic_aggregate is is_atomic


def test_one_path_that_is_left_out_is_enough() -> None:
    """An aggregate of an own network and of a learned one has left out an AS (RFC 4271 §5.1.6)."""
    r = router(A, networks=(P2,), aggregates=(PLAIN,))
    learn(r, A, route_from(A, P1))
    assert aggregate_of(r) == own()


@pytest.mark.parametrize(
    ("origins", "origin"),
    [
        ((Origin.IGP, Origin.IGP), Origin.IGP),
        ((Origin.IGP, Origin.EGP), Origin.EGP),
        ((Origin.INCOMPLETE, Origin.EGP), Origin.INCOMPLETE),
    ],
)
def test_the_origin_of_an_aggregate_is_the_worst(origins: tuple[Origin, Origin], origin: Origin) -> None:
    """INCOMPLETE if any route is, else EGP if any is, else IGP (RFC 4271 §9.2.2.2)."""
    r = router(A, aggregates=(PLAIN,))
    learn(r, A, *(replace(route_from(A, p), origin=o) for p, o in zip((P1, P2), origins, strict=True)))
    assert aggregate_of(r) == own(origin=origin)


def test_well_known_communities_of_its_routes_hold_an_aggregate_back() -> None:
    """An aggregate that carries NO_EXPORT of one of its routes stays in the AS (RFC 1997)."""
    r = router(A, B, aggregates=(replace(PLAIN, as_set=True),))
    learn(r, A, replace(route_from(A, P1), communities=(NO_EXPORT,)), route_from(A, P2))
    assert [route.prefix for route in adj_rib_out(r, B)] == [P2]
    assert export(r, B, WIDE).refused == "it carries NO_EXPORT (RFC 1997)"


# summary_only


def test_summary_only_keeps_more_specific_routes_back() -> None:
    """Once the aggregate is there, only it is sent; the router itself goes on using the others."""
    r = router(A, B, I, aggregates=(replace(PLAIN, summary_only=True),))
    effects = learn(r, A, route_from(A, P1), route_from(A, OUTSIDE))
    assert withdrawn(effects, B) == []
    assert [route.prefix for route in adj_rib_out(r, B)] == [WIDE, OUTSIDE]
    assert [route.prefix for route in adj_rib_out(r, I)] == [WIDE, OUTSIDE]
    assert export(r, B).refused == "the aggregate 10.0.0.0/14 stands for it (summary_only)"
    assert fib(r) == {WIDE: (), P1: ("198.51.100.2",), OUTSIDE: ("198.51.100.2",)}


def test_summary_only_that_is_configured_later_withdraws_what_was_sent() -> None:
    """A change of the plan takes back what the aggregate stands for, and gives it again."""
    r = router(A, B)
    learn(r, A, route_from(A, P1), route_from(A, OUTSIDE))
    effects = configure(r, A, B, aggregates=(replace(PLAIN, summary_only=True),))
    assert (withdrawn(effects, B), [route.prefix for route in announced(effects, B)]) == ([P1], [WIDE])
    effects = configure(r, A, B, aggregates=(PLAIN,))
    assert (withdrawn(effects, B), [route.prefix for route in announced(effects, B)]) == ([], [P1])
    effects = configure(r, A, B)
    assert (withdrawn(effects, B), [route.prefix for route in announced(effects, B)]) == ([WIDE], [])
    assert fib(r) == {P1: ("198.51.100.2",), OUTSIDE: ("198.51.100.2",)}


def test_an_aggregate_goes_with_a_network_that_the_plan_no_longer_has() -> None:
    """A change of the plan that takes the last contributor takes the aggregate, and that of its own plan likewise."""
    r = router(A, networks=(P1,), aggregates=(PLAIN,))
    effects = configure(r, A, aggregates=(PLAIN,))
    assert effects == [RemoveRoute(prefix=WIDE), Withdraw(session=A.name, prefixes=(P1, WIDE))]
    r = router(A, networks=(P1,), aggregates=(PLAIN,))
    assert configure(r, A) == effects
    assert (r.tables().loc_rib, fib(r)) == ((), {})


# aggregates and other routes of the same prefix, and one another


def test_nested_aggregates_are_each_made_of_routes() -> None:
    """An aggregate is made of routes and not of another aggregate, and summary_only holds back a narrower one."""
    r = router(A, B, aggregates=(PLAIN, Aggregate(prefix=WIDER, summary_only=True)))
    learn(r, A, route_from(A, P1))
    assert (aggregate_of(r), aggregate_of(r, WIDER)) == (own(), own(WIDER))
    assert [route.prefix for route in adj_rib_out(r, B)] == [WIDER]
    unlearn(r, A, P1)
    assert r.tables().loc_rib == ()


@pytest.mark.parametrize("first", [A, B])
def test_a_learned_route_that_an_aggregate_replaces_is_in_no_wider_one(first: SessionPlan) -> None:
    """Whichever comes first, the wider aggregate is made of the best routes as they are in the end."""
    r = router(A, B, aggregates=(PLAIN, Aggregate(prefix=WIDER, as_set=True)))
    told = {A.name: route_from(A, P1), B.name: route_from(B, WIDE)}
    for plan in (A, B) if first is A else (B, A):
        learn(r, plan, told[plan.name])
    assert aggregate_of(r, WIDER) == own(WIDER, as_path=AsPath.of(65001), atomic_aggregate=False)


def test_an_aggregate_is_better_than_a_learned_route() -> None:
    """The own aggregate has the weight of own routes, and its traffic is dropped where nothing more specific leads."""
    r = router(A, B, aggregates=(PLAIN,))
    learn(r, A, route_from(A, P1), route_from(A, WIDE))
    assert [(lost.because, lost.values) for lost in decision(r, WIDE).lost] == [
        (Because.LOWER_WEIGHT, "0 against 32768")
    ]
    assert fib(r)[WIDE] == ()
    assert unlearn(r, A, P1)[0:2] == [RemoveRoute(prefix=P1), InstallRoute(prefix=WIDE, next_hops=(A.peer_address,))]


def test_an_own_network_is_better_than_the_aggregate_of_its_prefix() -> None:
    """What is a network of the router is no summary, and is not discarded."""
    r = router(A, networks=(P1, WIDE), aggregates=(PLAIN,))
    assert sole(tuple(route for route in r.tables().loc_rib if route.prefix == WIDE)).source is RouteSource.STATIC
    assert [(lost.because, lost.values) for lost in decision(r, WIDE).lost] == [
        (Because.NOT_OWN_ROUTE, "aggregated against own")
    ]
    assert fib(r) == {}


def test_an_export_policy_may_ask_for_aggregates() -> None:
    """The origin of an aggregate is its own kind of source."""
    summaries = accept(Change(), Match(source=(RouteSource.AGGREGATE,)))
    r = router(A, with_rules(B, export_policies=(summaries,)), networks=(OUTSIDE,), aggregates=(PLAIN,))
    learn(r, A, route_from(A, P1))
    assert [route.prefix for route in adj_rib_out(r, B)] == [WIDE]


@pytest.mark.parametrize("as_set", [False, True])
def test_one_more_route_costs_the_same_however_many_there_are(*, as_set: bool) -> None:
    """The calls that a route takes under an aggregate of a thousand are those that it takes under one of a hundred."""
    r = router(A, B, aggregates=(replace(PLAIN, as_set=as_set),))
    routes = [route_from(A, prefix) for prefix in WIDE.subnets(new_prefix=26)][:1100]
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    def counted(some: list[Route]) -> int:
        nonlocal calls
        calls = 0
        before = sys.getprofile()
        sys.setprofile(count)
        for route in some:
            learn(r, A, route)
        sys.setprofile(before)
        return calls

    early = counted(routes[:100])
    counted(routes[100:1000])
    assert counted(routes[1000:]) < 1.2 * early
