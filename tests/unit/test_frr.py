"""FRR as a vendor: what vtysh prints becomes tables, what is not done yet is told, and policies become route maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.bfd import BfdStatus, State
from lab.bgp import Community, Counted, Family, MaxPrefix, parse_prefix
from lab.errors import LabBroken
from lab.foreign import ForeignState
from lab.load import load_topology
from lab.node import daemons
from lab.node.daemons import Daemons
from lab.plan import NodePlan
from lab.plan.of_topology import plan
from lab.policy import SessionRules
from lab.rib import Because
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind
from lab.vendors import AskAgain, Check, ForeignTables, Step, VendorError
from lab.vendors.frr import FRR, tables
from lab.vendors.frr.config import cannot, configuration
from lab.vendors.frr.route_maps import RouteMap, Where
from networks import policies
from topology_text import IPV4_ONLY

PEER = "172.16.0.2"
TABLE = tables.table(Family.IPV4)
GROUPS = tables.groups(Family.IPV4)
RIB = "show ip route bgp json"
ADVERTISED = f"show bgp ipv4 unicast neighbors {PEER} advertised-routes json"
GROUP = """
Update-group 1:
  Update-subgroup 1:
    Version: {version}
    Packet queue length: 0
    Advertise list: empty
    Peers:
      - 172.16.0.2
