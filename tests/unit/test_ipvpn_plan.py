"""Plans of IPVPNs, and their routers in memory: imports, exports, choices and the session inside of a router."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bgp import Family, Route, parse_extended_community, parse_nlri
from lab.events import Announce, UpdateReceived
from lab.forwarding import Flow, predict_flow
from lab.plan import Plan, Role, SessionPlan
from lab.plan.ipvpn import Provider, Vpn, VrfPart, ipvpn
from lab.predict import predict
from lab.report import as_text, tables_json
from lab.rib import Because
from vpn_networks import CUSTOMER, PROVIDER, VpnNet

CONTOSO, FABRIKAM = Vpn(name="contoso", number=100), Vpn(name="fabrikam", number=200)
SITE1, SITE2 = parse_nlri("10.0.1.0/24"), parse_nlri("10.0.2.0/24")


def two_customers(edges: int = 2, reflectors: int = 0) -> VpnNet:
    """Contoso and fabrikam, each with a site at the first edge and one at the second."""
    net = VpnNet(edges, reflectors)
    for vpn in (CONTOSO, FABRIKAM):
        net.customer(vpn.name, vpn.number)
        net.site(vpn.name, 1, "pe1")
        net.site(vpn.name, 2, "pe2")
    return net


def sessions(plan: Plan, node: str) -> dict[str, SessionPlan]:
    """The sessions of a router by name."""
    bgp = plan.node(node).bgp
    return {one.name: one for one in bgp.sessions} if bgp else {}


def test_every_edge_has_sessions_with_every_other() -> None:
    """One for each family, named by the routes that they carry, both ends agreeing on who listens."""
    plan = two_customers(3).plan()
    assert {name for name in sessions(plan, "pe1") if "-" not in name} == {
        f"pe{n}/vpnv{v}" for n in (2, 3) for v in (4, 6)
    }
    for (router, name), (_, far) in plan.far_ends().items():
        assert sessions(plan, router)[name].passive is not far.passive


def test_with_reflectors_edges_have_sessions_with_these_alone() -> None:
    """The edges are clients, and the reflectors are none of each other."""
    plan = two_customers(3, 2).plan()
    assert {one.neighbor for one in sessions(plan, "pe1").values() if not one.within_router} == {"rr1", "rr2"}
    clients = {one.neighbor: one.rules.route_reflector_client for one in sessions(plan, "rr1").values()}
    assert clients == {"pe1": True, "pe2": True, "pe3": True, "rr2": False}
    assert plan.node("rr1").role is Role.ROUTE_REFLECTOR


def test_both_ends_of_every_session_are_found() -> None:
    """Though two customers have the same addresses, each session's far end is that of its own customer."""
    plan = two_customers().plan()
    ends = plan.far_ends()
    assert len(ends) == sum(len(node.bgp.sessions) for node in plan.routers if node.bgp)
    assert ends["pe1-fabrikam", "fabrikam-ce1/ipv4"][0] == "fabrikam-ce1"
    assert all(far.neighbor == router for (router, _), (_, far) in ends.items())


def test_an_edge_has_one_vrf_of_a_vpn() -> None:
    """Two would have one and the same end of the tunnels."""
    part = VrfPart(edge="pe1", vpn=CONTOSO)
    with pytest.raises(ValueError, match="one VRF"):
        ipvpn(Provider(asn=PROVIDER, edges=("pe1",)), [part, part])


@pytest.mark.parametrize("number", [15, 65536])
def test_a_number_of_a_vpn_is_a_label_and_a_route_targets_value(number: int) -> None:
    """Below 16 labels have meanings of their own, and the distinguisher of an address has 16 bits for it."""
    with pytest.raises(ValueError, match="16 to 65535"):
        Vpn(name="contoso", number=number)


def test_packets_stay_in_their_vpn() -> None:
    """The walk of a packet from edge to edge goes by the tunnels of its own customer."""
    plan = two_customers().plan()
    tables = predict(plan).tables
    for vpn in (CONTOSO.name, FABRIKAM.name):
        for family in Family:
            found = predict_flow(plan, tables, Flow(source=f"{vpn}-h1", destination=f"{vpn}-h2", family=family))
            assert found.forward[2:4] == (f"pe1-{vpn}", f"pe2-{vpn}")
            assert found.answered


