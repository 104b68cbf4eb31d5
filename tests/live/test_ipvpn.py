"""IPVPNs: routes with distinguishers, labels and route targets on real sessions, and packets between their sites."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.bgp import Route, parse_extended_community, parse_route_distinguisher
from lab.checks import Evidence, find, flows_of
from lab.expectations import ReachabilityExpectation
from lab.plan import Plan
from networks import Seen, live, policies
from vpn_networks import VRF_RULES, VpnNet, flows

CONTOSO = ("contoso-h1", "contoso-h2")
FABRIKAM = ("fabrikam-h1", "fabrikam-h2")


def two_customers(*, edges: int = 2, reflectors: int = 0) -> VpnNet:
    """Two customers with the same addresses and the same AS, each with a site at the first and at the last edge."""
    net = VpnNet(edges, reflectors)
    for name, number in (("contoso", 100), ("fabrikam", 200)):
        net.customer(name, number)
        net.site(name, 1, "pe1")
        net.site(name, 2, f"pe{edges}")
    return net


def received(seen: Seen, router: str, neighbor: str) -> dict[str, Route]:
    """The VPN routes that a router has from a neighbour, by distinguisher and prefix."""
    sessions = (s for s in seen.tables.of(router).sessions if s.neighbor == neighbor)
    return {str(route.nlri): route for session in sessions for route in session.adj_rib_in}


def ends_with(seen: Seen, source: str) -> set[str]:
    """Where the answered packets of a host arrived."""
    return {one.forward[-1] for one in seen.flows if one.flow.source == source and one.answered}


def test_two_customers_with_the_same_addresses_reach_their_own_sites_only() -> None:
    """Packets to one and the same address arrive at the site of whoever sent them, in both families."""
    (seen,) = live(two_customers().plan(), flows=[*flows(*CONTOSO), *flows(*FABRIKAM)])

    assert all(one.answered for one in seen.flows)
    assert ends_with(seen, "contoso-h1") == {"contoso-h2"}
    assert ends_with(seen, "fabrikam-h1") == {"fabrikam-h2"}
    ways = {one.forward for one in seen.flows if one.flow.source == "contoso-h1"}
    assert ways == {("contoso-h1", "contoso-ce1", "pe1-contoso", "pe2-contoso", "contoso-ce2", "contoso-h2")}


@pytest.mark.parametrize(
    ("imports", "last"),
    [
        pytest.param((), "pe1-fabrikam", id="isolated"),
        pytest.param(("target:65000:200", "target:65000:100"), "pe2-fabrikam", id="negative control: imports"),
    ],
)
def test_packets_to_another_customer_are_stopped_at_the_providers_edge(imports: tuple[str, ...], last: str) -> None:
    """With a default route to the provider packets enter its VRF, and go on only where that imports more."""
    net = VpnNet(2)
    for name, number, sites in (("contoso", 100, (1, 4)), ("fabrikam", 200, (1, 2))):
        net.customer(name, number)
        for site, edge in zip(sites, ("pe1", "pe2"), strict=True):
            net.site(name, site, edge, **{edge: replace(VRF_RULES, default_originate=name == "fabrikam")})
    if imports:
        net.imports("pe1", "fabrikam", *imports)
    plan = net.plan()
    asked = ReachabilityExpectation(
        where="", source="fabrikam-h1", destination="contoso-h4", reachable=False, stopped_at="pe1-fabrikam"
    )
    (seen,) = live(plan, flows=flows_of(asked, plan))

    assert [one.forward[-1] for one in seen.flows] == [last, last]
    evidence = Evidence(plan=plan, tables=seen.tables, flows={one.flow: one for one in seen.flows})
    assert find(asked, evidence).holds is (last == "pe1-fabrikam")


def test_a_route_crosses_the_core_with_distinguisher_label_and_target() -> None:
    """A VRF's routes go to the other edges with all that is a VPN's, and none of it is left in the other VRF."""
    (seen,) = live(two_customers().plan())

    routes = received(seen, "pe2", "pe1")
    assert set(routes) == {
        f"198.19.0.1:{number} {prefix}" for number in (100, 200) for prefix in ("10.0.1.0/24", "fd10:0:1::/64")
    }
    one = routes["198.19.0.1:200 10.0.1.0/24"]
    assert (one.label, one.extended_communities) == (200, (parse_extended_community("target:65000:200"),))
    assert str(one.next_hop) == "198.19.0.1"
    assert str(routes["198.19.0.1:100 fd10:0:1::/64"].next_hop) == "fd65:4364::1"
    taken = seen.loc_rib("pe2-fabrikam")["10.0.1.0/24"]
    assert (taken.rd, taken.label, str(taken.next_hop)) == (None, None, "198.19.0.1")
    assert not seen.fib("pe2")
    assert seen.loc_rib("fabrikam-ce2")["10.0.1.0/24"].extended_communities == ()


def test_nothing_inside_of_a_router_looks_like_reflection() -> None:
    """Without a reflector no route has an ORIGINATOR_ID or a CLUSTER_LIST, though each crosses three iBGP sessions."""
    (seen,) = live(two_customers().plan())

    routes = [r for t in seen.tables.routers for s in t.sessions for r in s.adj_rib_in]
    assert len(routes) > 20
    assert not any(route.originator_id or route.cluster_list for route in routes)


def test_a_route_reflector_adds_originator_and_cluster() -> None:
    """Edges with a session to a reflector only learn one another's routes, marked as reflected (RFC 4456 §8)."""
    (seen,) = live(two_customers(reflectors=1).plan(), flows=[*flows(*CONTOSO), *flows(*FABRIKAM)])

    route = received(seen, "pe2", "rr1")["198.19.0.1:100 10.0.1.0/24"]
    assert route.originator_id == IPv4Address("198.19.0.1")
    assert route.cluster_list == (IPv4Address("198.19.0.3"),)
    assert str(route.next_hop) == "198.19.0.1"
    assert not any(s.neighbor.startswith("pe1") for s in seen.tables.of("pe2").sessions)
    assert all(one.answered for one in seen.flows)


