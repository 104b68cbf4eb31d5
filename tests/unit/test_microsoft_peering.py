"""What Microsoft's edge takes on Microsoft peering, and what route filter and SKU let out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import A6, P1, A, I, adj_rib_out, candidate, export, learn, router, sole
from circuits import AZURE, CUSTOMER_ASN, PUBLIC_ASN, circuit, edge, microsoft_peering, public, service
from lab.bgp import (
    Asn,
    AsPath,
    Community,
    Family,
    LargeCommunity,
    Prefix,
    Route,
    family_of,
    parse_prefix,
)
from lab.expressroute.community_names import COMMUNITY_NAMES
from lab.expressroute.facts import DOCUMENTATION_ASNS, MICROSOFT_ASN
from lab.expressroute.services import BY_NAME
from lab.plan import SessionPlan
from lab.plan.microsoft_edge import Edge, core_towards_edge, edge_towards_core, edge_towards_customer
from lab.policy import Outcome, evaluate
from lab.router import Router
from lab.topology import Circuit, Link, Maintenance, MaintenancePhase, PublicPrefixes, Sku

CUSTOMER, CUSTOMER6, CORE = (
    replace(one, local_asn=MICROSOFT_ASN, peer_asn=asn)
    for one, asn in ((A, PUBLIC_ASN), (A6, PUBLIC_ASN), (I, MICROSOFT_ASN))
)
WEST_EUROPE = "12076:51002"


def msee(at: Edge, prefixes: PublicPrefixes) -> Router:
    """A Microsoft edge with sessions to a customer in both families and to the core."""
    peering = microsoft_peering(prefixes)
    return router(
        replace(CUSTOMER, rules=edge_towards_customer(at, peering, Family.IPV4, PUBLIC_ASN)),
        replace(CUSTOMER6, rules=edge_towards_customer(at, peering, Family.IPV6, PUBLIC_ASN)),
        replace(CORE, rules=edge_towards_core(at)),
        asn=MICROSOFT_ASN,
    )


def route(session: SessionPlan, path: str, prefix: Prefix, **attributes: object) -> Route:
    """A route that arrives on a session."""
    made = Route(prefix=prefix, next_hop=session.peer_address, as_path=AsPath.parse(path))
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


def taken_in(prefix: str, path: str = "65551", *, asn: int = PUBLIC_ASN, **answers: str) -> Outcome:
    """What the import policy of a session with a customer does with a route."""
    rules = edge_towards_customer(edge(assumed=answers), microsoft_peering(public()), Family.IPV4, Asn(asn))
    return evaluate(rules.import_policies, route(CUSTOMER, path, parse_prefix(prefix)))


# from the customer


@pytest.mark.parametrize(
    ("prefix", "because"),
    [
        pytest.param("198.19.0.0/24", "", id="listed"),
        pytest.param("198.19.0.128/25", "", id="inside a listed one"),
        pytest.param("198.19.0.1/32", "", id="a host inside a listed one"),
        pytest.param("2001:2:0:8000::/56", "", id="listed, IPv6"),
        pytest.param("2001:2:0:8001::/64", "", id="inside a listed one, IPv6"),
        pytest.param("198.19.0.0/23", "the default is reject", id="wider than the listed one"),
        pytest.param("198.19.1.0/24", "the default is reject", id="beside the listed one"),
        pytest.param("0.0.0.0/0", "default-route", id="default route"),
        pytest.param("::/0", "default-route", id="default route of IPv6"),
        pytest.param("10.0.0.0/8", "not-public", id="RFC 1918"),
        pytest.param("192.168.7.0/24", "not-public", id="inside RFC 1918"),
        pytest.param("203.0.113.0/24", "not-public", id="documentation"),
        pytest.param("100.64.0.0/24", "not-public", id="shared"),
        pytest.param("fd00::/64", "not-public", id="unique local"),
        pytest.param("2001:db8::/32", "not-public", id="documentation of IPv6"),
    ],
)
def test_only_advertised_public_prefixes_are_taken(prefix: str, because: str) -> None:
    """Listed public prefixes only, no RFC 1918 and no default (expressroute-routing.md, 2026-03-12)."""
    outcome = taken_in(prefix)
    assert outcome.accepted is not bool(because)
    assert because in outcome.because


def test_more_specific_prefixes_may_be_assumed_to_be_rejected() -> None:
    """The file may answer that only the listed prefixes themselves are taken."""
    outcomes = [taken_in(f"198.19.0.0/{length}", more_specific_prefixes="rejected") for length in (24, 25)]
    assert [one.accepted for one in outcomes] == [True, False]


@pytest.mark.parametrize(
    ("path", "comes_in"),
    [
        pytest.param("65551 64512 64512 3356", "65551 3356", id="prepends of private numbers are no use"),
        pytest.param("65551 65551 65551", "65551 65551 65551", id="those of the public one are"),
        pytest.param("65551 4200000000", "65551", id="private numbers of 32 bits"),
    ],
)
def test_private_as_numbers_are_removed(path: str, comes_in: str) -> None:
    """They are removed from the path of what a customer sends (expressroute-routing.md, 2026-03-12)."""
    outcome = taken_in("198.19.0.0/24", path)
    assert outcome.route is not None
    assert str(outcome.route.as_path) == comes_in


@pytest.mark.parametrize(("asn", "comes_in"), [(PUBLIC_ASN, "65551 64512"), (64513, "65551")])
def test_private_as_numbers_may_be_assumed_to_be_removed_from_private_peers_only(asn: int, comes_in: str) -> None:
    """The narrower reading is that of expressroute-optimize-routing.md, 2023-06-15."""
    outcome = taken_in("198.19.0.0/24", "65551 64512", asn=asn, private_asns_from_customer="from_private_asn")
    assert outcome.route is not None
    assert str(outcome.route.as_path) == comes_in


@pytest.mark.parametrize("asn", [DOCUMENTATION_ASNS[0], 64500, DOCUMENTATION_ASNS[-1]])
@pytest.mark.parametrize("path", ["{}", "65551 {}", "{} 65551", "65551 {{{}}}"])
def test_documentation_as_numbers_are_refused(asn: int, path: str) -> None:
    """64496 to 64511 may stand nowhere in the path (expressroute-routing.md, 2026-03-12)."""
    outcome = taken_in("198.19.0.0/24", path.format(asn))
    assert not outcome.accepted
    assert "documentation-as" in outcome.because


@pytest.mark.parametrize("asn", [64495, 64512, 164496, 65536])
def test_their_neighbours_are_not_refused(asn: int) -> None:
    """Other numbers may stand in the path, those of the other range for documentation among them."""
    assert taken_in("198.19.0.0/24", f"65551 {asn}").accepted


def test_limits_of_microsoft_peering() -> None:
    """200 prefixes of each family, whatever the SKU (expressroute-circuit-peerings.md, 2026-08-27)."""
    limits = [
        edge_towards_customer(edge(circuit(sku)), microsoft_peering(public()), family, PUBLIC_ASN).max_prefix
        for sku in Sku
        for family in Family
    ]
    assert [one and one.limit for one in limits] == [200] * 6


def test_the_core_learns_the_route_without_communities_and_med() -> None:
    """No community of a customer is honoured (expressroute-routing.md, 2026-03-12), and no MED, as is assumed."""
    r = msee(edge(), public())
    told = {"communities": (Community("65001:1"),), "multi_exit_disc": 50}
    learn(r, CUSTOMER, route(CUSTOMER, "65551", parse_prefix("198.19.0.0/24"), **told))
    at_core = sole(adj_rib_out(r, CORE))
    assert (at_core.communities, at_core.multi_exit_disc, str(at_core.as_path)) == ((), None, "65551")
    assert at_core.next_hop == CORE.local_address


def test_the_trace_shows_why_a_prefix_is_not_taken() -> None:
    """`explain` names the policy and the term."""
    r = msee(edge(), public())
    learn(r, CUSTOMER, route(CUSTOMER, "65551", P1))
    assert candidate(r, CUSTOMER, P1).refused == (
        "import policy microsoft-from-public-customer: term 2 (not-public) rejects"
    )


# towards the customer


SERVICES = {
    "weu": ("12076:51002", "12076:52002"),
    "neu": ("12076:51003",),
    "fra": ("12076:51030", "12076:53030"),
    "eus": ("12076:51004", "12076:52004"),
    "entra": ("12076:5060",),
    "eus-entra": ("12076:51004", "12076:5060"),
    "exchange": ("12076:5010", "12076:51002"),
    "gov-exchange": ("12076:5110",),
}
EVERYTHING = tuple(dict.fromkeys(one for tags in SERVICES.values() for one in tags))


def let_out(at: Circuit, *communities: str, **answers: str) -> str:
    """The services whose prefixes leave an edge with a route filter."""
    rules = edge_towards_customer(
        edge(at, assumed=answers), microsoft_peering(public(*communities)), Family.IPV4, PUBLIC_ASN
    )
    prefix = parse_prefix("198.18.0.0/24")
    return " ".join(
        name
        for name, tags in SERVICES.items()
        if evaluate(
            rules.export_policies,
            Route(prefix=prefix, next_hop=CORE.peer_address, communities=tuple(map(Community, tags))),
        ).accepted
    )


@pytest.mark.parametrize(
    ("communities", "leaves"),
    [
        pytest.param((), "", id="no filter, no prefix"),
        pytest.param((WEST_EUROPE,), "weu exchange", id="a region"),
        pytest.param(("12076:52002",), "weu", id="a service in a region"),
        pytest.param(("12076:51003", "12076:5060"), "neu entra eus-entra", id="any of two"),
        pytest.param(("12076:5010",), "exchange", id="Microsoft 365"),
        pytest.param(("12076:51044",), "", id="of no prefix"),
    ],
)
def test_a_route_filter_lets_out_what_carries_one_of_its_communities(communities: tuple[str, ...], leaves: str) -> None:
    """An attached filter names what is announced (how-to-routefilter-cli.md, 2023-09-15; expressroute-faqs.md)."""
    assert let_out(circuit(Sku.PREMIUM), *communities) == leaves


def test_a_route_filter_may_be_assumed_to_need_all_its_communities() -> None:
    """The file may answer that a prefix must carry them all."""
    assert let_out(circuit(Sku.PREMIUM), "12076:51002", "12076:52002", route_filter_match="all") == "weu"


@pytest.mark.parametrize(
    ("sku", "location", "leaves"),
    [
        pytest.param(Sku.LOCAL, "Amsterdam", "weu", id="Local: the location's region"),
        pytest.param(Sku.LOCAL, "Dublin", "neu", id="Local in Dublin"),
        pytest.param(Sku.LOCAL, "Washington DC", "eus eus-entra", id="Local: two regions"),
        pytest.param(Sku.LOCAL, "Milan", "", id="Local: a region without published communities"),
        pytest.param(Sku.STANDARD, "Amsterdam", "weu neu fra entra", id="Standard: the area"),
        pytest.param(Sku.STANDARD, "Las Vegas", "eus entra eus-entra", id="Standard in North America"),
        pytest.param(
            Sku.PREMIUM,
            "Amsterdam",
            "weu neu fra eus entra eus-entra exchange gov-exchange",
            id="Premium: all, and Microsoft 365",
        ),
        pytest.param(Sku.STANDARD, "Atlantis", "entra", id="an unknown location reaches no region"),
    ],
)
def test_the_sku_sets_what_is_in_reach(sku: Sku, location: str, leaves: str) -> None:
    """Local its regions, Standard those of the area, Premium all; Microsoft 365 needs Premium.

    Sources: expressroute-faqs.md, 2026-03-31; expressroute-locations-providers.md, 2026-04-28.
    """
    assert let_out(circuit(sku, location), *EVERYTHING) == leaves


@pytest.mark.parametrize(
    ("answer", "skus"),
    [("local", [True, True, True]), ("standard", [False, True, True]), ("premium", [False, False, True])],
)
def test_from_which_sku_on_services_of_no_region_are_announced_is_assumed(answer: str, skus: list[bool]) -> None:
    """The file may answer it."""
    tiers = (Sku.LOCAL, Sku.STANDARD, Sku.PREMIUM)
    left = [let_out(circuit(sku), "12076:5060", global_services=answer).split() for sku in tiers]
    assert ["entra" in one for one in left] == skus


def test_filters_are_by_family() -> None:
    """IPv6 has a route filter of its own (Microsoft.Network expressRouteCircuit.json, 2024-05-01)."""
    one = public(WEST_EUROPE)
    only_ipv6 = replace(one, route_filters=tuple(pair for pair in one.route_filters if pair[0] is Family.IPV6))
    r = msee(edge(), only_ipv6)
    for prefix in ("198.18.2.0/24", "2001:2:0:2::/64"):
        learn(r, CORE, route(CORE, "", parse_prefix(prefix), communities=(Community(WEST_EUROPE),), local_pref=100))
    assert adj_rib_out(r, CUSTOMER) == ()
    assert [str(one.prefix) for one in adj_rib_out(r, CUSTOMER6)] == ["2001:2:0:2::/64"]
    refused = export(r, CUSTOMER, parse_prefix("198.18.2.0/24")).refused
    assert refused == (
        "export policy microsoft-to-public-customer-without-route-filter: term 1 (no-route-filter) rejects"
    )


def test_the_customer_sees_12076_and_the_communities() -> None:
    """Every prefix carries its communities (expressroute-routing.md, 2026-03-12), with 12076 as its path."""
    r = msee(edge(), public(WEST_EUROPE))
    tags = (Community("12076:51002"), Community("12076:52002"))
    learn(r, CORE, route(CORE, "", parse_prefix("198.18.2.0/24"), communities=tags, local_pref=100))
    at_customer = sole(adj_rib_out(r, CUSTOMER))
    assert (str(at_customer.as_path), at_customer.communities) == ("12076", tags)


def test_a_maintenance_prepends_towards_customer_and_core() -> None:
    """12076 is prepended eight times (planned-maintenance.md, 2023-05-10)."""
    draining = Maintenance(link=Link.PRIMARY, phase=MaintenancePhase.PREPENDED)
    r = msee(edge(circuit(maintenance=draining)), public(WEST_EUROPE))
    prefix = parse_prefix("198.18.2.0/24")
    learn(r, CORE, route(CORE, "", prefix, communities=(Community(WEST_EUROPE),), local_pref=100))
    learn(r, CUSTOMER, route(CUSTOMER, "65551", parse_prefix("198.19.0.0/24")))
    eight = " ".join(["12076"] * 8)
    assert str(sole(adj_rib_out(r, CUSTOMER)).as_path) == f"{eight} 12076"
    assert str(sole(adj_rib_out(r, CORE)).as_path) == f"{eight} 65551"


# the core


def test_the_core_announces_services_with_their_communities_and_nothing_else() -> None:
    """A service's prefixes carry its communities (expressroute-routing.md, 2026-03-12)."""
    azure = replace(AZURE, services=(service("weu", "198.18.2.0/24", *SERVICES["weu"]),))
    towards = replace(I, local_asn=MICROSOFT_ASN, peer_asn=MICROSOFT_ASN, rules=core_towards_edge(azure))
    r = router(towards, networks=(parse_prefix("198.18.2.0/24"), P1), asn=MICROSOFT_ASN)
    only = sole(adj_rib_out(r, towards))
    assert (str(only.prefix), only.communities) == ("198.18.2.0/24", SERVICES["weu"])


