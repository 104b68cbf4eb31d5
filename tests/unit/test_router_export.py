"""From the best path to the Adj-RIB-Out: what a router sends, to whom, and changed how (RFC 4271 §9.2)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from builders import (
    A6,
    P1,
    P2,
    REJECT_ALL,
    A,
    B,
    I,
    J,
    accept,
    adj_rib_out,
    announced,
    any_of,
    bring_up,
    export,
    fib,
    learn,
    node,
    route_from,
    router,
    set_to,
    sole,
    unlearn,
    with_rules,
    withdrawn,
)
from lab.bgp import (
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    Address,
    Aggregator,
    Asn,
    AsPath,
    AttributeChange,
    Community,
    ExtendedCommunity,
    LeakedNetwork,
    RemovePrivate,
    Route,
    RouteSource,
    UnknownAttribute,
    parse_prefix,
)
from lab.events import Announce, LinkChanged, RemoveRoute, Withdraw
from lab.explanation import AppliedRule, Export
from lab.plan import SessionPlan
from lab.policy import Change, CommunityChange, Match, NextHopRule
from lab.router import Router

FROM_A = ip_address("198.51.100.2")
FROM_B = ip_address("198.51.100.6")
LEADING, ALL, REPLACE = RemovePrivate
UNTOUCHED, UNCHANGED = accept(Change()), accept(Change(next_hop_rule=NextHopRule.UNCHANGED))


def test_towards_an_external_peer_the_router_puts_itself_in_front() -> None:
    """eBGP: own AS prepended, own address as next hop, no LOCAL_PREF (RFC 4271 §5.1.2, §5.1.3, §5.1.5)."""
    r = router(with_rules(A, import_policies=(accept(Change(local_pref=set_to(200), weight=set_to(5))),)), B)
    learn(r, A, route_from(A, P1, 64999))
    assert adj_rib_out(r, B) == (
        Route(prefix=P1, next_hop=IPv4Address("198.51.100.5"), as_path=AsPath.of(65010, 65001, 64999)),
    )


def test_towards_an_internal_peer_the_route_stays_as_it_is() -> None:
    """Inside, path and next hop stay, LOCAL_PREF is always present, weight never (RFC 4271 §5.1.3, §5.1.5)."""
    r = router(with_rules(A, import_policies=(accept(Change(weight=set_to(5))),)), I)
    learn(r, A, route_from(A))
    assert adj_rib_out(r, I) == (Route(prefix=P1, next_hop=FROM_A, as_path=AsPath.of(65001), local_pref=100),)


def test_local_pref_of_the_import_policy_travels_inside_the_as() -> None:
    """LOCAL_PREF carries, inside the AS, the degree of preference that the import policy gave (RFC 4271 §5.1.5)."""
    r = router(with_rules(A, import_policies=(accept(Change(local_pref=set_to(200))),)), I)
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, I)).local_pref == 200


def test_next_hop_self_replaces_the_next_hop_towards_an_internal_peer() -> None:
    """With next_hop_self the router names itself (RFC 4271 §5.1.3)."""
    r = router(A, with_rules(I, next_hop_self=True))
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, I)).next_hop == I.local_address


def test_an_own_network_is_announced_with_the_own_address() -> None:
    """A locally originated route has the session's address as next hop, and an empty path inside (RFC 4271 §5.1.3)."""
    r = router(A, I, networks=(P1,))
    assert adj_rib_out(r, I) == (Route(prefix=P1, next_hop=I.local_address, local_pref=100),)
    assert adj_rib_out(r, A) == (Route(prefix=P1, next_hop=A.local_address, as_path=AsPath.of(65010)),)


def test_ibgp_routes_are_not_passed_on_by_ibgp() -> None:
    """A route of an internal peer goes to external peers only (RFC 4271 §9.2)."""
    r = router(I, J, A)
    learn(r, I, route_from(I))
    assert adj_rib_out(r, J) == ()
    assert export(r, J).refused == "learned by iBGP, and not passed on by iBGP (RFC 4271 §9.2)"
    assert [route.prefix for route in adj_rib_out(r, A)] == [P1]


