"""What each connectivity model's plan has: nodes, ports, tags, cross connects, sessions, and what stands for what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from circuits import PRIVATE, circuit, microsoft_peering, public, topology
from lab.bgp import Asn, parse_prefix
from lab.errors import InputError
from lab.load import load_topology
from lab.plan import Endpoint, Plan, Role, SessionPlan, Tagged
from lab.plan.draft import Draft
from lab.plan.faults import faults
from lab.plan.naming import gateways, towards
from lab.plan.of_topology import plan
from lab.plan.sources import SourceNat
from lab.topology import Bfd, GlobalReach, Link, LinkSubnet, Nat, Provisioning, Topology

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
FILES = sorted(TOPOLOGIES.glob("*.yaml"))


def shipped(name: str) -> Plan:
    """The plan of a shipped topology."""
    return plan(load_topology(TOPOLOGIES / f"{name}.yaml"))


def sub_interfaces(planned: Plan) -> dict[str, str]:
    """Where the tagged frames of each sub-interface are: its port and tags, as in `ce1:port1 1034.100`."""
    return {
        f"{node.name}:{one.name}": _place(one.vlan) for node in planned.nodes for one in node.interfaces if one.vlan
    }


def cross_connects(planned: Plan) -> set[tuple[str, str]]:
    """The two places that each cross connect joins."""
    return {(_place(one.ends[0]), _place(one.ends[1])) for one in planned.cross_connects}


def _place(place: Tagged) -> str:
    return f"{place.port} {'.'.join(map(str, place.tags))}"


def names(planned: Plan, role: Role) -> list[str]:
    """The nodes with a role."""
    return [node.name for node in planned.nodes if node.role is role]


def sessions(planned: Plan, router: str) -> dict[str, SessionPlan]:
    """The sessions of a router by name."""
    bgp = planned.node(router).bgp
    return {one.name: one for one in bgp.sessions} if bgp else {}


def neighbors(planned: Plan, router: str) -> set[str]:
    """The neighbours of a router."""
    return {one.neighbor for one in sessions(planned, router).values()}


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_shipped_topology_has_a_plan_without_a_fault(file: Path) -> None:
    """Its wires, sub-interfaces, cross connects and sessions have both ends."""
    assert faults(plan(load_topology(file))) == []


# carriers


def test_a_layer_2_service_puts_the_s_tag_on() -> None:
    """The customer has the peering's VLAN, Microsoft the circuit's S-tag around it, and each line has a switch."""
    planned = shipped("point_to_point_ethernet_layer2")
    assert sub_interfaces(planned) == {
        "ce1:to-msee1": "ce1:port1 100",
        "ce2:to-msee2": "ce2:port2 100",
        "msee1:to-ce1": "msee1:port1 1034.100",
        "msee2:to-ce2": "msee2:port2 1034.100",
    }
    assert cross_connects(planned) == {
        ("line1:customer 100", "line1:microsoft 1034.100"),
        ("line2:customer 100", "line2:microsoft 1034.100"),
    }
    assert names(planned, Role.PROVIDER_SWITCH) == ["line1", "line2"]


def test_an_exchange_is_one_fabric_that_translates_vlans() -> None:
    """Both links are at one switch, with the customer's VLANs at its side and the peering's at Microsoft's."""
    planned = shipped("cloud_exchange_layer2")
    assert names(planned, Role.PROVIDER_SWITCH) == ["exchange-fabric"]
    assert cross_connects(planned) == {
        (f"exchange-fabric:customer{n} {vlan}{n}", f"exchange-fabric:microsoft{n} 1034.{peering}")
        for n in (1, 2)
        for vlan, peering in (("20", 100), ("30", 200))
    }
    assert sub_interfaces(planned)["ce2:ms-msee2"] == "ce2:port2 302"


