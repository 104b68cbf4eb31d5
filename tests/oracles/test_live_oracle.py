"""A router of a live lab and FRR's bgpd, on a real session: what one sends is what the other has.

The router `r` has FRR as its neighbour `x`. Both send every attribute that they can make; what FRR shows of its table
and what `r` shows of its own are compared with what was sent, and with what the model says of `r`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest

from erlab_command import Erlab
from frr import Bgpd
from frr_in_lab import bgpd_in
from lab.bgp import (
    ON_THE_WIRE,
    Aggregate,
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    SegmentKind,
    parse_prefix,
    text_of,
)
from lab.controller import find_lab
from lab.events import SessionUp, UpdateReceived
from lab.plan import NodePlan, Plan
from lab.questions.control import Refreshed, RequestRoutes
from lab.questions.tables import ReadTables, Tables
from lab.router import Router
from lab.tables import LabTables, RouterTables, differences
from lab_processes import adopt_orphans, await_, bury_the_dead
from networks import OPEN, Net, exporting, policies
from running_labs import leave_up

ROUTER, FRR = IPv4Address("100.64.0.1"), IPv4Address("100.64.0.2")
FRR_ID = IPv4Address("10.0.0.9")
TO_FRR = policies(
    """
policies:
  to-frr:
    - match: {prefix_list: 10.10.0.0/16}
      set:
        origin: incomplete
        med: 50
        prepend: [65010, 65099]
        communities: [65010:1, 65535:65284]
        large_communities: [65010:1:2, 4200000000:0:4294967295]
        extended_communities: [target:65010:1, "target:192.0.2.9:5", "origin:4200000000:7"]
      then: accept
    - match: {prefix_list: 10.11.0.0/16}
      set: {origin: egp, med: 4294967295, next_hop: 100.64.0.99}
      then: accept
    - then: accept
"""
)["to-frr"]
CONFIGURATION = f"""
route-map everything permit 10
 set origin incomplete
 set metric 50
 set as-path prepend 65099 4200000000
 set community 65001:1 65535:65284
 set large-community 65001:1:2 4200000000:0:4294967295
 set extcommunity rt 65001:1
 set extcommunity soo 192.0.2.9:5
 set atomic-aggregate
 set aggregator as 65098 10.9.9.9
route-map by-way-of-1 permit 10
 set as-path prepend 65101
route-map by-way-of-2 permit 10
 set as-path prepend 65102
 set origin egp
ip prefix-list own permit 10.20.0.0/14 le 24
route-map own permit 10
 match ip address prefix-list own
route-map all permit 10
router bgp 65001
 bgp router-id {FRR_ID}
 no bgp network import-check
 neighbor {ROUTER} remote-as 65010
 neighbor {ROUTER} disable-connected-check
 neighbor {ROUTER} timers connect 1
 coalesce-time 0
 address-family ipv4 unicast
  network 10.20.0.0/16 route-map everything
  network 10.21.1.0/24 route-map by-way-of-1
  network 10.21.2.0/24 route-map by-way-of-2
  network 10.22.0.0/16
  aggregate-address 10.21.0.0/16 as-set summary-only
  neighbor {ROUTER} route-map all in
  neighbor {ROUTER} route-map own out