@pytest.mark.parametrize("plan", [A, I], ids=["eBGP", "iBGP"])
def test_a_route_is_not_sent_back(plan: SessionPlan) -> None:
    """The neighbour that the best path came from is not sent it."""
    r = router(plan)
    learn(r, plan, route_from(plan))
    assert adj_rib_out(r, plan) == ()
    assert export(r, plan).refused == "learned from this neighbour"


def test_a_neighbour_that_becomes_best_is_withdrawn_from() -> None:
    """When the best path moves to a neighbour, what it was sent before is withdrawn."""
    r = router(A, B)
    learn(r, B, route_from(B))
    assert [route.prefix for route in adj_rib_out(r, A)] == [P1]
    effects = learn(r, A, route_from(A))
    assert withdrawn(effects, A) == [P1]
    assert [route.as_path for route in announced(effects, B)] == [AsPath.of(65010, 65001)]


def test_an_ebgp_session_without_export_policy_is_sent_nothing() -> None:
    """Without an export policy nothing is announced to an external peer (RFC 8212 §2)."""
    bare = with_rules(A, export_policies=())
    r = router(bare, networks=(P1,))
    assert adj_rib_out(r, A) == ()
    assert export(r, A).refused == "no export policy on an eBGP session (RFC 8212)"


@pytest.mark.parametrize(
    ("community", "told"),
    [
        pytest.param(Community("65001:1"), ["b", "i"], id="an ordinary one"),
        pytest.param(NO_EXPORT, ["i"], id="NO_EXPORT"),
        pytest.param(NO_EXPORT_SUBCONFED, ["i"], id="NO_EXPORT_SUBCONFED"),
        pytest.param(NO_ADVERTISE, [], id="NO_ADVERTISE"),
    ],
)
def test_well_known_communities_hold_routes_back(community: Community, told: list[str]) -> None:
    """NO_EXPORT and NO_EXPORT_SUBCONFED stop at the AS, NO_ADVERTISE at the router (RFC 1997)."""
    r = router(A, B, I)
    learn(r, A, replace(route_from(A), communities=(community,)))
    assert [plan.neighbor for plan in (B, I) if adj_rib_out(r, plan)] == told
    assert [route.communities for plan in (B, I) for route in adj_rib_out(r, plan)] == [(community,)] * len(told)
    assert fib(r) == {P1: ("198.51.100.2",)}


def test_a_well_known_community_added_at_export_is_for_the_receiver() -> None:
    """NO_EXPORT binds who receives it (RFC 1997), so an export policy can attach it."""
    r = router(
        with_rules(A, export_policies=(accept(Change(communities=CommunityChange(add=(NO_EXPORT,)))),)), networks=(P1,)
    )
    assert sole(adj_rib_out(r, A)).communities == (NO_EXPORT,)


def test_a_med_stays_in_the_as_that_received_it() -> None:
    """A MED learned from one AS is kept inside and not shown to another (RFC 4271 §5.1.4)."""
    r = router(A, B, I)
    learn(r, A, replace(route_from(A), multi_exit_disc=50))
    assert sole(adj_rib_out(r, B)).multi_exit_disc is None
    assert sole(adj_rib_out(r, I)).multi_exit_disc == 50


def test_a_med_learned_inside_does_not_leave_the_as() -> None:
    """A MED that came by iBGP is not shown to another AS either (RFC 4271 §5.1.4)."""
    r = router(I, B)
    learn(r, I, replace(route_from(I, P1, 65001), multi_exit_disc=50))
    assert sole(adj_rib_out(r, B)).multi_exit_disc is None


def test_an_export_policy_sets_a_med_of_its_own() -> None:
    """The MED that an export policy sets is announced (RFC 4271 §5.1.4)."""
    r = router(A, with_rules(B, export_policies=(accept(Change(multi_exit_disc=set_to(7))),)))
    learn(r, A, replace(route_from(A), multi_exit_disc=50))
    assert sole(adj_rib_out(r, B)).multi_exit_disc == 7


def test_local_pref_of_an_export_policy_does_not_leave_the_as() -> None:
    """LOCAL_PREF is never sent to an external peer (RFC 4271 §5.1.5)."""
    r = router(with_rules(A, export_policies=(accept(Change(local_pref=set_to(500))),)), networks=(P1,))
    assert sole(adj_rib_out(r, A)).local_pref is None