def test_the_vrfs_of_an_edge_share_its_port() -> None:
    """Microsoft peering's sub-interface is at the port of private peering's node."""
    places = sub_interfaces(shipped("cloud_exchange_layer2"))
    assert (places["msee1:to-ce1"], places["msee1-ms:to-ce1"]) == ("msee1:port1 1034.100", "msee1:port1 1034.200")


def test_a_provider_that_routes_faces_microsoft_itself() -> None:
    """Its routers have both tags and the sessions with Microsoft, the customer's edges one with their router each."""
    planned = shipped("point_to_point_ethernet_layer3")
    assert sub_interfaces(planned)["pe2:ms-msee2"] == "pe2:port2 1034.200"
    assert (planned.cross_connects, names(planned, Role.PROVIDER_SWITCH)) == ((), [])
    assert names(planned, Role.PROVIDER_EDGE) == ["pe1", "pe2"]
    assert neighbors(planned, "ce1") == {"ce2", "pe1"}
    assert neighbors(planned, "pe1") == {"ce1", "pe2", "msee1", "msee1-ms"}
    line = sessions(planned, "ce1")["pe1/ipv4"]
    assert (str(line.local_address), str(line.peer_address)) == ("192.168.100.1", "192.168.100.2")
    assert (line.local_asn, line.peer_asn) == (65010, 64700)


def test_one_router_may_face_both_links() -> None:
    """It has a port for each link, and no session with itself."""
    planned = shipped("cloud_exchange_layer3")
    assert neighbors(planned, "mcr") == {"ce1", "ce2", "msee1", "msee2", "msee1-ms", "msee2-ms"}
    assert {one.name for one in planned.node("mcr").interfaces} >= {"port1", "port2"}


@pytest.mark.parametrize(
    ("name", "tags"),
    [("direct_dot1q", ("100", "101", "200")), ("direct_qinq", ("10.100", "10.101", "20.100"))],
)
def test_circuits_of_expressroute_direct_share_a_port_pair(name: str, tags: tuple[str, str, str]) -> None:
    """Both circuits' peerings are at the ports of the first one, with the same tags at both ends of the wire."""
    planned = shipped(name)
    places = sub_interfaces(planned)
    here = [places[f"ce1:{one}"] for one in ("to-prod-msee1", "ms-prod-msee1", "to-test-msee1")]
    there = [places[f"{one}:to-ce1"] for one in ("prod-msee1", "prod-msee1-ms", "test-msee1")]
    assert here == [f"ce1:prod-port1 {tag}" for tag in tags]
    assert there == [f"prod-msee1:prod-port1 {tag}" for tag in tags]
    ports = [wire for wire in planned.wires if wire.ends[0].interface.endswith(("port1", "port2"))]
    assert [wire.name for wire in ports] == ["prod-primary", "prod-secondary"]


def test_an_ipvpn_has_a_vrf_at_each_edge_that_a_site_or_microsoft_is_at() -> None:
    """VRFs are named after edge and VPN; those that face Microsoft have the ports, and the customer's alone do."""
    planned = shipped("any_to_any_ipvpn")
    vrfs = [node.name for node in planned.routers if node.bgp and node.bgp.vrf]
    assert vrfs == [*(f"pe{n}-contoso" for n in (3, 4, 1, 2)), "pe1-fabrikam", "pe2-fabrikam"]
    assert neighbors(planned, "pe3-contoso") == {"msee1", "msee1-ms", "pe3"}
    assert neighbors(planned, "pe1-contoso") == {"ce1", "ce3", "pe1"}
    assert neighbors(planned, "pe1-fabrikam") == {"fce1", "pe1"}
    assert [(one.name, len(one.ends)) for one in planned.overlays] == [("contoso", 4), ("fabrikam", 2)]
    assert sub_interfaces(planned)["pe3-contoso:to-msee1"] == "pe3-contoso:port1 1034.100"


# Microsoft's side