"""


def from_frr(prefix: str, path: str, **attributes: object) -> Route:
    """A route that FRR sends; it gives what it originates a MED of 0."""
    made = Route(prefix=parse_prefix(prefix), next_hop=FRR, as_path=AsPath.parse(path), multi_exit_disc=0)
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


FROM_FRR = (
    from_frr(
        "10.20.0.0/16",
        "65001 65099 4200000000",
        origin=Origin.INCOMPLETE,
        multi_exit_disc=50,
        communities=(Community("65001:1"), Community("65535:65284")),
        large_communities=(LargeCommunity("65001:1:2"), LargeCommunity("4200000000:0:4294967295")),
        extended_communities=(ExtendedCommunity("target:65001:1"), ExtendedCommunity("origin:192.0.2.9:5")),
        atomic_aggregate=True,
        aggregator=Aggregator(Asn(65098), IPv4Address("10.9.9.9")),
    ),
    from_frr("10.21.0.0/16", "65001 {65101,65102}", origin=Origin.EGP, aggregator=Aggregator(Asn(65001), FRR_ID)),
    from_frr("10.22.0.0/16", "65001"),
)
"""What the configuration says that FRR sends."""


def plan() -> Plan:
    """`r` between FRR, which is `x`, and the routers `a` and `b` of two other ASes, whose routes it aggregates."""
    net = Net()
    aggregates = (
        Aggregate(prefix=parse_prefix("10.12.0.0/16"), as_set=True, summary_only=True),
        Aggregate(prefix=parse_prefix("10.13.0.0/16"), summary_only=True),
    )
    net.router("r", 65010, ["10.10.0.0/16", "10.11.0.0/16"], aggregates=aggregates)
    net.outsider("r", "x", 65001, exporting(TO_FRR))
    net.router("a", 65002, ["10.12.1.0/24", "10.13.1.0/24"])
    net.router("b", 4200000003, ["10.12.2.0/24"])
    net.session("r", "a")
    net.session("r", "b")
    return net.plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The lab with `r`, and FRR in it."""

    name: str
    frr: Bgpd

    def tables(self) -> RouterTables:
        """The tables of `r`."""
        with find_lab(self.name) as lab:
            return lab.channel.ask(ReadTables(), Tables, deadline_s=10).tables.of("r")

    def received(self) -> tuple[Route, ...]:
        """What `r` has from FRR."""
        return next(one.adj_rib_in for one in self.tables().sessions if one.neighbor == "x")

    def sent(self) -> tuple[Route, ...]:
        """What `r` sent FRR."""
        return next(one.adj_rib_out for one in self.tables().sessions if one.neighbor == "x")

    def refreshes(self) -> int:
        """How often FRR asked `r` for all routes."""
        return next(one.refreshes for one in self.tables().sessions if one.neighbor == "x")

    def in_frr(self) -> dict[Prefix, Route]:
        """What FRR has from `r`."""
        found = self.frr.paths().items()
        return {prefix: one.route for prefix, paths in found for one in paths if one.peer == str(ROUTER)}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The lab, both ends of its session with FRR having sent all."""
    directory = tmp_path_factory.mktemp("frr")
    adopt_orphans()
    erlab = Erlab(state=tmp_path_factory.mktemp("state"), name="frr-oracle")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ERLAB_STATE_DIR", str(erlab.state))
        try:
            built = leave_up(erlab, plan())
            assert built.code == 0, built.err
            with bgpd_in(erlab, "x", directory, CONFIGURATION) as frr:
                made = Live(name=erlab.name, frr=frr)
                await_(lambda: len(made.received()) == len(FROM_FRR), "FRR's routes")
                await_(lambda: len(made.in_frr()) == len(made.sent()) == 4, "our routes")
                yield made
        finally:
            erlab.end_everything()
            bury_the_dead()


def modelled(node: NodePlan) -> RouterTables:
    """The tables of a router in memory, after the same routes from everyone."""
    router = Router(node)
    for name, router_id, routes in (
        ("x", FRR_ID, FROM_FRR),
        ("a", IPv4Address("10.255.0.3"), _networks("100.64.0.6", 65002, "10.12.1.0/24", "10.13.1.0/24")),
        ("b", IPv4Address("10.255.0.4"), _networks("100.64.0.10", 4200000003, "10.12.2.0/24")),
    ):
        router.handle(SessionUp(session=f"{name}/ipv4", peer_router_id=int(router_id)))
        router.handle(UpdateReceived(session=f"{name}/ipv4", announced=routes))
    return router.tables()


def _networks(next_hop: str, asn: int, *prefixes: str) -> tuple[Route, ...]:
    hop, path = IPv4Address(next_hop), AsPath.of(asn)
    return tuple(Route(prefix=parse_prefix(prefix), next_hop=hop, as_path=path) for prefix in prefixes)


def test_we_have_what_frr_sent(live: Live) -> None:
    """Every attribute that FRR was told to send is in our Adj-RIB-In, and nothing else."""
    assert live.received() == FROM_FRR


def test_frr_has_what_we_sent(live: Live) -> None:
    """Every attribute of our Adj-RIB-Out is in FRR's table, and nothing else."""
    assert live.in_frr() == {one.prefix: one for one in live.sent()}


def test_we_sent_every_kind_of_attribute(live: Live) -> None:
    """No attribute that crosses an eBGP session without help of a third router was left out of the comparison."""
    for routes in (live.sent(), live.received()):
        seen = {name for one in routes for name in ON_THE_WIRE if text_of(one, name)}
        of_vpns = {"rd", "label"}
        assert set(ON_THE_WIRE) - seen - of_vpns == {"local_pref", "originator_id", "cluster_list", "unknown"}
        kinds = {segment.kind for one in routes for segment in one.as_path.segments}
        assert kinds == {SegmentKind.SEQUENCE, SegmentKind.SET}


def test_the_model_says_the_same(live: Live) -> None:
    """The tables of the running `r` are those of the router in memory."""
    observed, predicted = (LabTables(routers=(one,)) for one in (live.tables(), modelled(plan().node("r"))))
    assert list(differences(predicted, observed)) == []


def test_frr_asks_us_for_all_routes(live: Live) -> None:
    """A soft clear in FRR brings our routes again, and FRR has the same as before."""
    before, asked = live.in_frr(), live.refreshes()
    live.frr.ask(f"clear bgp ipv4 unicast {ROUTER} soft in")
    await_(lambda: live.refreshes() == asked + 1, "the request")
    assert live.in_frr() == before


def test_we_ask_frr_for_all_routes(live: Live) -> None:
    """FRR answers our request with the same routes, and counts it."""
    before = _requests(live)
    with find_lab(live.name) as lab:
        asked = lab.channel.ask(RequestRoutes(router="r", neighbor="x"), Refreshed, deadline_s=10)
    assert asked.sessions == ("x/ipv4",)
    await_(lambda: _requests(live) == before + 1, "the request")
    assert live.received() == FROM_FRR


def _requests(live: Live) -> int:
    """How often FRR was asked for all routes."""
    shown = live.frr.ask_json(f"show bgp neighbors {ROUTER} json")
    return int(shown[str(ROUTER)]["messageStats"]["routeRefreshRecv"])


def test_the_comparison_can_fail(live: Live) -> None:
    """The negative control: what FRR has is not what a router with another policy would have sent."""
    node = plan().node("r")
    assert node.bgp is not None
    sessions = tuple(replace(one, rules=OPEN) for one in node.bgp.sessions)
    other = LabTables(routers=(modelled(replace(node, bgp=replace(node.bgp, sessions=sessions))),))
    assert list(differences(other, LabTables(routers=(live.tables(),)))) != []
