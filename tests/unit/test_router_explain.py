"""What can be read of a router: its tables, their fingerprints, and the story of a prefix."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from builders import (
    A6,
    ACCEPT_ALL,
    P1,
    P2,
    P3,
    P6,
    REJECT_ALL,
    ROUTER_IDS,
    A,
    B,
    I,
    J,
    accept,
    adj_rib_out,
    bring_up,
    learn,
    mirror,
    node,
    route_from,
    router,
    set_to,
    sole,
    tear_down,
    with_rules,
)
from lab.bgp import (
    LOCAL,
    ON_THE_WIRE,
    Address,
    Aggregator,
    Asn,
    AsPath,
    AttributeChange,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    RouteDistinguisher,
    RouteSource,
    UnknownAttribute,
    parse_prefix,
)
from lab.events import (
    SessionUp,
    UpdateReceived,
)
from lab.explanation import AppliedRule, Candidate, Export
from lab.policy import Change, Outcome, evaluate
from lab.rib import Because, Decision, Path
from lab.router import Router
from lab.router.session import fingerprint
from lab.router.speaker import OWN_ROUTE_WEIGHT
from lab.tables import FibEntry, RouterTables, SessionTables

FROM_A = ip_address("198.51.100.2")
FROM_B = ip_address("198.51.100.6")


def test_tables_show_everything_in_prefix_order() -> None:
    """All tables are sorted by family, address and length, and sessions are as planned."""
    shorter, ipv6 = parse_prefix("10.0.0.0/15"), P6
    r = Router(node(A, A6, B))
    bring_up(r, A)
    bring_up(r, A6)
    learn(r, A6, route_from(A6, ipv6))
    learn(r, A, route_from(A, P2), route_from(A, P1), route_from(A, shorter))
    v4 = tuple(route_from(A, prefix) for prefix in (shorter, P1, P2))
    v6 = route_from(A6, ipv6)
    assert r.tables() == RouterTables(
        router="r",
        sessions=(
            SessionTables(session="a/ipv4", neighbor="a", established=True, adj_rib_in=v4),
            SessionTables(session="a/ipv6", neighbor="a", established=True, adj_rib_in=(v6,)),
            SessionTables(session="b/ipv4", neighbor="b", established=False, why_down="not yet connected"),
        ),
        loc_rib=(*v4, v6),
        fib=(
            *(FibEntry(prefix=route.prefix, next_hops=(FROM_A,)) for route in v4),
            FibEntry(prefix=ipv6, next_hops=(A6.peer_address,)),
        ),
    )


def test_both_ends_of_a_session_have_the_same_fingerprint() -> None:
    """What one end sent and the other received have equal fingerprints once all updates arrived, and not before."""
    near = router(A, networks=(P1, P2))
    far = Router(mirror(A))
    far.handle(SessionUp(session="r/ipv4", peer_router_id=9))
    for route in adj_rib_out(near, A):
        assert near.fingerprints()[A.name][2] != far.fingerprints()["r/ipv4"][1]
        far.handle(UpdateReceived(session="r/ipv4", announced=(route,)))
    assert near.fingerprints()[A.name][2] == far.fingerprints()["r/ipv4"][1]
    assert near.fingerprints()[A.name][2] != 0


def test_fingerprints_say_which_sessions_are_up() -> None:
    """A session that is down has empty tables, whose fingerprint is 0."""
    r = router(A, networks=(P1,))
    assert r.fingerprints() == {A.name: (True, 0, fingerprint(sole(adj_rib_out(r, A))), "")}
    tear_down(r, A)
    assert r.fingerprints() == {A.name: (False, 0, 0, "hold time expired")}


def test_the_fingerprint_of_a_table_is_the_exclusive_or_of_its_routes() -> None:
    """The order of routes does not matter, and no route hides another."""
    r = router(A, networks=(P1, P2))
    one, two = adj_rib_out(r, A)
    assert r.fingerprints()[A.name][2] == fingerprint(one) ^ fingerprint(two)


BASE = route_from(A)


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, prefix=P2),
        replace(BASE, next_hop=FROM_B),
        replace(BASE, origin=Origin.EGP),
        replace(BASE, as_path=AsPath.of(65002)),
        replace(BASE, local_pref=0),
        replace(BASE, multi_exit_disc=0),
        replace(BASE, communities=(Community("1:1"),)),
        replace(BASE, large_communities=(LargeCommunity("1:1:1"),)),
        replace(BASE, extended_communities=(ExtendedCommunity("target:1:1"),)),
        replace(BASE, atomic_aggregate=True),
        replace(BASE, aggregator=Aggregator(Asn(1), IPv4Address(1))),
        replace(BASE, originator_id=IPv4Address(1)),
        replace(BASE, cluster_list=(IPv4Address(1),)),
        replace(BASE, unknown=(UnknownAttribute(99, "00"),)),
        replace(BASE, rd=RouteDistinguisher("65001:1")),
        replace(BASE, label=16),
    ],
    ids=["prefix", *ON_THE_WIRE],
)
def test_a_fingerprint_covers_what_crosses_the_wire(changed: Route) -> None:
    """Two routes that differ on the wire have different fingerprints."""
    assert fingerprint(changed) != fingerprint(BASE)


@pytest.mark.parametrize(
    "changed", [replace(BASE, weight=7), replace(BASE, source=RouteSource.STATIC), replace(BASE, vrf="lab")], ids=LOCAL
)
def test_a_fingerprint_leaves_out_what_is_local(changed: Route) -> None:
    """A weight, a source and a VRF never cross the wire."""
    assert fingerprint(changed) == fingerprint(BASE)


def test_explain_tells_the_whole_story_of_a_prefix() -> None:
    """Every candidate with its import outcome, the decision, and what each session of the family is sent or why not."""
    r = router(A, with_rules(B, import_policies=(REJECT_ALL,)), A6, I, networks=(P1,))
    learn(r, A, route_from(A))
    learn(r, B, route_from(B))
    told = r.explain(P1)
    assert (told.router, told.prefix) == ("r", P1)
    own, from_a, from_b = told.candidates
    assert own.session is None
    assert own.path is not None
    assert (from_a.session, from_a.received, from_a.refused) == (A.name, route_from(A), "")
    assert from_a.outcome is not None
    assert from_a.outcome.because == "term 1 accepts"
    assert from_a.path is not None
    assert from_a.path.route == route_from(A)
    assert (from_b.path, from_b.refused) == (None, "import policy reject-all: term 1 rejects")
    assert told.decision is not None
    assert told.decision.because is Because.LOWER_WEIGHT
    assert [(e.session, e.route) for e in told.exports] == [
        (plan.name, sole(adj_rib_out(r, plan))) for plan in (A, B, I)
    ]


@pytest.mark.parametrize(("prefix", "next_hop"), [(P1, IPv4Address(0)), (P6, IPv6Address(0))])
def test_the_path_of_an_own_network(prefix: Prefix, next_hop: Address) -> None:
    """It comes from nobody, leads nowhere, and has the weight of own routes."""
    route = Route(prefix=prefix, next_hop=next_hop, weight=OWN_ROUTE_WEIGHT, source=RouteSource.STATIC)
    path = Path(route=route, neighbor=None, peer_address=None, peer_router_id=0, ebgp=False, interface=None)
    told = router(A, networks=(prefix,)).explain(prefix)
    assert told.candidates == (Candidate(session=None, received=None, outcome=None, refused="", path=path),)
    assert told.decision == Decision(best=path, multipath=(path,), lost=(), because=Because.ONLY_PATH)


def test_the_path_of_a_learned_route() -> None:
    """It has all that the decision compares, and its policy's trace is there whether it was accepted or not."""
    r = router(with_rules(I, import_policies=(REJECT_ALL,)), with_rules(J, route_reflector_client=True))
    learn(r, I, route_from(I))
    learn(r, J, route_from(J))
    rejected, accepted = r.explain(P1).candidates
    assert rejected == Candidate(
        session=I.name,
        received=route_from(I),
        outcome=evaluate(REJECT_ALL, route_from(I)),
        refused="import policy reject-all: term 1 rejects",
        path=None,
    )
    path = Path(
        route=route_from(J),
        neighbor="j",
        peer_address=J.peer_address,
        peer_router_id=ROUTER_IDS["j"],
        ebgp=False,
        interface="lan",
        gateway=J.peer_address,
        client=True,
    )
    assert accepted == Candidate(
        session=J.name, received=route_from(J), outcome=evaluate(ACCEPT_ALL, route_from(J)), refused="", path=path
    )