def test_gateway_instances_have_a_session_with_every_edge() -> None:
    """Two instances share a switch in each VNet, whose machine has a route by each."""
    planned = shipped("dual_circuit")
    edges = {f"{circuit}-msee{n}" for circuit in ("ams", "lon") for n in (1, 2)}
    assert names(planned, Role.GATEWAY) == list(gateways(2)) == ["gw1", "gw2"]
    assert all(neighbors(planned, gateway) == edges for gateway in gateways(2))
    (default,) = (hops for (p, _), hops in planned.node("spoke").static_next_hops().items() if p.version == 4)
    assert list(map(str, default)) == ["10.101.0.1", "10.101.0.2"]


def test_global_reach_joins_primary_with_primary() -> None:
    """Each half of the block is one link's, and the first circuit has its first host."""
    planned = shipped("dual_circuit")
    for number, here in ((1, "192.168.8.1"), (2, "192.168.8.5")):
        one = sessions(planned, f"ams-msee{number}")[f"lon-msee{number}/ipv4"]
        assert (str(one.local_address), one.interface) == (here, f"to-lon-msee{number}")
    assert "lon-msee2" not in neighbors(planned, "ams-msee1")


def test_public_services_are_behind_microsofts_network() -> None:
    """It originates their prefixes, and speaks with the edges of Microsoft peering alone."""
    planned = shipped("microsoft_peering")
    core = planned.node("ms-core")
    assert neighbors(planned, "ms-core") == {"msee1-ms", "msee2-ms"}
    assert core.bgp is not None
    assert parse_prefix("198.18.2.0/24") in core.bgp.networks
    assert names(planned, Role.GATEWAY) == []


@pytest.mark.parametrize(
    ("name", "router"),
    [("microsoft_peering", "ce2"), ("point_to_point_ethernet_layer3", "pe2"), ("any_to_any_ipvpn", "pe4-contoso")],
)
def test_sources_are_translated_where_a_router_faces_microsoft(name: str, router: str) -> None:
    """The pool of the secondary link is that of its router, or of its VRF, which announces it."""
    node = shipped(name).node(router)
    pool = parse_prefix("198.19.10.4/30")
    assert node.nat == (SourceNat(interface="ms-msee2", pool=pool, exempt=(parse_prefix("198.19.10.0/24"),)),)
    assert node.bgp is not None
    assert pool in node.bgp.networks


@pytest.mark.parametrize(
    ("name", "interface"),
    [
        ("microsoft_peering", "to-ce2"),
        ("point_to_point_ethernet_layer3", "to-pe2"),
        ("any_to_any_ipvpn", "to-pe4-contoso"),
    ],
)
def test_microsofts_edge_admits_the_listed_sources_alone(name: str, interface: str) -> None:
    """Where packets enter from the customer or provider: those of listed prefixes and of the link; elsewhere all."""
    planned = shipped(name)
    (one,) = planned.node("msee2-ms").source_filters
    link = planned.node("msee2-ms").interface(interface)
    listed = {parse_prefix("198.19.10.0/24"), *(address.network for address in link.addresses)}
    assert one.interface == interface
    assert listed <= set(one.admitted)
    assert not one.admits(parse_prefix("10.10.0.0/16"))
    assert {node.name for node in planned.nodes if node.source_filters} == {"msee1-ms", "msee2-ms"}


def test_unlisted_sources_may_be_taken_for_admitted() -> None:
    """A file that answers the question so has no filters."""
    answered = replace(
        load_topology(TOPOLOGIES / "microsoft_peering.yaml"), assumed=(("unlisted_sources", "admitted"),)
    )
    assert [node.name for node in plan(answered).nodes if node.source_filters] == []


# names and words


def test_an_interface_is_named_towards_a_node_where_there_is_room() -> None:
    """The kernel takes 15 octets."""
    assert towards("a" * 12) == "to-" + "a" * 12
    assert towards("a" * 13) == "a" * 13


