"""What Microsoft's edge and gateway do with routes on private peering, and between circuits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import (
    A6,
    P1,
    P2,
    A,
    B,
    I,
    J,
    adj_rib_in,
    adj_rib_out,
    best_neighbor,
    candidate,
    decision,
    export,
    learn,
    router,
    sole,
)
from circuits import AZURE, CUSTOMER_ASN, HUB, PRIVATE, circuit, edge, microsoft_peering, public
from lab.bgp import (
    GRACEFUL_SHUTDOWN,
    NO_EXPORT,
    Asn,
    AsPath,
    Community,
    Counted,
    Family,
    LargeCommunity,
    Prefix,
    Route,
    parse_prefix,
)
from lab.events import CEASE_MAXIMUM_PREFIXES, CloseSession
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.facts import GATEWAY_ASN, MICROSOFT_ASN
from lab.plan import SessionPlan
from lab.plan.microsoft_edge import (
    GATEWAY_BEST_PATH,
    Edge,
    edge_best_path,
    edge_bfd,
    edge_towards_customer,
    edge_towards_gateway,
    edge_towards_global_reach,
    gateway_towards_edge,
)
from lab.router import Router
from lab.topology import (
    Circuit,
    Connection,
    Link,
    Maintenance,
    MaintenancePhase,
    Peering,
    PrefixState,
    Provisioning,
    Sku,
    VirtualNetwork,
)

PREPENDED = Maintenance(link=Link.PRIMARY, phase=MaintenancePhase.PREPENDED)
DRAINED = Maintenance(link=Link.PRIMARY, phase=MaintenancePhase.DRAINED)

CUSTOMER, CUSTOMER6, GATEWAY, REACHED, THIRD = (
    replace(one, local_asn=MICROSOFT_ASN, peer_asn=asn)
    for one, asn in (
        (A, CUSTOMER_ASN),
        (A6, CUSTOMER_ASN),
        (B, GATEWAY_ASN),
        (I, MICROSOFT_ASN),
        (J, MICROSOFT_ASN),
    )
)
"""Of an edge: with the customer in both families, a gateway, and edges of two circuits that Global Reach joins."""


def msee(at: Edge) -> Router:
    """A Microsoft edge with sessions to a customer in both families, a gateway and two edges of other circuits."""
    return router(
        replace(CUSTOMER, rules=edge_towards_customer(at, PRIVATE, Family.IPV4, CUSTOMER_ASN)),
        replace(CUSTOMER6, rules=edge_towards_customer(at, PRIVATE, Family.IPV6, CUSTOMER_ASN)),
        replace(GATEWAY, rules=edge_towards_gateway(at, Family.IPV4)),
        *(replace(one, rules=edge_towards_global_reach(at)) for one in (REACHED, THIRD)),
        asn=MICROSOFT_ASN,
    )


def route(session: SessionPlan, path: str, prefix: Prefix = P1, **attributes: object) -> Route:
    """A route that arrives on a session."""
    made = Route(prefix=prefix, next_hop=session.peer_address, as_path=AsPath.parse(path))
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


def sent(which: Router, session: SessionPlan) -> list[tuple[str, str]]:
    """The prefixes and paths that a session was sent."""
    return [(str(one.prefix), str(one.as_path)) for one in adj_rib_out(which, session)]


# between customer and gateway


@pytest.mark.parametrize(
    ("prefix", "session"),
    [
        pytest.param("0.0.0.0/0", CUSTOMER, id="the default route"),
        pytest.param("10.1.2.3/32", CUSTOMER, id="a host"),
        pytest.param("203.0.113.0/24", CUSTOMER, id="not private"),
        pytest.param("::/0", CUSTOMER6, id="the default route of IPv6"),
    ],
)
def test_any_valid_prefix_is_taken(prefix: str, session: SessionPlan) -> None:
    """Private peering takes any prefix, up to /32, and the default route (expressroute-routing.md, 2026-03-12)."""
    r = msee(edge())
    learn(r, session, route(session, "65001", parse_prefix(prefix)))
    assert candidate(r, session, parse_prefix(prefix)).path is not None


def test_the_gateway_sees_12076_before_the_customer() -> None:
    """The path at a gateway is `12076-65001` (use-s2s-vpn-as-backup-for-expressroute-privatepeering.md, 2022-12-27)."""
    r = msee(edge())
    learn(r, CUSTOMER, route(CUSTOMER, "65001 65020"))
    assert sent(r, GATEWAY) == [("10.1.0.0/16", "12076 65001 65020")]


def test_the_customer_sees_only_12076_before_a_vnet() -> None:
    """The path of a VNet is `12076`, the gateway's private AS is not in it (the same document)."""
    r = msee(edge())
    learn(r, GATEWAY, route(GATEWAY, "65515"))
    assert sent(r, CUSTOMER) == [("10.1.0.0/16", "12076")]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        pytest.param("leading", "12076 12076 65020 3356 65030", id="as observed"),
        pytest.param("all", "12076 12076 3356"),
        pytest.param("replace", "12076 12076 12076 3356 12076"),
    ],
)
def test_private_as_numbers_towards_the_customer(answer: str, path: str) -> None:
    """Of another site's path the private numbers behind 12076 stay, unless the file answers otherwise."""
    r = msee(edge(assumed={"private_asns_to_customer": answer}))
    learn(r, REACHED, route(REACHED, "12076 65020 3356 65030", local_pref=100))
    assert sent(r, CUSTOMER) == [("10.1.0.0/16", path)]