def test_explain_at_a_vrf_tells_of_every_route_of_the_prefix() -> None:
    """The one that was imported with what was taken off, and the other customer's with the targets that did not fit."""
    taken, refused = predict(two_customers().plan()).routers["pe1-contoso"].explain(SITE2).candidates
    assert [one.rule for one in taken.applied] == ["imported into the VRF (RFC 4364 §4.3.1)"]
    assert [change.attribute for change in taken.applied[0].changes] == ["rd", "label"]
    assert refused.refused == (
        "its route targets are target:65000:200, imported are target:65000:100 (RFC 4364 §4.3.1)"
    )


def test_explain_at_a_core_instance_asks_for_a_distinguisher() -> None:
    """The two customers' routes to one prefix are two there, and without a distinguisher there is none."""
    router = predict(two_customers().plan()).routers["pe1"]
    (one,) = router.explain(parse_nlri("198.19.0.2:200 10.0.2.0/24")).candidates
    assert one.session == "pe2/vpnv4"
    assert one.path is not None
    assert one.path.route.label == 200
    assert router.explain(SITE2).candidates == ()


def test_nothing_passes_between_two_vrfs_of_an_edge() -> None:
    """Even where the one imports the other's target: the tunnels have no way for it."""
    net = two_customers()
    net.imports("pe1", "fabrikam", "target:65000:200", "target:65000:100")
    routers = predict(net.plan()).routers
    (export,) = [
        one
        for one in routers["pe1"].explain(parse_nlri("198.19.0.1:100 10.0.1.0/24")).exports
        if one.session == "pe1-fabrikam/vpnv4"
    ]
    assert "another VRF of this router" in export.refused


def test_a_customers_route_targets_go_no_further() -> None:
    """A CE cannot put its routes into another VPN; what else it says in extended communities stays."""
    plan = two_customers().plan()
    routers = predict(plan).routers
    mine = sessions(plan, "pe1-contoso")["contoso-ce1/ipv4"]
    said = tuple(map(parse_extended_community, ("target:65000:200", "origin:65010:5")))
    received = Route(
        prefix=next(r.prefix for r in routers["contoso-ce1"].tables().loc_rib if str(r.prefix) == "10.0.1.0/24"),
        next_hop=mine.peer_address,
        as_path=routers["pe2-contoso"].tables().loc_rib[0].as_path,
        extended_communities=said,
    )
    effects = routers["pe1-contoso"].handle(UpdateReceived(session=mine.name, announced=(received,)))
    (sent,) = [route for one in effects if isinstance(one, Announce) and "vpnv4" in one.session for route in one.routes]
    assert set(sent.extended_communities) == {said[1], parse_extended_community("target:65000:100")}


def test_of_two_imported_routes_the_lower_distinguisher_wins() -> None:
    """Where all else is equal, so that the choice does not depend on which came first."""
    net = VpnNet(3)
    net.customer("contoso", 100)
    net.site("contoso", 1, "pe1", "pe2")
    net.site("contoso", 2, "pe3")
    decision = predict(net.plan()).routers["pe3-contoso"].explain(SITE1).decision
    assert decision is not None
    assert decision.best is not None
    assert str(decision.best.rd) == "198.19.0.1:100"
    (lost,) = decision.lost
    assert (lost.because, lost.values) == (
        Because.HIGHER_DISTINGUISHER,
        "198.19.0.2:100 against 198.19.0.1:100",
    )


def test_tables_show_distinguishers_and_labels() -> None:
    """In text before the prefix, and in JSON as keys of their own."""
    plan = two_customers().plan()
    tables = predict(plan).tables.of("pe1")
    assert "198.19.0.2:100 10.0.2.0/24    100    198.19.0.2 (pe2)" in as_text.table(plan, tables, "routes")
    assert '"rd": "198.19.0.2:100",\n      "label": 100' in tables_json.table(plan, tables, "routes")
    assert '"family": "vpnv4"' in tables_json.table(plan, tables, "sessions")
    assert CUSTOMER in {one.peer_asn for one in sessions(plan, "pe1-contoso").values()}


def test_rules_of_a_vrf_can_change_in_a_running_lab_and_its_label_cannot() -> None:
    """Distinguisher and targets are rules; the label is the number of the tunnels."""
    plan = two_customers().plan()
    other = two_customers()
    other.imports("pe1", "contoso", "target:65000:999")
    assert plan.without_rules() == other.plan().without_rules()
    relabelled = tuple(replace(one, label=one.label + 1) for one in plan.overlays)
    assert plan.without_rules() != replace(plan, overlays=relabelled).without_rules()
