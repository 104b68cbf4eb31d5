"""Microsoft's edges between customers, gateway and core, on live sessions, and as the model predicts."""

from __future__ import annotations

from dataclasses import replace

from circuits import AZURE, CUSTOMER_ASN, PRIVATE, PUBLIC_ASN, circuit, edge, microsoft_peering, public, service
from lab.bgp import Family, parse_prefix
from lab.expressroute.facts import GATEWAY_ASN, MICROSOFT_ASN
from lab.plan import Plan
from lab.plan.microsoft_edge import (
    GATEWAY_BEST_PATH,
    core_towards_edge,
    edge_best_path,
    edge_towards_core,
    edge_towards_customer,
    edge_towards_gateway,
    edge_towards_global_reach,
    gateway_towards_edge,
)
from lab.topology import Connection, Link, Maintenance, MaintenancePhase, Peering
from networks import OPEN, Net, live

SITES = {"a": (65001, "10.1.0.0/16"), "b": (65002, "10.2.0.0/16"), "c": (65003, "10.3.0.0/16")}
ANYCAST = "10.9.0.0/16"
"""What every site announces, so that the gateway has a choice."""
VNET = "10.100.0.0/16"


def three_circuits(maintenance: Maintenance | None = None) -> Plan:
    """Three circuits in a row, a - b - c, joined by Global Reach; the first two are connected to a gateway."""
    connections = (Connection(circuit="a", weight=10), Connection(circuit="b"))
    azure = replace(AZURE, connections=connections)
    net = Net()
    net.router("gw", GATEWAY_ASN, [VNET], best_path=GATEWAY_BEST_PATH)
    edges = {
        name: edge(circuit(name=name, maintenance=maintenance if name == "b" else None)) for name in ("a", "b", "c")
    }
    for name, (asn, network) in SITES.items():
        msee = f"msee-{name}"
        net.router(f"ce-{name}", asn, [network, ANYCAST])
        net.router(msee, MICROSOFT_ASN, best_path=edge_best_path(edges[name].assumed))
        rules = edge_towards_customer(edges[name], PRIVATE, Family.IPV4, CUSTOMER_ASN)
        net.session(msee, f"ce-{name}", (Family.IPV4,), None, **{msee: rules})
    for name in ("a", "b"):
        msee, at = f"msee-{name}", edges[name]
        both = {msee: edge_towards_gateway(at, Family.IPV4), "gw": gateway_towards_edge(azure, at.circuit)}
        net.session("gw", msee, (Family.IPV4,), None, **both)
    for one, other in (("a", "b"), ("b", "c")):
        ends = {f"msee-{name}": edge_towards_global_reach(edges[name]) for name in (one, other)}
        net.session(f"msee-{one}", f"msee-{other}", (Family.IPV4,), None, **ends)
    return net.plan()


def test_global_reach_is_pairwise_and_the_gateway_prefers_by_weight() -> None:
    """Sites of joined circuits see each other with 12076 for each edge, those two circuits apart do not.

    The gateway has every path of its own circuits and prefers the connection with the higher weight; the prepending of
    a maintenance reaches customer, gateway and Global Reach in the running lab.
    """
    draining = Maintenance(link=Link.PRIMARY, phase=MaintenancePhase.PREPENDED)
    before, during = live(three_circuits(), three_circuits(draining))
    paths = {
        name: {prefix: str(route.as_path) for prefix, route in before.received(f"ce-{name}", f"msee-{name}").items()}
        for name in SITES
    }
    assert paths == {
        "a": {VNET: "12076", "10.2.0.0/16": "12076 12076 65002"},
        "b": {VNET: "12076", "10.1.0.0/16": "12076 12076 65001", "10.3.0.0/16": "12076 12076 65003"},
        "c": {"10.2.0.0/16": "12076 12076 65002"},
    }
    at_gateway = before.loc_rib("gw")
    assert {p: str(r.as_path) for p, r in at_gateway.items() if p != VNET} == {
        "10.1.0.0/16": "12076 65001",
        "10.2.0.0/16": "12076 65002",
        ANYCAST: "12076 65001",
    }
    assert at_gateway[ANYCAST].weight == 10
    nine = " ".join(["12076"] * 9)
    assert str(during.received("ce-b", "msee-b")[VNET].as_path) == nine
    assert str(during.received("gw", "msee-b")["10.2.0.0/16"].as_path) == f"{nine} 65002"
    assert str(during.received("ce-a", "msee-a")["10.2.0.0/16"].as_path) == f"12076 {nine} 65002"


def public_services(peering: Peering) -> Plan:
    """A customer, an edge and the core with a service in two regions each, on Microsoft peering."""
    azure = replace(
        AZURE,
        services=(
            service("weu", "198.18.2.0/24", "12076:51002", "12076:52002"),
            service("eus", "198.18.4.0/24", "12076:51004", "12076:52004"),
        ),
    )
    at = edge()
    net = Net()
    net.router("ce", PUBLIC_ASN, ["198.19.0.0/24", "198.19.0.128/25", "198.19.1.0/24", "10.1.0.0/16"])
    net.router("msee", MICROSOFT_ASN)
    net.router("core", MICROSOFT_ASN, ["198.18.2.0/24", "198.18.4.0/24"])
    net.session("msee", "ce", msee=edge_towards_customer(at, peering, Family.IPV4, PUBLIC_ASN), ce=OPEN)
    net.session("core", "msee", core=core_towards_edge(azure), msee=edge_towards_core(at))
    return net.plan()


def test_microsoft_peering_announces_what_the_filter_names_and_takes_what_is_listed() -> None:
    """Without a filter nothing is announced; one attached to the running session lets its region's prefixes out."""
    without, attached = (
        public_services(microsoft_peering(public(*one))) for one in ((), ("12076:51002", "12076:51004"))
    )
    before, after = live(without, attached)
    assert before.received("ce", "msee") == {}
    (announced,) = after.received("ce", "msee").values()
    assert (announced.prefix, str(announced.as_path)) == (parse_prefix("198.18.2.0/24"), "12076")
    assert announced.communities == ("12076:51002", "12076:52002")
    assert set(after.received("core", "msee")) == {"198.19.0.0/24", "198.19.0.128/25"}
