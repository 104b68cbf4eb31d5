"""Causes that lie beyond VPN sessions: a VRF, the core instances of two edges, a VRF, and who is behind them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contoso import REJECT_ALL, Contoso, of_plan, with_session_plans
from lab.bgp import Asn, Family, parse_prefix
from lab.causes import first_cause
from lab.checks import find
from lab.expectations import Expectation, ReachabilityExpectation, RouteExpectation, SessionExpectation, Table
from lab.plan import Plan, SessionPlan
from lab.tables import LabTables
from networks import policies
from vpn_networks import VRF_RULES, VpnNet

WHERE = "vpn.yaml:7"
NO_IMPORT = replace(VRF_RULES, import_policies=(REJECT_ALL,))
PREFERRED = policies("policies: {preferred: [{set: {local_pref: 200}, then: accept}]}")["preferred"]


def two_customers(reflectors: int = 0, imports: str = "", **rules: object) -> Plan:
    """Sites 1 and 3 of contoso at pe1, 2 and 4 at pe2, and two sites of fabrikam with the addresses of 1 and 2.

    pe2's VRF of contoso imports `imports`, if it is given; `rules` are those of the VRFs for contoso's first site.
    """
    net = VpnNet(2, reflectors)
    net.customer("contoso", 100)
    net.customer("fabrikam", 200)
    net.site("contoso", 1, "pe1", **rules)  # type: ignore[arg-type]  # SessionRules, by edge
    for customer, site, edge in (
        *(("contoso", 2, "pe2"), ("contoso", 3, "pe1"), ("contoso", 4, "pe2")),
        *(("fabrikam", 1, "pe1"), ("fabrikam", 2, "pe2")),
    ):
        net.site(customer, site, edge)
    if imports:
        net.imports("pe2", "contoso", imports)
    return net.plan()


def sends_nothing(plan: Plan, router: str) -> Contoso:
    """A plan in which a router sends no routes, predicted."""
    return with_session_plans(
        plan, router, lambda one: replace(one, rules=replace(one.rules, export_policies=(REJECT_ALL,)))
    )


def stranger(session: SessionPlan) -> SessionPlan:
    """A session of pe2 that expects another AS at pe1."""
    return replace(session, peer_asn=Asn(65999)) if session.neighbor == "pe1" else session


SITE_SILENT = (
    "Adj-RIB-Out: contoso-ce1 does not send 10.0.1.0/24 to pe1-contoso: export policy reject-all: term 1 rejects"
)

GOOD = of_plan(two_customers())
SILENT_SITE = sends_nothing(two_customers(), "contoso-ce1")
SILENT_REFLECTED = sends_nothing(two_customers(reflectors=1), "contoso-ce1")
CLOSED_VRF = of_plan(two_customers(pe1=NO_IMPORT))
OTHER_TARGET = of_plan(two_customers(imports="target:65000:999"))
CORE_DOWN = with_session_plans(two_customers(), "pe2", stranger)
WRONG_AS = "AS 65000 is there where 65999 is expected (RFC 4271 §6.2)"
AT_CE2 = RouteExpectation(where=WHERE, at="contoso-ce2", prefix=parse_prefix("10.0.1.0/24"))
TARGETS = "its route targets are target:65000:100, imported are target:65000:200 (RFC 4364 §4.3.1)"


def cause(expectation: Expectation, lab: Contoso = GOOD, seen: LabTables | None = None) -> str:
    """Why an expectation fails where `lab` is what was predicted and `seen` what was observed."""
    predicted, observed = lab.evidence(expectation), lab.evidence(expectation, tables=seen)
    return str(first_cause(expectation, lab.prediction, predicted, observed))


def reaches(source: str, destination: str, *via: str, present: bool = True) -> ReachabilityExpectation:
    """That packets of IPv4 arrive, or do not."""
    return ReachabilityExpectation(
        where=WHERE,
        source=source,
        destination=destination,
        family=Family.IPV4,
        via=via or None,
        reachable=present,
    )


@pytest.mark.parametrize(
    ("lab", "expectation", "expected"),
    [
        pytest.param(
            SILENT_SITE,
            AT_CE2,
            SITE_SILENT,
            id="the site at the other end sends nothing",
        ),
        pytest.param(
            SILENT_REFLECTED,
            AT_CE2,
            SITE_SILENT,
            id="beyond a route reflector",
        ),
        pytest.param(
            CLOSED_VRF,
            AT_CE2,
            "Loc-RIB: pe1-contoso refuses 10.0.1.0/24 from contoso-ce1: import policy reject-all: term 1 rejects",
            id="the provider refuses it",
        ),
        pytest.param(
            OTHER_TARGET,
            AT_CE2,
            "Loc-RIB: pe2-contoso refuses 10.0.1.0/24 from pe1-contoso by pe2: its route targets are "
            "target:65000:100, imported are target:65000:999 (RFC 4364 §4.3.1)",
            id="the VRF imports another target",
        ),
        pytest.param(
            GOOD,
            replace(AT_CE2, at="fabrikam-ce1", prefix=parse_prefix("10.0.4.0/24")),
            f"Loc-RIB: pe1-fabrikam refuses 10.0.4.0/24 from pe2-contoso by pe1: {TARGETS}",
            id="another customer's at another edge",
        ),
        pytest.param(
            GOOD,
            replace(AT_CE2, at="fabrikam-ce1", prefix=parse_prefix("10.0.3.0/24")),
            f"Loc-RIB: pe1-fabrikam does not import 198.19.0.1:100 10.0.3.0/24: {TARGETS}",
            id="another customer's at the same edge",
        ),
        pytest.param(
            CORE_DOWN,
            AT_CE2,
            f"session: pe1 - pe2 is down (vpnv4): {WRONG_AS}; so 10.0.1.0/24 never reaches pe2",
            id="the edges do not speak",
        ),
        pytest.param(
            GOOD,
            replace(AT_CE2, at="pe2", table=Table.FIB),
            "FIB: pe2 has 198.19.0.1:100 10.0.1.0/24 in its core instance, which forwards no packets of VPNs",
            id="asked about a FIB that has none",
        ),
        pytest.param(
            GOOD,
            replace(AT_CE2, at="pe2", neighbor="contoso-ce2", table=Table.ADJ_RIB_IN),
            "session: pe2 has no ipv4 session with contoso-ce2: it has them with pe1, pe2-contoso, pe2-fabrikam",
            id="a core instance speaks with no site",
        ),
    ],
)
def test_a_route_that_is_missing_is_followed_across_the_core(
    lab: Contoso, expectation: RouteExpectation, expected: str
) -> None:
    """What keeps a site's route from another site is named, on whichever side of the VPN sessions it is."""
    assert not find(expectation, lab.evidence(expectation)).holds
    assert cause(expectation, lab) == expected