def test_two_reflectors_give_each_edge_both_paths() -> None:
    """With two reflectors every edge has each route twice, and takes no route for its own that came back."""
    (seen,) = live(two_customers(reflectors=2).plan(), flows=flows(*CONTOSO))

    one = "198.19.0.1:100 10.0.1.0/24"
    assert one in received(seen, "pe2", "rr1")
    assert one in received(seen, "pe2", "rr2")
    assert received(seen, "pe1", "rr1").keys() == received(seen, "pe1", "rr2").keys()
    assert all(one.answered for one in seen.flows)


@pytest.fixture(scope="module")
def mismatch() -> list[Seen]:
    """An edge that imports another route target, and the same one put right while the lab runs."""
    wrong, right = two_customers(), two_customers()
    wrong.imports("pe2", "contoso", "target:65000:999")
    return live(wrong.plan(), right.plan(), flows=[*flows(*CONTOSO), *flows(*FABRIKAM)])


def test_nothing_arrives_where_no_route_target_matches(mismatch: list[Seen]) -> None:
    """A VRF that imports another target has no route of its VPN, and packets stop there; the other VPN goes on."""
    wrong, _ = mismatch

    assert "198.19.0.1:100 10.0.1.0/24" in received(wrong, "pe2-contoso", "pe2")
    assert set(wrong.loc_rib("pe2-contoso")) == {"10.0.2.0/24", "fd10:0:2::/64"}
    assert "10.0.1.0/24" not in wrong.loc_rib("contoso-ce2")
    assert {one.flow.source for one in wrong.flows if one.answered} == {*FABRIKAM}
    assert not any("fabrikam" in node for one in wrong.flows for node in one.forward if one.flow.source in CONTOSO)


def test_a_route_target_can_be_put_right_in_a_running_lab(mismatch: list[Seen]) -> None:
    """With the right target the VRF takes in what it had refused, and packets arrive."""
    _, right = mismatch

    assert "10.0.1.0/24" in right.loc_rib("contoso-ce2")
    assert all(one.answered for one in right.flows)


