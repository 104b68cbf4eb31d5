"""Route reflection: who is sent what, and the attributes that keep it from running in circles (RFC 4456)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from builders import (
    P1,
    ROUTER_IDS,
    A,
    I,
    J,
    adj_rib_out,
    best_neighbor,
    candidate,
    decision,
    export,
    learn,
    route_from,
    router,
    sole,
    with_rules,
)
from lab.bgp import AsPath, AttributeChange, Route
from lab.explanation import AppliedRule
from lab.plan import SessionPlan
from lab.rib import Because

OWN_ID, CLUSTER = IPv4Address("10.255.0.1"), IPv4Address("10.0.0.99")


def client(plan: SessionPlan) -> SessionPlan:
    """The session with a client of this route reflector."""
    return with_rules(plan, route_reflector_client=True)


@pytest.mark.parametrize(
    ("source", "i", "j", "told"),
    [
        pytest.param("i", I, J, ["a"], id="RFC 4271 §9.2: no client, nothing by iBGP"),
        pytest.param("i", client(I), J, ["a", "j"], id="RFC 4456 §6 2: from a client to all"),
        pytest.param("i", I, client(J), ["a", "j"], id="RFC 4456 §6 1: from a non-client to clients"),
        pytest.param("i", client(I), client(J), ["a", "j"], id="RFC 4456 §6 2: from a client to clients"),
        pytest.param("a", I, client(J), ["i", "j"], id="RFC 4456 §6 3: from outside to all"),
        pytest.param(None, I, client(J), ["a", "i", "j"], id="own routes to all"),
    ],
)
def test_who_is_sent_a_route(source: str | None, i: SessionPlan, j: SessionPlan, told: list[str]) -> None:
    """A reflector passes routes from and to its clients on by iBGP; the sender is not sent its own."""
    sessions = {"a": A, "i": i, "j": j}
    r = router(*sessions.values(), networks=() if source else (P1,))
    if source is not None:
        learn(r, sessions[source], route_from(sessions[source]))
    assert [name for name, plan in sessions.items() if adj_rib_out(r, plan)] == told


def test_a_route_between_non_clients_is_told_to_be_held_back() -> None:
    """The reason for a non-client is that of every router."""
    r = router(I, J)
    learn(r, I, route_from(I))
    assert export(r, J).refused == "learned by iBGP, and not passed on by iBGP (RFC 4271 §9.2)"


@pytest.mark.parametrize(
    ("cluster_id", "received", "originator", "clusters"),
    [
        pytest.param(None, {}, IPv4Address(ROUTER_IDS["i"]), (OWN_ID,), id="the router ids, by default (RFC 4456 §7)"),
        pytest.param(CLUSTER, {}, IPv4Address(ROUTER_IDS["i"]), (CLUSTER,), id="a cluster id of two reflectors"),
        pytest.param(
            None,
            {"originator_id": IPv4Address(77), "cluster_list": (IPv4Address(78),)},
            IPv4Address(77),
            (OWN_ID, IPv4Address(78)),
            id="an ORIGINATOR_ID stays, and the CLUSTER_LIST grows in front",
        ),
    ],
)
def test_a_reflected_route_says_where_it_has_been(
    cluster_id: IPv4Address | None,
    received: dict[str, object],
    originator: IPv4Address,
    clusters: tuple[IPv4Address, ...],
) -> None:
    """A reflector tells who brought a route into the AS, and puts its cluster before the list; the rest stays (§8)."""
    route = replace(route_from(I, P1, 65001), local_pref=150, multi_exit_disc=7, **received)  # type: ignore[arg-type]  # names of Route
    r = router(client(I), J, cluster_id=cluster_id)
    learn(r, I, route)
    assert adj_rib_out(r, J) == (replace(route, originator_id=originator, cluster_list=clusters),)
    before = route.originator_id, " ".join(map(str, route.cluster_list))
    changes = [
        AttributeChange(attribute="originator_id", before=str(before[0] or ""), after=str(originator)),
        AttributeChange(attribute="cluster_list", before=before[1], after=" ".join(map(str, clusters))),
    ]
    assert export(r, J).applied == (
        AppliedRule(rule="reflected (RFC 4456 §8)", changes=tuple(one for one in changes if one.before != one.after)),
    )


def test_next_hop_self_leaves_a_reflected_route_alone() -> None:
    """A reflector should not change the next hop of what it reflects (RFC 4456 §10)."""
    r = router(client(I), with_rules(J, next_hop_self=True))
    learn(r, I, route_from(I))
    assert sole(adj_rib_out(r, J)).next_hop == I.peer_address


@pytest.mark.parametrize("source", [A, None], ids=["from outside", "own"])
def test_only_what_is_reflected_is_marked(source: SessionPlan | None) -> None:
    """A route that enters the AS here, or that is the router's own, has been in no cluster."""
    r = router(A, client(I), networks=() if source else (P1,))
    if source is not None:
        learn(r, source, route_from(source))
    sent = sole(adj_rib_out(r, I))
    assert (sent.originator_id, sent.cluster_list) == (None, ())