def test_a_route_that_is_there_has_a_way_through_the_vpn() -> None:
    """The whole way is told: the policies of sites and VRFs, and the import from one VRF into the other."""
    assert cause(replace(AT_CE2, present=False)) == (
        "Loc-RIB: contoso-ce1 originates 10.0.1.0/24, and nothing keeps it from contoso-ce2: "
        "contoso-ce1 export policy accept: term 1 accepts; pe1-contoso import policy accept: term 1 accepts; "
        "pe2-contoso imports what pe1-contoso exports; "
        "pe2-contoso export policy accept: term 1 accepts; contoso-ce2 import policy accept: term 1 accepts"
    )


def test_an_absence_proves_nothing_while_the_core_is_down() -> None:
    """A VRF without a route proves no policy where the session that could bring it is down."""
    lab = with_session_plans(two_customers(), "pe2", lambda one: replace(one, peer_asn=Asn(65999)))
    absent = replace(AT_CE2, at="pe2-contoso", prefix=parse_prefix("10.9.0.0/16"), present=False)

    assert find(absent, GOOD.evidence()).holds is True
    assert find(absent, lab.evidence()).holds is None
    assert cause(absent, lab).startswith("session: pe2-contoso - pe2 is down (vpnv4): ")


def test_a_vrf_has_no_route_of_another_vpn_in_its_adj_rib_in() -> None:
    """What its router hands it of another customer's VPN is no route to a prefix of its own."""
    asked = RouteExpectation(
        where=WHERE, at="pe1-fabrikam", prefix=parse_prefix("10.0.4.0/24"), table=Table.ADJ_RIB_IN, neighbor="pe1"
    )
    received = [r.prefix for s in GOOD.tables.of("pe1-fabrikam").sessions for r in s.adj_rib_in]

    assert asked.prefix in received
    assert find(asked, GOOD.evidence()).holds is False
    assert find(replace(asked, present=False), GOOD.evidence()).holds is True
    assert find(replace(asked, prefix=parse_prefix("10.0.2.0/24")), GOOD.evidence()).holds is True


def test_a_session_for_vpns_is_one_of_its_family() -> None:
    """An expectation of one family is about the VPN session of that family."""
    asked = SessionExpectation(where=WHERE, routers=("pe1", "pe2"), family=Family.IPV4)

    assert find(asked, GOOD.evidence()).holds is True
    assert cause(asked, CORE_DOWN) == f"session: pe1 - pe2 is down (vpnv4): {WRONG_AS}"


