"""An edge router of a live lab and FRR's bgpd as another: each reads the VPN routes that the other makes.

The edge `pe1` has a VRF of contoso with a site behind it; FRR is the edge `pe2`, and makes a route of contoso's and one
of nobody's. What FRR shows of its VPN tables, and `pe1` and its VRF of theirs, is compared with what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from erlab_command import Erlab
from frr import Bgpd
from frr_in_lab import bgpd_in
from lab.bgp import Route, parse_extended_community, parse_route_distinguisher
from lab.controller import find_lab
from lab.plan import Plan, Role
from lab.questions.plans import Applied, Apply
from lab.questions.tables import ReadTables, Tables
from lab.tables import LabTables
from lab_processes import adopt_orphans, await_, bury_the_dead
from running_labs import leave_up
from vpn_networks import VpnNet

EDGE4, EDGE6, FRR4, FRR6 = "198.19.0.1", "fd65:4364::1", "198.19.0.2", "fd65:4364::2"
CONFIGURATION = f"""
route-map of-contoso permit 10
 set extcommunity rt 65000:100
route-map of-nobody permit 10
 set extcommunity rt 65000:999
router bgp 65000
 bgp router-id {FRR4}
 no bgp default ipv4-unicast
 no bgp network import-check
 neighbor {EDGE4} remote-as 65000
 neighbor {EDGE6} remote-as 65000
 neighbor {EDGE4} timers connect 1
 neighbor {EDGE6} timers connect 1
 coalesce-time 0
 address-family ipv4 vpn
  neighbor {EDGE4} activate
  network 10.9.0.0/16 rd 70000:9 label 909 route-map of-contoso
  network 10.9.8.0/24 rd 192.0.2.9:8 label 16 route-map of-nobody
 address-family ipv6 vpn
  neighbor {EDGE6} activate
  network fd10:9::/32 rd 65000:9 label 1048575 route-map of-contoso
"""


SITE = ("10.0.1.0/24", "fd10:0:1::/64")


def plan() -> Plan:
    """One edge with contoso's site 1, and a host in the place of the other."""
    net = VpnNet(2)
    net.customer("contoso", 100)
    net.site("contoso", 1, "pe1")
    made = net.plan()
    nodes = (replace(one, bgp=None, role=Role.HOST) if one.name == "pe2" else one for one in made.nodes)
    return replace(made, nodes=tuple(nodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The lab, and FRR in it."""

    name: str
    frr: Bgpd

    def tables(self) -> LabTables:
        """The tables of the lab."""
        with find_lab(self.name) as lab:
            return lab.channel.ask(ReadTables(), Tables, deadline_s=10).tables

    def received(self) -> dict[str, Route]:
        """What the edge has from FRR."""
        sessions = (one for one in self.tables().of("pe1").sessions if one.neighbor == "pe2")
        return {str(route.nlri): route for session in sessions for route in session.adj_rib_in}

    def in_frr(self, prefix: str) -> dict[str, Any]:
        """The path that FRR has to a prefix, by distinguisher; empty where it has none."""
        shown = self.frr.ask_json(f"show bgp ipv{6 if ':' in prefix else 4} vpn {prefix} json")
        return {rd: found["paths"][0] for rd, found in shown.items()}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The lab, both ends of its sessions with FRR having sent all."""
    directory = tmp_path_factory.mktemp("frr")
    adopt_orphans()
    erlab = Erlab(state=tmp_path_factory.mktemp("state"), name="ipvpn-oracle")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ERLAB_STATE_DIR", str(erlab.state))
        try:
            built = leave_up(erlab, plan())
            assert built.code == 0, built.err
            with bgpd_in(erlab, "pe2", directory, CONFIGURATION) as frr:
                made = Live(name=erlab.name, frr=frr)
                await_(lambda: len(made.received()) == 3, "FRR's routes")
                await_(lambda: all(map(made.in_frr, SITE)), "our routes")
                yield made
        finally:
            erlab.end_everything()
            bury_the_dead()


def test_frrs_routes_are_read(live: Live) -> None:
    """Each kind of distinguisher, the smallest and the largest label, route targets and next hops of both families."""
    found = {
        nlri: (route.label, str(route.next_hop), route.extended_communities) for nlri, route in live.received().items()
    }
    contoso, nobody = (parse_extended_community(f"target:65000:{number}") for number in (100, 999))
    assert found == {
        "70000:9 10.9.0.0/16": (909, FRR4, (contoso,)),
        "192.0.2.9:8 10.9.8.0/24": (16, FRR4, (nobody,)),
        "65000:9 fd10:9::/32": (1048575, FRR6, (contoso,)),
    }


def test_the_vrf_imports_those_of_its_vpn(live: Live) -> None:
    """The routes with contoso's target are in its VRF and at its site, the other is not."""
    tables = live.tables()
    assert {str(route.prefix) for route in tables.of("contoso-ce1").loc_rib} == {
        *("10.0.1.0/24", "fd10:0:1::/64"),
        *("10.9.0.0/16", "fd10:9::/32"),
    }
    assert all(route.rd is None and route.label is None for route in tables.of("pe1-contoso").loc_rib)


@pytest.mark.parametrize(("prefix", "next_hop"), [*zip(SITE, (EDGE4, EDGE6), strict=True)])
def test_frr_reads_ours(live: Live, prefix: str, next_hop: str) -> None:
    """FRR has the site's route with the distinguisher, label, target and next hop of its VRF, and not reflected."""
    (path,) = live.in_frr(prefix).values()
    assert set(live.in_frr(prefix)) == {f"{EDGE4}:100"}
    assert path["remoteLabel"] == 100
    assert path["extendedCommunity"]["string"] == "RT:65000:100"
    assert next_hop in {hop["ip"] for hop in path["nexthops"]}
    assert path["aspath"]["string"] == "65010"
    assert "originatorId" not in path


def test_frr_loses_what_the_vrf_withdraws(live: Live) -> None:
    """A distinguisher that is changed in the running lab replaces the routes: FRR has them under the new one only."""
    changed = []
    for node in plan().nodes:
        if node.bgp is not None and node.bgp.vrf is not None:
            vrf = replace(node.bgp.vrf, rd=parse_route_distinguisher("65000L:7"))
            changed.append(replace(node, bgp=replace(node.bgp, vrf=vrf)))
        else:
            changed.append(node)
    with find_lab(live.name) as lab:
        lab.channel.ask(Apply(plan=replace(plan(), nodes=tuple(changed))), Applied, deadline_s=10)
    await_(lambda: [set(live.in_frr(prefix)) for prefix in SITE] == [{"65000:7"}] * 2, "the new distinguisher alone")
    assert all(one.established for one in live.tables().of("pe1").sessions)