@pytest.mark.parametrize("plan", [A, I], ids=["eBGP", "iBGP"])
def test_weight_never_leaves_the_router(plan: SessionPlan) -> None:
    """A weight is local, even one that an export policy sets."""
    r = router(with_rules(plan, export_policies=(accept(Change(weight=set_to(5))),)), networks=(P1,))
    assert sole(adj_rib_out(r, plan)).weight == 0


def test_prepends_of_the_export_policy_stand_behind_the_own_as() -> None:
    """The own AS is added last, and so is the newest (RFC 4271 §5.1.2)."""
    r = router(A, with_rules(B, export_policies=(accept(Change(prepend=(Asn(65010), Asn(64999)))),)))
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, B)).as_path == AsPath.of(65010, 65010, 64999, 65001)


def test_private_as_numbers_are_removed_where_asked() -> None:
    """Private AS numbers before the first public one are removed, and the own AS is added after (RFC 6996 §4)."""
    r = router(
        A,
        with_rules(B, remove_private_asns=RemovePrivate.LEADING),
        with_rules(I, remove_private_asns=RemovePrivate.LEADING),
    )
    learn(r, A, route_from(A, P1, 12076, 65515), route_from(A, P2, 64999))
    assert [route.as_path for route in adj_rib_out(r, B)] == [AsPath.of(65010, 12076, 65515), AsPath.of(65010)]
    assert [route.as_path for route in adj_rib_out(r, I)] == [AsPath.of(65001, 12076, 65515), AsPath.of(65001, 64999)]


def test_an_unchanged_route_is_not_announced_again() -> None:
    """An UPDATE that changes nothing for a session causes none (RFC 4271 §9.2)."""
    r = router(A, B)
    learn(r, A, route_from(A))
    assert learn(r, A, route_from(A)) == []
    assert learn(r, A, replace(route_from(A), multi_exit_disc=9)) == []
    assert sole(r.tables().loc_rib).multi_exit_disc == 9


def test_an_export_policy_that_starts_to_reject_withdraws() -> None:
    """When a replaced route is no longer exported, it is withdrawn, and announced when it is again."""
    tagged = Match(community=any_of("65001:1"))
    r = router(A, with_rules(B, export_policies=(accept(Change(), tagged),)))
    good = replace(route_from(A), communities=(Community("65001:1"),))
    assert len(announced(learn(r, A, good), B)) == 1
    assert learn(r, A, route_from(A)) == [Withdraw(session=B.name, prefixes=(P1,))]
    assert len(announced(learn(r, A, good), B)) == 1


def test_a_route_that_was_never_sent_is_not_withdrawn() -> None:
    """Nothing is withdrawn from a session that was not sent the prefix."""
    r = router(A, with_rules(B, export_policies=(REJECT_ALL,)))
    learn(r, A, route_from(A))
    assert unlearn(r, A, P1) == [RemoveRoute(prefix=P1)]


# rules of a session


@pytest.mark.parametrize(
    ("rules", "received", "sent"),
    [
        pytest.param({}, "65001 12076 65515", "65010 65001 12076 65515", id="none"),
        pytest.param({"remove_private_asns": LEADING}, "65001 12076 65515", "65010 12076 65515", id="leading"),
        pytest.param({"remove_private_asns": LEADING}, "65001 64999", "65010", id="leading, and all are"),
        pytest.param({"remove_private_asns": ALL}, "65001 12076 65515", "65010 12076", id="all"),
        pytest.param({"remove_private_asns": REPLACE}, "65001 12076 65515", "65010 65010 12076 65010", id="replaced"),
        pytest.param({"as_override": True}, "65001 65002 65002", "65010 65001 65010 65010", id="as_override"),
        pytest.param({"as_override": True}, "65001 {1,65002}", "65010 65001 {1,65010}", id="as_override in a set"),
        pytest.param({"as_override": True}, "65001 1", "65010 65001 1", id="as_override of nobody"),
        pytest.param(
            {"as_override": True, "remove_private_asns": LEADING}, "65001 12076 65002", "65010 12076 65010", id="both"
        ),
    ],
)
def test_the_path_that_an_external_peer_is_sent(rules: dict[str, object], received: str, sent: str) -> None:
    """Private ASes go (RFC 6996 §4), the neighbour's becomes the own one, and the own AS stands in front."""
    r = router(A, with_rules(B, **rules), with_rules(I, **rules))
    learn(r, A, replace(route_from(A), as_path=AsPath.parse(received)))
    assert str(sole(adj_rib_out(r, B)).as_path) == sent
    assert str(sole(adj_rib_out(r, I)).as_path) == received