def test_a_plan_says_what_is_not_as_in_the_real_circuit() -> None:
    """Bandwidth and tags of each circuit by its name, and the one instance of the gateway only where there is one."""
    dual, single = shipped("dual_circuit"), shipped("direct_qinq")
    assert "circuit lon: bandwidth: 1000 Mbps is not enforced; tags: S-tag 2068, C-tag 100 (private)" in dual.fidelity
    assert not any(line.startswith("gateway:") for line in dual.fidelity)
    assert "gateway: one instance; a real one has two" in single.fidelity
    tags = "S-tag 10, C-tag 100 (private) and C-tag 101 (microsoft)"
    assert f"circuit prod: bandwidth: 5000 Mbps is not enforced; tags: {tags}" in single.fidelity


def test_a_circuit_without_its_provider_has_all_sessions_shut() -> None:
    """The edge's end of each says why; the customer's end does not know."""
    planned = plan(topology(circuit(provisioning=Provisioning.PROVISIONING)))
    for router, there in (("msee1", "ce1/ipv4"), ("msee2", "ce2/ipv4")):
        assert "'provisioning'" in sessions(planned, router)[there].rules.shutdown
        assert sessions(planned, there[:3])[f"{router}/ipv4"].rules.shutdown == ""


# limits


def many_circuits(count: int) -> Topology:
    """So many circuits with both peerings."""
    blocks = {"172.16": PRIVATE, "198.19": microsoft_peering(public())}
    made = []
    for number in range(count):
        peerings = tuple(
            replace(
                peering,
                subnets=tuple(
                    LinkSubnet(link=link, prefix=parse_prefix(f"{start}.{number}.{4 * index}/30"))
                    for index, link in enumerate(Link)
                ),
            )
            for start, peering in blocks.items()
        )
        made.append(circuit(name=f"c{number}", peerings=peerings))
    return topology(*made)


def test_the_lab_has_addresses_for_64_links_of_its_own() -> None:
    """16 circuits with both peerings fit, and one more is refused in words."""
    assert faults(plan(many_circuits(16))) == []
    with pytest.raises(InputError, match="64 links of its own"):
        plan(many_circuits(17))


# the test's own eyes


def faulty(change: str) -> Plan:
    """A plan with one fault."""
    good = shipped("dual_circuit")
    wire, node = good.wires[0], good.node("ams-msee1")
    match change:
        case "node":
            return replace(good, nodes=(*good.nodes, node))
        case "wire to nothing":
            return replace(good, wires=(replace(wire, ends=(wire.ends[0], Endpoint(node="hq", interface="eth9"))),))
        case "wire end":
            return replace(good, wires=(*good.wires, replace(wire, name="again")))
        case "interface":
            changed = replace(node, interfaces=(*node.interfaces, node.interfaces[0]))
        case "overlap":
            twin = replace(node.interfaces[1], name="twin", vlan=None)
            changed = replace(node, interfaces=(*node.interfaces, twin))
        case "link":
            number = next(i for i, one in enumerate(node.interfaces) if one.name == "to-ce1")
            twin = replace(node.interfaces[number], addresses=good.node("ce1").interface("to-ams-msee1").addresses)
            changed = replace(node, interfaces=(*node.interfaces[:number], twin, *node.interfaces[number + 1 :]))
        case "place":
            twin = replace(node.interfaces[1], name="twin", addresses=())
            changed = replace(node, interfaces=(*node.interfaces, twin))
        case "long name":
            changed = replace(node, interfaces=(replace(node.interfaces[0], name="a" * 16), *node.interfaces[1:]))
        case "session":
            assert node.bgp is not None
            changed = replace(node, bgp=replace(node.bgp, sessions=node.bgp.sessions[1:]))
        case _:
            assert node.bgp is not None
            first = replace(node.bgp.sessions[0], interface="to-gw1")
            changed = replace(node, bgp=replace(node.bgp, sessions=(first, *node.bgp.sessions[1:])))
    return replace(good, nodes=tuple(changed if one.name == node.name else one for one in good.nodes))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("node", "node ams-msee1 is there 2 times"),
        ("wire to nothing", "the wire end hq:eth9 is no interface"),
        ("wire end", "wire end hq:eth0 is there 2 times"),
        ("interface", "interface of ams-msee1 ams-port1 is there 2 times"),
        ("overlap", "ams-msee1: 172.16.0.2/30 at to-ce1 and 172.16.0.2/30 at twin overlap"),
        ("link", "on the link of ams-msee1:to-ce1, ce1:to-ams-msee1 the address 172.16.0.1 is there 2 times"),
        ("place", "sub-interface ams-msee1:ams-port1 1034.100 is there 2 times"),
        ("long name", "ams-msee1: aaaaaaaaaaaaaaaa is no interface name"),
        ("session", "session ams-msee1/ipv4 of ce1 has no other end"),
        ("address", "session ce1/ipv4 of ams-msee1 has no address at to-gw1"),
    ],
)
def test_a_fault_of_a_plan_is_seen(change: str, says: str) -> None:
    """The negative control: a plan that cannot be built is not called good."""
    assert says in faults(faulty(change))