@pytest.mark.parametrize(
    ("name", "region"), [("weu-storage", "westeurope"), ("neu-storage", "northeurope"), ("eus-storage", "eastus")]
)
def test_shipped_services_have_the_published_communities(name: str, region: str) -> None:
    """A service in a region has the region's community and its own there (expressroute-routing.md, 2026-03-12)."""
    assert BY_NAME[name].communities == (COMMUNITY_NAMES[f"{region}.microsoft"], COMMUNITY_NAMES[f"{region}.storage"])
    assert {family_of(one) for one in BY_NAME[name].prefixes} == set(Family)
    assert BY_NAME["exchange"].communities == ("12076:5010",)


def test_two_circuits_have_policies_of_their_own() -> None:
    """Where circuits have names, the policies that depend on a circuit have its name in theirs."""
    rules = [
        edge_towards_customer(
            edge(circuit(name=name)), microsoft_peering(public(WEST_EUROPE)), Family.IPV4, CUSTOMER_ASN
        )
        for name in ("", "east")
    ]
    assert [(one.import_policies[0].name, one.export_policies[0].name) for one in rules] == [
        ("microsoft-from-public-customer", "microsoft-to-public-customer"),
        ("microsoft-from-public-customer-east", "microsoft-to-public-customer-east"),
    ]


def test_other_kinds_of_communities_are_taken_off_too() -> None:
    """Large communities of a customer do not come in."""
    rules = edge_towards_customer(edge(), microsoft_peering(public()), Family.IPV4, PUBLIC_ASN)
    tagged = route(CUSTOMER, "65551", parse_prefix("198.19.0.0/24"), large_communities=(LargeCommunity("1:2:3"),))
    outcome = evaluate(rules.import_policies, tagged)
    assert outcome.route is not None
    assert outcome.route.large_communities == ()