def test_what_the_customer_says_in_communities_is_taken_off() -> None:
    """Communities of any kind are stripped, and none is honoured (expressroute-routing.md, 2026-03-12)."""
    r = msee(edge())
    tags = (GRACEFUL_SHUTDOWN, NO_EXPORT)
    learn(r, CUSTOMER, route(CUSTOMER, "65001", communities=tags, large_communities=(LargeCommunity("1:2:3"),)))
    at_gateway = sole(adj_rib_out(r, GATEWAY))
    assert (at_gateway.communities, at_gateway.large_communities) == ((), ())
    assert [one.route.local_pref for one in decision(r).multipath] == [None]


def test_communities_may_be_assumed_to_be_carried() -> None:
    """Where they are carried the well-known ones are still taken off, and so NO_EXPORT keeps nothing back."""
    r = msee(edge(assumed={"customer_communities": "carried"}))
    tags = (Community("65001:1"), NO_EXPORT, GRACEFUL_SHUTDOWN)
    learn(r, CUSTOMER, route(CUSTOMER, "65001", communities=tags, large_communities=(LargeCommunity("1:2:3"),)))
    at_gateway = sole(adj_rib_out(r, GATEWAY))
    assert (at_gateway.communities, at_gateway.large_communities) == (("65001:1",), ("1:2:3",))


@pytest.mark.parametrize(
    ("path", "accepted", "taken"),
    [
        ("65001 12076", "1", True),
        ("65001 12076 12076", "1", False),
        ("65001 12076 12076", "2", True),
        ("65001 12076", "0", False),
        ("65001 65515", "1", True),
    ],
)
def test_how_often_the_own_as_may_come_back(path: str, accepted: str, taken: bool) -> None:  # noqa: FBT001
    """The edge takes a path with 12076 once, as its published tables show, or as often as the file answers."""
    r = msee(edge(assumed={"own_asn_accepted": accepted}))
    learn(r, CUSTOMER, route(CUSTOMER, path))
    assert (candidate(r, CUSTOMER).path is not None) is taken


def test_a_vnet_shows_its_community_only_with_one_of_its_own() -> None:
    """A VNet's custom community comes with the region's, and without it there is neither.

    Source: how-to-configure-custom-bgp-communities.md, 2021-10-18.
    """
    spoke = VirtualNetwork(
        network=replace(HUB.network, name="spoke", prefixes=(P2,)), community=Community("12076:20001")
    )
    azure = replace(AZURE, vnets=(HUB, spoke))
    towards = replace(A, local_asn=GATEWAY_ASN, peer_asn=MICROSOFT_ASN, rules=gateway_towards_edge(azure, circuit()))
    r = router(towards, networks=(*HUB.network.prefixes, P2, parse_prefix("10.200.0.0/16")), asn=GATEWAY_ASN)
    assert {str(one.prefix): one.communities for one in adj_rib_out(r, towards)} == {
        "10.100.0.0/16": (),
        "10.2.0.0/16": ("12076:20001", "12076:50002"),
    }