# packets


@pytest.mark.parametrize(
    ("lab", "expectation", "expected"),
    [
        pytest.param(
            SILENT_SITE,
            reaches("contoso-h2", "contoso-h1"),
            f"{SITE_SILENT}; so contoso-ce2 has no route to 10.0.1.10",
            id="there",
        ),
        pytest.param(
            SILENT_SITE,
            reaches("contoso-h1", "contoso-h2"),
            f"{SITE_SILENT}; so the answer: contoso-ce2 has no route to 10.0.1.10",
            id="and back",
        ),
        pytest.param(
            GOOD,
            reaches("fabrikam-h1", "contoso-h4"),
            f"Loc-RIB: pe1-fabrikam refuses 10.0.4.0/24 from pe2-contoso by pe1: {TARGETS}; "
            "so fabrikam-ce1 has no route to 10.0.4.10",
            id="to another customer",
        ),
        pytest.param(
            GOOD,
            reaches("contoso-h1", "contoso-h2", "contoso-ce1", "pe1-contoso", "pe2-fabrikam", "contoso-ce2"),
            "Loc-RIB: pe1-contoso refuses 10.0.2.0/24 from pe2-fabrikam by pe1: "
            "its route targets are target:65000:200, imported are target:65000:100 (RFC 4364 §4.3.1)",
            id="by another customer's VRF",
        ),
    ],
)
def test_packets_that_are_lost_are_laid_to_the_route_that_is(
    lab: Contoso, expectation: ReachabilityExpectation, expected: str
) -> None:
    """Why packets between sites end is why the route that they lack is missing."""
    assert cause(expectation, lab) == expected


DEFAULT_FROM_PROVIDER = replace(VRF_RULES, default_originate=True)


def isolated(*imports: str) -> Contoso:
    """Two customers, fabrikam's site 1 with a default route from pe1, whose VRF of fabrikam may import more."""
    net = VpnNet(2)
    net.customer("contoso", 100)
    net.customer("fabrikam", 200)
    for customer, site, edge in (("contoso", 1, "pe1"), ("contoso", 4, "pe2"), ("fabrikam", 2, "pe2")):
        net.site(customer, site, edge)
    net.site("fabrikam", 1, "pe1", pe1=DEFAULT_FROM_PROVIDER)
    if imports:
        net.imports("pe1", "fabrikam", *imports)
    return of_plan(net.plan())


STOPPED = replace(reaches("fabrikam-h1", "contoso-h4", present=False), stopped_at="pe1-fabrikam")


def test_packets_to_another_customer_are_stopped_at_the_providers_edge() -> None:
    """They follow the default route to the VRF, which has none: no other router may be where they end."""
    lab = isolated()
    found = find(STOPPED, lab.evidence(STOPPED))

    assert (found.holds, found.text) == (True, "ipv4: stopped at pe1-fabrikam: pe1-fabrikam has no route to 10.0.4.10")
    elsewhere = replace(STOPPED, stopped_at="fabrikam-ce1")
    assert find(elsewhere, lab.evidence(elsewhere)).holds is False
    assert cause(elsewhere, lab).startswith(
        "FIB: fabrikam-ce1 has a route to 0.0.0.0/0: pe1-fabrikam originates 0.0.0.0/0"
    )


def test_a_vrf_that_imports_another_customers_routes_does_not_stop_packets() -> None:
    """A negative control: they go on to the next edge, whose VRF stops them, and the import is named."""
    lab = isolated("target:65000:200", "target:65000:100")
    found = find(STOPPED, lab.evidence(STOPPED))

    assert found.holds is False
    assert found.text == "ipv4: stopped at pe2-fabrikam: pe2-fabrikam has no route to 10.0.4.10"
    assert "pe1-fabrikam imports what pe2-contoso exports" in cause(STOPPED, lab)


def test_packets_prove_no_isolation_while_the_core_is_down() -> None:
    """A VRF that could not have learnt a route does not prove that it would refuse it."""
    lab = with_session_plans(
        isolated().plan, "pe1-fabrikam", lambda one: replace(one, peer_asn=Asn(65999)) if one.vpn else one
    )

    assert find(STOPPED, lab.evidence(STOPPED)).holds is None
    assert cause(STOPPED, lab).startswith("session: ipv4: session pe1/vpnv4 of pe1-fabrikam is down: ")