def test_the_marks_do_not_leave_the_as() -> None:
    """ORIGINATOR_ID and CLUSTER_LIST are non-transitive (RFC 4456 §8)."""
    r = router(client(I), A)
    learn(r, I, replace(route_from(I), originator_id=IPv4Address(77), cluster_list=(IPv4Address(78),)))
    assert adj_rib_out(r, A) == (Route(prefix=P1, next_hop=A.local_address, as_path=AsPath.of(65010)),)


@pytest.mark.parametrize(
    ("cluster_id", "received", "refused"),
    [
        pytest.param(None, {"originator_id": OWN_ID}, "ORIGINATOR_ID 10.255.0.1 is this router", id="originator"),
        pytest.param(
            None,
            {"cluster_list": (IPv4Address(9), OWN_ID)},
            "CLUSTER_LIST holds this router's cluster 10.255.0.1",
            id="id",
        ),
        pytest.param(
            CLUSTER, {"cluster_list": (CLUSTER,)}, "CLUSTER_LIST holds this router's cluster 10.0.0.99", id="cluster id"
        ),
        pytest.param(CLUSTER, {"cluster_list": (OWN_ID,)}, "", id="the router id is not its cluster id"),
        pytest.param(None, {"originator_id": CLUSTER, "cluster_list": (CLUSTER,)}, "", id="another's"),
    ],
)
def test_a_route_that_returns_is_refused(
    cluster_id: IPv4Address | None, received: dict[str, object], refused: str
) -> None:
    """A route that this router brought in, or that has been in its cluster, is ignored (RFC 4456 §8)."""
    r = router(I, cluster_id=cluster_id)
    learn(r, I, replace(route_from(I), **received))  # type: ignore[arg-type]  # names of Route
    told = candidate(r, I)
    assert told.refused == (f"{refused} (RFC 4456 §8)" if refused else "")
    assert (told.path is None) is bool(refused)


def test_an_external_route_is_no_loop_of_reflection() -> None:
    """From outside the two attributes mean nothing, also where they name this router (RFC 4456 §8)."""
    r = router(A)
    learn(r, A, replace(route_from(A), originator_id=OWN_ID, cluster_list=(OWN_ID,)))
    assert r.tables().loc_rib == (route_from(A),)


def test_the_originator_decides_and_not_the_reflector() -> None:
    """Of two reflected routes the lower ORIGINATOR_ID wins, then the shorter CLUSTER_LIST (RFC 4456 §9)."""
    r = router(I, J)
    learn(r, I, replace(route_from(I), originator_id=IPv4Address(9), cluster_list=(IPv4Address(50),)))
    learn(r, J, replace(route_from(J), originator_id=IPv4Address(8), cluster_list=(IPv4Address(51), IPv4Address(52))))
    assert best_neighbor(r) == "j"
    assert [(one.because, one.values) for one in decision(r).lost] == [
        (Because.HIGHER_ROUTER_ID, "0.0.0.9 against 0.0.0.8")
    ]
    learn(r, J, replace(route_from(J), originator_id=IPv4Address(9), cluster_list=(IPv4Address(51), IPv4Address(52))))
    assert best_neighbor(r) == "i"
    assert [(one.because, one.values) for one in decision(r).lost] == [(Because.LONGER_CLUSTER_LIST, "2 against 1")]