# limits


@pytest.mark.parametrize(("sku", "ipv4"), [(Sku.LOCAL, 4000), (Sku.STANDARD, 4000), (Sku.PREMIUM, 10000)], ids=str)
def test_limits_of_private_peering(sku: Sku, ipv4: int) -> None:
    """4,000 prefixes of IPv4, 10,000 with Premium, and 100 of IPv6 (expressroute-faqs.md, 2026-03-31)."""
    limits = {f: edge_towards_customer(edge(circuit(sku)), PRIVATE, f, CUSTOMER_ASN).max_prefix for f in Family}
    assert [one and (one.limit, one.warning_percent) for one in limits.values()] == [(ipv4, 75), (100, 75)]


def test_limits_of_the_gateway() -> None:
    """A gateway may send 1,000 prefixes of IPv4 and 100 of IPv6 (expressroute-faqs.md, 2026-03-31)."""
    limits = [edge_towards_gateway(edge(), family).max_prefix for family in Family]
    assert [one and one.limit for one in limits] == [1000, 100]


def test_how_a_limit_counts_is_assumed() -> None:
    """The file may answer what is counted, when that is said and when the session is tried again."""
    answers = {"prefix_limit_counts": "accepted", "prefix_limit_warning_percent": "50", "prefix_limit_restart_s": "3"}
    limit = edge_towards_customer(edge(assumed=answers), PRIVATE, Family.IPV4, CUSTOMER_ASN).max_prefix
    assert limit is not None
    assert (limit.counted, limit.warning_percent, limit.restart_s) == (Counted.ACCEPTED, 50, 3)


@pytest.mark.parametrize(("count", "closes"), [(100, False), (101, True)])
def test_past_the_limit_the_session_is_closed(count: int, closes: bool) -> None:  # noqa: FBT001
    """A session over its limit is dropped, and comes back (expressroute-faqs.md, 2026-03-31)."""
    r = msee(edge())
    prefixes = [parse_prefix(f"2001:db8:{number:x}::/48") for number in range(count)]
    effects = learn(r, CUSTOMER6, *(route(CUSTOMER6, "65001", one) for one in prefixes))
    closed = [(e.subcode, e.hold_down_s) for e in effects if isinstance(e, CloseSession)]
    assert closed == ([(CEASE_MAXIMUM_PREFIXES, 10.0)] if closes else [])


# maintenance and closed sessions


def test_before_a_maintenance_12076_is_prepended_eight_times() -> None:
    """Towards the customer and towards the gateway alike, and nine are seen (planned-maintenance.md, 2023-05-10)."""
    r = msee(edge(circuit(maintenance=PREPENDED)))
    learn(r, GATEWAY, route(GATEWAY, "65515", P2))
    learn(r, CUSTOMER, route(CUSTOMER, "65001"))
    nine = " ".join(["12076"] * 9)
    assert sent(r, CUSTOMER) == [("10.2.0.0/16", nine)]
    assert sent(r, GATEWAY) == [("10.1.0.0/16", f"{nine} 65001")]
    steps = export(r, GATEWAY).outcome
    assert steps is not None
    assert [step.name for step in steps.steps if step.changes] == ["maintenance"]


def test_the_edge_of_the_other_link_does_not_prepend() -> None:
    """Primary and secondary edge have separate windows (planned-maintenance.md, 2023-05-10)."""
    r = msee(edge(circuit(maintenance=PREPENDED), Link.SECONDARY))
    learn(r, GATEWAY, route(GATEWAY, "65515"))
    assert sent(r, CUSTOMER) == [("10.1.0.0/16", "12076")]