def test_a_topology_that_cannot_be_built_has_no_plan() -> None:
    """Two nodes of one name, wherever they come from, are refused in words and not by the kernel."""
    file = load_topology(TOPOLOGIES / "dual_circuit.yaml")
    twin = file.azure.vnets[0]
    vnet = replace(twin, network=replace(twin.network, name="hq", prefixes=(parse_prefix("10.250.0.0/16"),)))
    clash = replace(file, azure=replace(file.azure, vnets=(*file.azure.vnets, vnet)))
    with pytest.raises(InputError, match="no lab can be built of this topology: node hq is there 2 times"):
        plan(clash)


def test_a_router_is_planned_once() -> None:
    """A second router of the name would be taken for the first."""
    draft = Draft(taken=())
    draft.router("ce1", Role.CUSTOMER_EDGE, Asn(65010))
    with pytest.raises(InputError, match="two routers are called ce1"):
        draft.router("ce1", Role.PROVIDER_EDGE, Asn(65020))


def test_a_plan_without_global_reach_joins_no_edges_of_two_circuits() -> None:
    """The negative control: the sessions between edges come of Global Reach alone."""
    file = load_topology(TOPOLOGIES / "dual_circuit.yaml")
    assert file.global_reach == (
        GlobalReach(circuits=("ams", "lon"), blocks=tuple(map(parse_prefix, ("192.168.8.0/29", "2001:db8:8::/125")))),
    )
    assert "lon-msee1" not in neighbors(plan(replace(file, global_reach=())), "ams-msee1")


def test_what_stands_in_for_the_real_thing_is_said_where_it_is_used() -> None:
    """BFD, translation, and load over more circuits than the document allows; nothing of it elsewhere."""
    made = topology(circuit(peerings=(PRIVATE, microsoft_peering(public()))))
    translated = replace(
        made,
        circuits=(
            circuit(
                peerings=(
                    replace(PRIVATE, bfd=Bfd()),
                    microsoft_peering(public(nat=Nat(pools=((Link.PRIMARY, parse_prefix("198.19.0.0/30")),)))),
                )
            ),
        ),
    )
    many, four = many_circuits(5), many_circuits(4)

    starts = {one: [line.partition(":")[0] for line in plan(one).fidelity] for one in (made, translated, four, many)}
    assert not {"BFD", "NAT"} & set(starts[made])
    assert {"BFD", "NAT"} <= set(starts[translated])
    assert sum("share" in line for line in plan(four).fidelity) == 0
    (line,) = (one for one in plan(many).fidelity if "share" in one)
    assert line == ("gateway: shares load over 8 equal paths of any of 5 circuits; documented are 4 circuits at most")