"""
ROUTE = {
    "aspath": {"string": "12076"},
    "origin": "IGP",
    "locPrf": 200,
    "community": {"string": "12076:50001"},
    "bestpath": {"overall": True, "selectionReason": "Local Pref"},
    "nexthops": [{"ip": PEER, "afi": "ipv4"}],
    "peer": {"peerId": PEER},
}
BFD = {
    "peer": PEER,
    "status": "up",
    "transmit-interval": 300,
    "receive-interval": 300,
    "remote-transmit-interval": 750,
    "remote-receive-interval": 750,
    "remote-detect-multiplier": 4,
}
SAID: Mapping[str, Any] = {
    tables.NEIGHBORS: {PEER: {"bgpState": "Established", "messageStats": {"updatesRecv": 2}}},
    TABLE: {"tableVersion": 3, "routes": {"10.100.0.0/16": [{"prefix": "10.100.0.0/16"}, ROUTE]}},
    GROUPS: GROUP.format(version=3),
    RIB: {"10.100.0.0/16": [{"selected": True, "installed": True}]},
    ADVERTISED: {"advertisedRoutes": {"10.10.0.0/16": {}}},
    tables.BFD_PEERS: [BFD],
}
"""What vtysh prints of `ce1` once all is done."""


@pytest.fixture(scope="module")
def ce1(tmp_path_factory: pytest.TempPathFactory) -> NodePlan:
    """An edge that is FRR, with BFD."""
    text = replace(IPV4_ONLY, routers="ce1", edges="speakers: {ce1: frr}", keys="md5: Contoso123\n    bfd: true")
    text = replace(text, policies_of="{ce1: {import: prefer, export: own}}")
    return plan(load_topology(text.write(tmp_path_factory.mktemp("frr"), "frr"))).node("ce1")


def read(node: NodePlan, **said: Any) -> ForeignTables:  # noqa: ANN401  # JSON has no narrower type
    """The tables of what vtysh prints, some of it otherwise than in `SAID`."""
    names = {"table": TABLE, "groups": GROUPS, "rib": RIB, "neighbors": tables.NEIGHBORS}
    found = {**SAID, **{names[name]: one for name, one in said.items()}}
    shown = [(command, found.get(command, {})) for command in tables.commands(node)]
    text = "".join(f"ce1# {command}\n{one if isinstance(one, str) else json.dumps(one)}\n" for command, one in shown)
    return tables.tables(node, text)


def test_what_vtysh_prints_is_a_table(ce1: NodePlan) -> None:
    """Sessions, paths with their communities and the reason of the choice, and BFD as both ends agreed on it."""
    told = read(ce1)
    (path,) = told.paths
    assert (path.session, path.best, path.because) == ("msee1/ipv4", True, "Local Pref")
    assert (path.route.local_pref, path.route.communities) == (200, (Community("12076:50001"),))
    session = next(one for one in told.sessions if one.session == "msee1/ipv4")
    assert (session.established, session.updates_received, session.received) == (True, 2, None)
    assert session.advertised == frozenset({parse_prefix("10.10.0.0/16")})
    assert session.bfd == BfdStatus(state=State.UP, transmit_interval_ms=750, detection_time_ms=3000)
    assert told.pending == ()


@pytest.mark.parametrize(
    ("said", "pending"),
    [
        ({"groups": GROUP.format(version=2)}, "bgpd has not told msee1 everything yet"),
        ({"rib": {}}, "zebra does not know 10.100.0.0/16 yet"),
        ({"rib": {"10.100.0.0/16": [{"selected": True}]}}, "the kernel has no route to 10.100.0.0/16 yet"),
        ({"rib": {**SAID[RIB], "10.9.0.0/16": [{}]}}, "zebra still has 10.9.0.0/16"),
        (
            {"table": {"tableVersion": 3, "routes": {"10.100.0.0/16": [{**ROUTE, "processScheduled": True}]}}},
            "bgpd has not decided on 10.100.0.0/16 yet",
        ),
    ],
)
def test_what_is_not_done_yet_is_told(ce1: NodePlan, said: dict[str, Any], pending: str) -> None:
    """Each step from the decision to the neighbours and the kernel is one that can be waited for."""
    assert read(ce1, **said).pending == (pending,)


def test_an_answer_that_is_cut_short_is_an_error(ce1: NodePlan) -> None:
    """A daemon that did not answer is not taken for one without routes."""
    with pytest.raises(VendorError, match="vtysh did not answer"):
        tables.tables(ce1, f"ce1# {tables.NEIGHBORS}\n{{}}\n")


def test_a_daemon_has_settled_when_it_says_the_same_twice(ce1: NodePlan) -> None:
    """One answer is not enough, and none counts that contradicts what was heard on the wire."""
    state, down = ForeignState(ce1, "FRR"), read(ce1, neighbors={}, table={}, groups="", rib={})
    assert state.pending() == ("it has not told its tables yet",)
    state.take(down, state.heard.news)
    assert state.pending() == ("FRR may not be done yet",)
    state.take(down, state.heard.news)
    assert state.pending() == ()
    state.expect()
    assert state.pending() != ()
    state.take(read(ce1), state.heard.news)
    assert "FRR has not noticed that the session with msee1 changed" in state.pending()


def test_an_explanation_has_the_daemons_word(ce1: NodePlan) -> None:
    """The choice is the daemon's, and so is the reason."""
    worse = {**ROUTE, "bestpath": None, "locPrf": 100, "peer": {"peerId": "172.16.0.6"}}
    state = ForeignState(ce1, "FRR")
    state.take(read(ce1, table={"routes": {"10.100.0.0/16": [ROUTE, worse]}}), 0)
    decision = state.explain(parse_prefix("10.100.0.0/16")).decision
    assert decision is not None
    assert decision.best is not None
    assert (decision.best.neighbor, decision.because) == ("msee1", Because.NOT_CHOSEN)
    assert [one.values for one in decision.lost] == ["FRR says of the best one: Local Pref"]


CHAIN = """
prefix_lists: {own: [10.10.0.0/16 le 24]}
policies:
  first: {default: next_policy, terms: [{match: {prefix_list: own}, set: {prepend: [65010]}, then: next_policy}]}
  second: [{match: {neighbor: msee9}, then: reject}, {match: {origin: [igp, egp]}, then: accept}]
"""