@pytest.mark.parametrize(("maintenance", "closed"), [(None, False), (PREPENDED, False), (DRAINED, True)])
def test_a_drained_edge_closes_every_session(maintenance: Maintenance | None, closed: bool) -> None:  # noqa: FBT001
    """Sessions with the customer, the gateway and Global Reach are closed in a maintenance, and say why."""
    at = edge(circuit(maintenance=maintenance))
    rules = [
        edge_towards_customer(at, PRIVATE, Family.IPV4, CUSTOMER_ASN),
        edge_towards_gateway(at, Family.IPV4),
        edge_towards_global_reach(at),
    ]
    reason = "planned maintenance of the primary link's edge (inferred: planned-maintenance.md, 2023-05-10)"
    assert [one.shutdown for one in rules] == [reason if closed else ""] * 3


@pytest.mark.parametrize(
    ("at", "peering", "reason"),
    [
        pytest.param(circuit(), PRIVATE, "", id="nothing wrong"),
        pytest.param(
            circuit(provisioning=Provisioning.NOT_PROVISIONED),
            PRIVATE,
            "the circuit's provider status is 'not provisioned' (documented: expressroute-workflows.md, 2023-06-30)",
            id="circuit",
        ),
        pytest.param(
            circuit(),
            replace(PRIVATE, enabled=frozenset({Family.IPV6})),
            "the peering is disabled for ipv4 (documented: expressroute-circuit-peerings.md, 2026-08-27)",
            id="family",
        ),
        pytest.param(
            circuit(),
            microsoft_peering(public(state=PrefixState.VALIDATION_NEEDED)),
            "the advertised public prefixes need validation (documented: expressroute-workflows.md, 2023-06-30)",
            id="validation",
        ),
    ],
)
def test_why_a_session_with_the_customer_is_closed(at: Circuit, peering: Peering, reason: str) -> None:
    """A session that Microsoft does not enable says why."""
    rules = edge_towards_customer(edge(at), peering, Family.IPV4, CUSTOMER_ASN)
    assert rules.shutdown == reason


# the gateway's choice


def gateway(weights: dict[str, int]) -> Router:
    """A gateway with sessions to an edge of each of two circuits, `a` and `b`."""
    connections = tuple(Connection(circuit=name, weight=weight) for name, weight in weights.items())
    azure = replace(AZURE, connections=connections)
    sessions = [
        replace(
            one,
            local_asn=GATEWAY_ASN,
            peer_asn=MICROSOFT_ASN,
            rules=gateway_towards_edge(azure, circuit(name=one.neighbor)),
        )
        for one in (A, B)
    ]
    made = router(*sessions, asn=GATEWAY_ASN, best_path=GATEWAY_BEST_PATH)
    learn(made, sessions[0], route(sessions[0], "12076 65001 65001"))
    learn(made, sessions[1], route(sessions[1], "12076 65002"))
    return made


@pytest.mark.parametrize(
    ("weights", "neighbor"),
    [({}, "b"), ({"a": 100}, "a"), ({"a": 100, "b": 100}, "b"), ({"a": 32000, "b": 31999}, "a")],
    ids=str,
)
def test_the_weight_of_a_connection_comes_before_the_length_of_the_path(weights: dict[str, int], neighbor: str) -> None:
    """The highest weight wins, then the shortest path (expressroute-optimize-routing.md, 2023-06-15)."""
    assert best_neighbor(gateway(weights)) == neighbor


def test_equal_paths_of_circuits_share_the_load() -> None:
    """Of equal weight and length are used together, whatever the customer's AS, over at most four circuits.

    Source: expressroute-faqs.md, 2026-03-31; each circuit has two links.
    """
    r = gateway({})
    learn(r, A, route(A, "12076 65001"))
    assert {one.neighbor for one in decision(r).multipath} == {"a", "b"}
    assert GATEWAY_BEST_PATH.maximum_paths == 8


def test_how_many_paths_an_edge_uses_is_assumed() -> None:
    """Eight, unless the file answers otherwise."""
    assert [edge_best_path(Assumptions(one)).maximum_paths for one in ((), (("edge_maximum_paths", "1"),))] == [8, 1]