def test_a_vrf_takes_nothing_of_another_customers_site() -> None:
    """A prefix that only one customer has is unknown to the other, and a packet for it never leaves the edge."""
    net = two_customers()
    net.site("fabrikam", 7, "pe2")
    question = flows("fabrikam-h1", "fabrikam-h7")
    foreign = [replace(flow, source="contoso-h1") for flow in question if flow.source == "fabrikam-h1"]
    (seen,) = live(net.plan(), flows=[*question, *foreign])

    answered = {(one.flow.source, one.answered) for one in seen.flows}
    assert answered == {("fabrikam-h1", True), ("fabrikam-h7", True), ("contoso-h1", False)}
    assert "10.0.7.0/24" in seen.loc_rib("fabrikam-ce1")
    assert "10.0.7.0/24" not in seen.loc_rib("contoso-ce1")


def changed(plan: Plan, node: str, **what: object) -> Plan:
    """A plan in which the BGP of one node is another."""
    nodes = []
    for one in plan.nodes:
        bgp = replace(one.bgp, **what) if one.name == node and one.bgp else one.bgp  # type: ignore[arg-type]
        nodes.append(replace(one, bgp=bgp))
    return replace(plan, nodes=tuple(nodes))


def test_a_withdrawn_network_leaves_every_edge() -> None:
    """A network that a site gives up disappears from the VPN's tables, and from nothing else."""
    plan = two_customers().plan()
    before, after = live(plan, changed(plan, "contoso-ce1", networks=()))

    gone = {"198.19.0.1:100 10.0.1.0/24", "198.19.0.1:100 fd10:0:1::/64"}
    assert set(received(before, "pe2", "pe1")) - set(received(after, "pe2", "pe1")) == gone
    assert "10.0.1.0/24" not in after.loc_rib("contoso-ce2")
    assert "10.0.1.0/24" in after.loc_rib("fabrikam-ce2")


def test_a_changed_distinguisher_replaces_the_route() -> None:
    """A VRF with another distinguisher withdraws its routes under the old one."""
    plan = two_customers().plan()
    bgp = plan.node("pe1-contoso").bgp
    assert bgp is not None
    assert bgp.vrf is not None
    other = replace(bgp.vrf, rd=parse_route_distinguisher("70000:7"))
    _, after = live(plan, changed(plan, "pe1-contoso", vrf=other), flows=flows(*CONTOSO))

    assert {one for one in received(after, "pe2", "pe1") if ":200 " not in one} == {
        "70000:7 10.0.1.0/24",
        "70000:7 fd10:0:1::/64",
    }
    assert all(one.answered for one in after.flows)


PREFERRED = policies("policies: {preferred: [{set: {local_pref: 200}, then: accept}]}")["preferred"]


@pytest.fixture(scope="module")
def two_links() -> list[Seen]:
    """A site with links to two edges, the first of which is preferred; without and with a site of origin."""
    seen = []
    for site in (None, parse_extended_community("origin:65000:1")):
        rules = replace(VRF_RULES, site_of_origin=site)
        net = VpnNet(3)
        net.customer("contoso", 100)
        net.site("contoso", 1, "pe1", "pe2", pe1=replace(rules, import_policies=(PREFERRED,)), pe2=rules)
        net.site("contoso", 2, "pe3")
        seen += live(net.plan(), flows=flows(*CONTOSO))
    return seen


def test_a_site_at_two_edges_is_reached_by_the_preferred_one(two_links: list[Seen]) -> None:
    """Its local preference crosses the core with the route, so the other edge prefers the core to its own link."""
    for seen in two_links:
        assert seen.loc_rib("pe3-contoso")["10.0.1.0/24"].next_hop == IPv4Address("198.19.0.1")
        assert seen.loc_rib("pe2-contoso")["10.0.1.0/24"].next_hop == IPv4Address("198.19.0.1")
        assert all(flow.answered and "pe1-contoso" in flow.forward for flow in seen.flows)


def test_a_site_hears_nothing_of_itself_by_its_site_of_origin(two_links: list[Seen]) -> None:
    """Where as_override hides the loop, the other edge sends a site its own route back, unless both mark the site."""
    plain, marked = two_links

    assert "10.0.1.0/24" in received(plain, "contoso-ce1", "pe2-contoso")
    assert "10.0.1.0/24" not in received(marked, "contoso-ce1", "pe2-contoso")
    assert "10.0.2.0/24" in received(marked, "contoso-ce1", "pe2-contoso")