DEFAULT, DEFAULT6 = parse_prefix("0.0.0.0/0"), parse_prefix("::/0")


@pytest.mark.parametrize(
    ("plan", "route"),
    [
        (A, Route(prefix=DEFAULT, next_hop=A.local_address, as_path=AsPath.of(65010))),
        (A6, Route(prefix=DEFAULT6, next_hop=A6.local_address, as_path=AsPath.of(65010))),
        (I, Route(prefix=DEFAULT, next_hop=I.local_address, local_pref=100)),
    ],
    ids=["eBGP", "IPv6", "iBGP"],
)
def test_a_default_route_is_made_for_a_neighbour(plan: SessionPlan, route: Route) -> None:
    """default_originate sends a default route of the session's family as soon as it is up, past every policy."""
    r = Router(node(with_rules(plan, default_originate=True, export_policies=(REJECT_ALL,))))
    assert bring_up(r, plan) == [Announce(session=plan.name, routes=(route,))]
    assert export(r, plan, route.prefix) == Export(
        session=plan.name,
        outcome=None,
        refused="",
        route=route,
        applied=(AppliedRule(rule="default_originate makes it", changes=(), chosen=True),),
    )
    assert r.tables().loc_rib == ()
    assert fib(r) == {}


def test_a_default_route_that_is_learned_does_not_change_the_one_that_is_made() -> None:
    """The neighbour is sent the same default route before, with and after another one, even its own."""
    r = router(A, with_rules(B, default_originate=True), J)
    assert announced(learn(r, A, route_from(A, DEFAULT)), B) == []
    assert [str(route.as_path) for route in (*adj_rib_out(r, B), *adj_rib_out(r, J))] == ["65010", "65001"]
    assert withdrawn(learn(r, B, route_from(B, DEFAULT)), B) == []
    assert withdrawn(unlearn(r, A, DEFAULT), B) == []
    assert [str(route.as_path) for route in adj_rib_out(r, B)] == ["65010"]


def test_networks_are_told_apart_by_where_they_come_from() -> None:
    """An export policy may ask whether a network is connected, static, leaked from a VRF, or learned."""
    lan, fixed, leaked = parse_prefix("192.0.2.0/24"), parse_prefix("10.8.0.0/16"), parse_prefix("10.9.0.0/16")
    found = {}
    for name, match in {
        "connected": Match(source=(RouteSource.CONNECTED,)),
        "static": Match(source=(RouteSource.STATIC,)),
        "bgp": Match(source=(RouteSource.BGP,)),
        "branch": Match(vrf=("branch",)),
        "lab": Match(vrf=("lab",)),
    }.items():
        r = router(
            A,
            with_rules(B, export_policies=(accept(Change(), match),)),
            networks=(lan, fixed),
            leaked_networks=(LeakedNetwork(prefix=leaked, vrf="branch"),),
        )
        learn(r, A, route_from(A))
        assert all((route.source, route.vrf) == (RouteSource.BGP, "") for route in adj_rib_out(r, B))
        found[name] = [route.prefix for route in adj_rib_out(r, B)]
    assert found == {"connected": [lan], "static": [fixed, leaked], "bgp": [P1], "branch": [leaked], "lab": []}


def test_a_connected_network_is_announced_while_its_link_is_up() -> None:
    """A network that no interface of the router reaches any more is withdrawn; a static one stays."""
    lan, fixed = parse_prefix("192.0.2.0/24"), parse_prefix("10.8.0.0/16")
    r = router(A, networks=(lan, fixed))
    assert [route.prefix for route in adj_rib_out(r, A)] == [fixed, lan]
    assert r.handle(LinkChanged(interface="lan", up=False)) == [Withdraw(session=A.name, prefixes=(lan,))]
    assert [route.prefix for route in adj_rib_out(r, A)] == [fixed]
    assert [route.prefix for route in announced(r.handle(LinkChanged(interface="lan", up=True)), A)] == [lan]