def test_the_story_of_what_is_sent() -> None:
    """What a session is sent comes with the trace of its policy and with every rule beside it."""
    tagging = accept(Change(weight=set_to(7)))
    r = router(with_rules(A, export_policies=(tagging,)), networks=(P1,))
    own = Route(prefix=P1, next_hop=IPv4Address(0), weight=OWN_ROUTE_WEIGHT, source=RouteSource.STATIC)
    (told,) = r.explain(P1).exports
    assert told == Export(
        session=A.name,
        outcome=evaluate(tagging, own),
        refused="",
        route=Route(prefix=P1, next_hop=A.local_address, as_path=AsPath.of(65010)),
        applied=(
            AppliedRule(
                rule="the router's own route (RFC 4271 §5.1.3)",
                changes=(AttributeChange(attribute="next_hop", before="0.0.0.0", after="198.51.100.1"),),  # noqa: S104  # no socket
            ),
            AppliedRule(
                rule="eBGP (RFC 4271 §5.1.2)",
                changes=(AttributeChange(attribute="as_path", before="", after="65010"),),
            ),
        ),
    )


def test_explain_names_the_export_policy_that_rejects() -> None:
    """The outcome of the export policy is part of the story."""
    r = router(with_rules(A, export_policies=(REJECT_ALL,)), networks=(P1,))
    (export,) = r.explain(P1).exports
    assert (export.route, export.refused) == (None, "export policy reject-all: term 1 rejects")
    assert isinstance(export.outcome, Outcome)


def test_explain_says_that_a_session_is_down() -> None:
    """A session that is down is sent nothing, and the story says why."""
    r = router(A, networks=(P1,))
    tear_down(r, A)
    (export,) = r.explain(P1).exports
    assert (export.route, export.refused) == (None, "the session is down: hold time expired")


def test_explain_of_an_unknown_prefix_is_empty() -> None:
    """A prefix that nobody offered has no candidates and no decision."""
    told = router(A).explain(P3)
    assert (told.candidates, told.decision) == ((), None)
    assert [e.refused for e in told.exports] == ["10.3.0.0/16 has no best path here"]


def test_explain_changes_nothing() -> None:
    """To ask is not to act."""
    r = router(A, B, networks=(P2,))
    learn(r, A, route_from(A))
    before = r.tables()
    r.explain(P1)
    assert r.tables() == before


def test_a_router_needs_no_session() -> None:
    """A router without sessions has its own networks and nothing else."""
    r = router(networks=(P1,))
    assert [route.prefix for route in r.tables().loc_rib] == [P1]
    assert r.fingerprints() == {}