def test_a_chain_is_one_route_map() -> None:
    """A policy hands on to the next one's first entry; what asks for other neighbours is left out; origins are two."""
    known = policies(CHAIN)
    where = Where(neighbor="msee1", peer_address=None, family=Family.IPV4, importing=False)
    made = RouteMap("out", (known["first"], known["second"]), where)
    assert made.cannot == []
    assert made.lists == ["ip prefix-list own seq 5 permit 10.10.0.0/16 le 24"]
    assert made.maps == [
        *("route-map out permit 10", " match ip address prefix-list own", " set as-path prepend 65010"),
        *(" on-match goto 30", "exit"),
        *("route-map out permit 30", " match origin igp", "exit"),
        *("route-map out permit 40", " match origin egp", "exit"),
        *("route-map out deny 50", "exit"),
    ]


def test_a_changed_policy_is_one_change(ce1: NodePlan) -> None:
    """What a running FRR is told changes nothing before its last line, which lets all of it count."""
    assert ce1.bgp is not None
    before, after = configuration(ce1), configuration(with_rules(ce1, max_prefix=MaxPrefix(limit=9, restart_s=None)))
    lines = before.changed_to(after).splitlines()
    assert (lines[0], lines[-1]) == ("bgp route-map delay-timer 600", "bgp route-map delay-timer 0")
    assert lines.count("neighbor 172.16.0.2 maximum-prefix 9 75 force") == 1
    assert not [line for line in lines if "password" in line]


def test_what_frr_does_otherwise_is_refused(ce1: NodePlan) -> None:
    """A limit that is restarted after seconds is not rounded to minutes; one of a minute is taken."""
    limits = [MaxPrefix(limit=9, restart_s=seconds, counted=Counted.ACCEPTED) for seconds in (90, 60)]
    found = [[one.what for one in cannot(with_rules(ce1, max_prefix=limit))] for limit in limits]
    assert found == [["session with msee1: max_prefix: FRR waits whole minutes, and not 90 s"], []]


@pytest.mark.parametrize(
    "lines",
    [
        "  neighbor 172.16.0.2 soft-reconfiguration inbound",
        " neighbor 172.16.0.2 peer-group azure\n  neighbor azure soft-reconfiguration inbound",
    ],
)
def test_frr_asks_nobody_again_for_what_it_keeps(ce1: NodePlan, lines: str) -> None:
    """By a configuration of the user's own; else a refresh would be said to have been asked for. Others are asked."""
    assert ce1.bgp is not None
    router = FRR.router(with_config(ce1, lines), "/private")
    keeps, other = (AskAgain(session=one) for one in ce1.bgp.sessions[:2])
    assert router.commands(keeps) is None
    assert router.commands(other) is not None


def test_what_a_daemon_prints_is_shown_without_keys(
    ce1: NodePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those of the plan nor those in a configuration of the user's own."""
    monkeypatch.setattr(daemons, "PRIVATE", tmp_path)
    running = Daemons(with_config(ce1, " neighbor 172.16.0.2 password Own1234\n"), FRR, lambda: None)
    says = ("sh", "-c", "echo no Own1234 and no Contoso123; exit 1")
    for attempt in (
        lambda: running.ask([says]),
        lambda: running.take(Step(checks=(Check(command=says, file="frr.conf"),))),
    ):
        with pytest.raises(LabBroken, match=r"no \*\*\* and no \*\*\*"):
            attempt()


def with_config(node: NodePlan, text: str) -> NodePlan:
    """The node with a configuration of the user's own."""
    config = OwnConfig(file="ce1.conf", text=Secret(text))
    return replace(node, speaker=ForeignSpeaker(kind=SpeakerKind.FRR, config=config))


def with_rules(node: NodePlan, **rules: Any) -> NodePlan:  # noqa: ANN401  # of SessionRules
    """The node with rules beside the policies on its first session."""
    assert node.bgp is not None
    first, *others = node.bgp.sessions
    changed: SessionRules = replace(first.rules, **rules)
    return replace(node, bgp=replace(node.bgp, sessions=(replace(first, rules=changed), *others)))