# next hops


OTHER = ip_address("198.51.100.99")
OWN = {plan.name: plan.local_address for plan in (A, B, I, J)}


@pytest.mark.parametrize(
    ("source", "target", "change", "next_hop"),
    [
        pytest.param(A, B, Change(), OWN[B.name], id="eBGP to eBGP: the own address"),
        pytest.param(A, B, Change(next_hop_rule=NextHopRule.SELF), OWN[B.name], id="eBGP to eBGP, self: the same"),
        pytest.param(A, B, Change(next_hop_rule=NextHopRule.UNCHANGED), A.peer_address, id="eBGP to eBGP, unchanged"),
        pytest.param(A, B, Change(next_hop=OTHER), OTHER, id="eBGP to eBGP, an address"),
        pytest.param(A, B, Change(next_hop=ip_address("2001:db8::9")), OWN[B.name], id="an address of IPv6 is none"),
        pytest.param(A, I, Change(), A.peer_address, id="eBGP to iBGP: as it was (RFC 4271 §5.1.3 1)"),
        pytest.param(A, I, Change(next_hop_rule=NextHopRule.SELF), OWN[I.name], id="eBGP to iBGP, self"),
        pytest.param(A, I, Change(next_hop_rule=NextHopRule.UNCHANGED), A.peer_address, id="eBGP to iBGP, unchanged"),
        pytest.param(A, I, Change(next_hop=OTHER), OTHER, id="eBGP to iBGP, an address"),
        pytest.param(I, B, Change(), OWN[B.name], id="iBGP to eBGP: the own address"),
        pytest.param(I, B, Change(next_hop_rule=NextHopRule.UNCHANGED), I.peer_address, id="iBGP to eBGP, unchanged"),
        pytest.param(None, B, Change(), OWN[B.name], id="own to eBGP: the own address"),
        pytest.param(None, I, Change(), OWN[I.name], id="own to iBGP: the own address"),
        pytest.param(
            None, I, Change(next_hop_rule=NextHopRule.UNCHANGED), OWN[I.name], id="own, unchanged: there is none"
        ),
        pytest.param(None, I, Change(next_hop=OTHER), OTHER, id="own, an address"),
    ],
)
def test_the_next_hop_that_is_sent(
    source: SessionPlan | None, target: SessionPlan, change: Change, next_hop: Address
) -> None:
    """The session chooses the next hop (RFC 4271 §5.1.3), unless the export policy does."""
    r = router(A, *(with_rules(p, export_policies=(accept(change),)) for p in (B, I)), networks=() if source else (P1,))
    if source is not None:
        learn(r, source, route_from(source))
    assert sole(adj_rib_out(r, target)).next_hop == next_hop


def test_next_hop_self_is_for_routes_from_outside() -> None:
    """With next_hop_self a route of another AS gets the own address inside, unless a policy chose one."""
    r = router(A, with_rules(I, next_hop_self=True), with_rules(J, next_hop_self=True, export_policies=(UNCHANGED,)))
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, I)).next_hop == I.local_address
    assert sole(adj_rib_out(r, J)).next_hop == A.peer_address
    assert export(r, I).applied[0] == AppliedRule(
        rule="next_hop_self",
        changes=(AttributeChange(attribute="next_hop", before="198.51.100.2", after="192.0.2.1"),),
        chosen=True,
    )


def test_next_hop_self_needs_no_policy() -> None:
    """Without an export policy, which iBGP does not need, next_hop_self is in force as well."""
    r = router(A, with_rules(I, next_hop_self=True, export_policies=()))
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, I)).next_hop == I.local_address


def test_a_policy_knows_the_own_as_of_its_session() -> None:
    """What a policy puts in the place of a private AS is the router's own."""
    replaced = accept(Change(remove_private_asns=REPLACE))
    r = router(with_rules(A, import_policies=(replaced,)), with_rules(I, export_policies=(replaced,)), J)
    learn(r, A, route_from(A, P1, 12076))
    assert [str(sole(adj_rib_out(r, plan)).as_path) for plan in (I, J)] == ["65010 12076"] * 2