def test_the_edges_bfd() -> None:
    """300 ms both ways (expressroute-bfd.md, 2023-06-30), with a multiplier that is assumed."""
    bfd = [edge_bfd(Assumptions(one)) for one in ((), (("bfd_multiplier", "5"),))]
    assert [(one.transmit_interval_ms, one.receive_interval_ms) for one in bfd] == [(300, 300)] * 2
    assert [one.multiplier for one in bfd] == [3, 5]


# Global Reach


def test_the_customers_routes_cross_to_the_other_circuit_and_the_vnets_do_not() -> None:
    """Global Reach joins the sites of a customer, and each edge adds 12076 (expressroute-global-reach.md, 2019)."""
    r = msee(edge())
    learn(r, CUSTOMER, route(CUSTOMER, "65001"))
    learn(r, GATEWAY, route(GATEWAY, "65515", P2))
    assert sent(r, REACHED) == [("10.1.0.0/16", "12076 65001")]
    assert sole(adj_rib_out(r, REACHED)).next_hop == REACHED.local_address
    assert "vnets" in export(r, REACHED, P2).refused


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_how_often_12076_is_added_over_global_reach_is_assumed(extra: int) -> None:
    """Up to two more were seen than there are edges."""
    r = msee(edge(assumed={"global_reach_extra_prepends": str(extra)}))
    learn(r, CUSTOMER, route(CUSTOMER, "65001"))
    assert sent(r, REACHED) == [("10.1.0.0/16", " ".join(["12076"] * (1 + extra)) + " 65001")]


def test_what_came_over_global_reach_goes_to_the_customer_and_no_further() -> None:
    """It is pairwise: neither a third circuit nor, as is assumed, the gateway learns the route."""
    r = msee(edge())
    learn(r, REACHED, route(REACHED, "12076 65020", local_pref=100))
    assert sent(r, CUSTOMER) == [("10.1.0.0/16", "12076 12076 65020")]
    assert (sent(r, THIRD), sent(r, GATEWAY)) == ([], [])
    assert "not passed on by iBGP" in export(r, THIRD).refused
    assert "global-reach" in export(r, GATEWAY).refused


def test_the_gateway_may_be_assumed_to_learn_what_came_over_global_reach() -> None:
    """The file answers it."""
    r = msee(edge(assumed={"global_reach_to_gateway": "yes"}))
    learn(r, REACHED, route(REACHED, "12076 65020", local_pref=100))
    assert sent(r, GATEWAY) == [("10.1.0.0/16", "12076 12076 65020")]


def test_a_maintenance_is_no_loop_over_global_reach() -> None:
    """An edge takes what another sends while that drains, with all answers at their most."""
    most = {"global_reach_extra_prepends": "2", "own_asn_accepted": "10"}
    draining = msee(edge(circuit(maintenance=PREPENDED), assumed=most))
    learn(draining, CUSTOMER, route(CUSTOMER, "65001 " + "12076 " * 10))
    (crossed,) = adj_rib_out(draining, REACHED)
    other = msee(edge(assumed=most))
    learn(other, REACHED, replace(crossed, next_hop=REACHED.peer_address))
    assert candidate(other, REACHED).refused == ""
    assert len(adj_rib_in(other, REACHED)) == 1


def test_every_policy_names_a_document_or_says_that_it_is_assumed() -> None:
    """The source of each policy has a tag and, where it is no mere assumption, a document with its edition."""
    at = edge(circuit(maintenance=PREPENDED))
    rules = [
        edge_towards_customer(at, PRIVATE, Family.IPV4, Asn(65001)),
        edge_towards_gateway(at, Family.IPV4),
        edge_towards_global_reach(at),
        gateway_towards_edge(AZURE, circuit()),
    ]
    for policy in (one for r in rules for one in (*r.import_policies, *r.export_policies)):
        assert policy.source.split(":")[0] in ("documented", "observed"), policy.name
        assert ".md, 20" in policy.source