def test_a_longer_prefix_of_another_customer_is_not_what_packets_follow() -> None:
    """Where another customer has a longer prefix for the same address, the cause is about the own VPN's route."""
    plan = sends_nothing(two_customers(), "contoso-ce2").plan
    longer = (parse_prefix("10.0.2.0/25"),)
    nodes = [
        replace(n, bgp=replace(n.bgp, networks=longer)) if n.bgp and n.name == "fabrikam-ce2" else n for n in plan.nodes
    ]
    lab = of_plan(replace(plan, nodes=tuple(nodes)))

    assert cause(reaches("contoso-h1", "contoso-h2"), lab) == (
        "Adj-RIB-Out: contoso-ce2 does not send 10.0.2.0/24 to pe2-contoso: export policy reject-all: term 1 rejects; "
        "so contoso-ce1 has no route to 10.0.2.10"
    )


# a choice between two edges


def with_two_links(preferred: str) -> Contoso:
    """Contoso's first site at pe1 and pe2, of which one prefers its own link, and another site at pe3."""
    net = VpnNet(3)
    net.customer("contoso", 100)
    rules = replace(VRF_RULES, import_policies=(PREFERRED,))
    net.site("contoso", 1, "pe1", "pe2", **{preferred: rules})
    net.site("contoso", 2, "pe3")
    return of_plan(net.plan())


def test_the_policy_at_another_edge_that_decides_is_named() -> None:
    """The edge whose link is not used has no other path to send: what made it prefer the core is told."""
    expected = (
        "Adj-RIB-Out: pe1-contoso does not send 10.0.1.0/24 to pe1: learned from this neighbour; "
        "at pe1-contoso the path to 10.0.1.0/24 from contoso-ce1 lost to the one from pe2-contoso: "
        "lower local preference (RFC 4271 §9.1.1), 100 against 200; "
        "the import policy preferred (term 1) of pe2-contoso set local_pref 200"
    )
    lab = with_two_links("pe2")
    way = ("contoso-ce2", "pe3-contoso", "pe1-contoso", "contoso-ce1")

    assert cause(reaches("contoso-h2", "contoso-h1", *way), lab) == expected
    wanted = replace(AT_CE2, at="pe3-contoso", attributes=(("next_hop", "pe1-contoso"),))
    assert cause(wanted, lab) == expected


def test_two_imported_paths_are_told_apart_by_their_vrfs() -> None:
    """Both came from the own core instance: they are named by the VRFs that exported them."""
    net = VpnNet(3)
    net.customer("contoso", 100)
    net.site("contoso", 1, "pe1", "pe2")
    net.site("contoso", 2, "pe3")
    wanted = replace(AT_CE2, at="pe3-contoso", attributes=(("next_hop", "pe2-contoso"),))

    assert cause(wanted, of_plan(net.plan())).startswith(
        "Loc-RIB: at pe3-contoso the path to 10.0.1.0/24 from pe2-contoso lost to the one from pe1-contoso: "
    )


def test_a_vrf_that_has_a_route_only_from_the_core_sends_none() -> None:
    """A next hop at an edge where the site is not is laid to that edge, which has the route from another one."""
    net = VpnNet(3)
    net.customer("contoso", 100)
    for site in (1, 2, 3):
        net.site("contoso", site, f"pe{site}")
    wanted = replace(AT_CE2, at="pe3-contoso", attributes=(("next_hop", "pe2-contoso"),))

    assert cause(wanted, of_plan(net.plan())) == (
        "Adj-RIB-Out: pe2-contoso does not send 10.0.1.0/24 to pe2: learned from this neighbour; "
        "the only path that it has is from pe1-contoso"
    )


# the lab left the way that the model predicted


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(
            CORE_DOWN,
            f"session: pe1 - pe2 is down (vpnv4): {WRONG_AS}; so 198.19.0.1:100 10.0.1.0/24 never reached pe2",
            id="the core",
        ),
        pytest.param(
            SILENT_SITE,
            "Adj-RIB-Out: contoso-ce1 does not send 10.0.1.0/24 to pe1-contoso, though its Loc-RIB has it",
            id="the site",
        ),
        pytest.param(
            OTHER_TARGET,
            "Loc-RIB: pe2-contoso has no route to 10.0.1.0/24, though all that it is made from is there",
            id="the VRF",
        ),
    ],
)
@pytest.mark.parametrize(
    "expectation", [AT_CE2, replace(AT_CE2, table=Table.FIB), reaches("contoso-h2", "contoso-h1")], ids=str
)
def test_the_first_difference_is_found_across_the_core(seen: Contoso, expectation: Expectation, expected: str) -> None:
    """From a site the search goes through VRFs and core instances to where the lab first was another one."""
    assert cause(expectation, GOOD, seen.tables) == expected