# the trace of what a session does beside its policy


def applied(which: Router, plan: SessionPlan) -> dict[str, list[str]]:
    """The rules that changed what a session is sent, with the changes as text."""
    return {
        one.rule: [f"{change.attribute}: {change.before} -> {change.after}" for change in one.changes]
        for one in export(which, plan).applied
    }


EXTENDED = tuple(map(ExtendedCommunity, ("target:65001:1", "target:192.0.2.1:1", "4004000000000001")))
RICH = replace(
    route_from(A, P1, 64999),
    as_path=AsPath.parse("65001 64999 65002"),
    multi_exit_disc=50,
    extended_communities=EXTENDED,
    atomic_aggregate=True,
    aggregator=Aggregator(Asn(64999), IPv4Address("10.0.0.9")),
    unknown=(UnknownAttribute(99, "00"),),
)


def test_all_that_is_done_to_a_route_that_leaves_the_as_is_told() -> None:
    """Towards another AS: every rule that changed the route, in order, before and after."""
    r = router(
        with_rules(A, import_policies=(accept(Change(local_pref=set_to(300))),)),
        with_rules(B, remove_private_asns=LEADING, as_override=True, export_policies=(UNTOUCHED,)),
    )
    learn(r, A, RICH)
    assert applied(r, B) == {
        "a MED stays in the AS that received it (RFC 4271 §5.1.4)": ["multi_exit_disc: 50 -> "],
        "eBGP (RFC 4271 §5.1.3)": ["next_hop: 198.51.100.2 -> 198.51.100.5"],
        "remove_private_asns leading": ["as_path: 65001 64999 65002 -> "],
        "eBGP (RFC 4271 §5.1.2)": ["as_path:  -> 65010"],
        "they stay in the AS (RFC 4271 §5.1.5, RFC 4456 §8, RFC 4360 §6)": [
            "local_pref: 300 -> ",
            f"extended_communities: {' '.join(EXTENDED)} -> {' '.join(EXTENDED[:2])}",
        ],
    }
    assert adj_rib_out(r, B) == (
        replace(
            RICH,
            next_hop=B.local_address,
            as_path=AsPath.of(65010),
            multi_exit_disc=None,
            extended_communities=EXTENDED[:2],
        ),
    )


def test_as_override_is_told() -> None:
    """The AS that took the neighbour's place is in the trace."""
    r = router(A, with_rules(B, as_override=True))
    learn(r, A, RICH)
    assert applied(r, B)["as_override"] == ["as_path: 65001 64999 65002 -> 65001 64999 65010"]


def test_what_is_done_to_a_route_inside_the_as_is_told() -> None:
    """Towards an internal peer a route gets a LOCAL_PREF and keeps everything else, non-transitive communities too."""
    r = router(A, I)
    learn(r, A, RICH)
    assert applied(r, I) == {"iBGP (RFC 4271 §5.1.5)": ["local_pref:  -> 100"]}
    assert adj_rib_out(r, I) == (replace(RICH, local_pref=100),)


def test_what_is_done_to_an_own_route_is_told() -> None:
    """An own network gets the address of the session and the own AS."""
    r = router(A, I, networks=(P1,))
    assert applied(r, A) == {
        "the router's own route (RFC 4271 §5.1.3)": ["next_hop: 0.0.0.0 -> 198.51.100.1"],
        "eBGP (RFC 4271 §5.1.2)": ["as_path:  -> 65010"],
    }
    assert applied(r, I) == {
        "the router's own route (RFC 4271 §5.1.3)": ["next_hop: 0.0.0.0 -> 192.0.2.1"],
        "iBGP (RFC 4271 §5.1.5)": ["local_pref:  -> 100"],
    }


def test_a_confederation_is_left_behind() -> None:
    """Segments of a confederation do not leave it (RFC 5065 §4.1 c)."""
    r = router(I, A)
    learn(r, I, replace(route_from(I), as_path=AsPath.parse("(65011 65012) 1 2")))
    assert str(sole(adj_rib_out(r, A)).as_path) == "65010 1 2"
