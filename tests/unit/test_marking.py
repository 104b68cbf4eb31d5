"""Marking: the first rule that matches decides, in words, in the model and in the language of nft."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from lab.bgp import Family, Prefix, parse_prefix
from lab.errors import LabBroken
from lab.forwarding import Flow, FlowResult, predict_flow
from lab.forwarding.marks import Rewriting, rewritings
from lab.load import load_topology
from lab.marking import MarkingRule, PacketMatch, Remark, first_match
from lab.node import marking
from lab.packets import Header, PortRange, Protocol
from lab.plan import Plan, Role
from lab.plan.of_topology import plan as plan_of
from lab.predict import predict
from lab.report import plan_text
from lab.report.plan_changes import changes
from lab.topology import Marking, RouterQos, Topology, Towards
from marking import MARKS, every_mark, flow, marks_of, path

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
SHIPPED = load_topology(TOPOLOGIES / "qos_marking.yaml")
EF, AF41, CS0, AF31, CS3 = 46, 34, 0, 26, 24
VOICE = PacketMatch(protocol=Protocol.UDP, destination_ports=(PortRange(first=3478, last=3481),))
HEADER = Header(
    protocol=Protocol.UDP,
    source=ip_address("10.1.0.2"),
    destination=ip_address("198.51.100.2"),
    dscp=CS0,
    source_port=50000,
    destination_port=3479,
)
HEADER6 = replace(HEADER, source=ip_address("2001:db8:1::2"), destination=ip_address("2001:db8:5::2"))


def prefixes(*texts: str) -> tuple[Prefix, ...]:
    """Prefixes."""
    return tuple(map(parse_prefix, texts))


@pytest.mark.parametrize(
    ("match", "header", "taken"),
    [
        pytest.param(PacketMatch(), HEADER, True, id="everything"),
        pytest.param(VOICE, HEADER, True, id="port"),
        pytest.param(VOICE, replace(HEADER, destination_port=3481), True, id="last port"),
        pytest.param(VOICE, replace(HEADER, destination_port=3482), False, id="another port"),
        pytest.param(VOICE, replace(HEADER, protocol=Protocol.TCP), False, id="another protocol"),
        pytest.param(VOICE, replace(HEADER, source_port=3479, destination_port=50000), False, id="the answer"),
        pytest.param(PacketMatch(source_ports=(PortRange(first=1, last=9),)), HEADER, False, id="source port"),
        pytest.param(PacketMatch(sources=prefixes("10.2.0.0/16", "10.1.0.0/16")), HEADER, True, id="one of sources"),
        pytest.param(PacketMatch(sources=prefixes("10.2.0.0/16")), HEADER, False, id="another source"),
        pytest.param(PacketMatch(sources=prefixes("0.0.0.0/0")), HEADER6, False, id="another family"),
        pytest.param(PacketMatch(sources=prefixes("0.0.0.0/0", "::/0")), HEADER6, True, id="both families"),
        pytest.param(PacketMatch(destinations=prefixes("2001:db8:5::/64")), HEADER6, True, id="destination"),
        pytest.param(
            PacketMatch(sources=prefixes("203.0.113.0/24")),
            replace(HEADER, source=parse_prefix("203.0.113.0/29")),
            True,
            id="a pool within",
        ),
        pytest.param(
            PacketMatch(sources=prefixes("203.0.113.0/30")),
            replace(HEADER, source=parse_prefix("203.0.113.0/29")),
            False,
            id="a pool that is larger",
        ),
        pytest.param(PacketMatch(dscps=(EF, CS0)), HEADER, True, id="one of marks"),
        pytest.param(PacketMatch(dscps=(EF, AF41)), HEADER, False, id="another mark"),
    ],
)
def test_a_match_takes_what_has_all_that_it_asks(match: PacketMatch, header: Header, taken: bool) -> None:  # noqa: FBT001
    """Everything that is asked must hold, and of several values one."""
    assert match.takes(header) is taken


def test_the_first_match_decides() -> None:
    """Of two rules that match the first decides, and what none matches keeps its mark."""
    voice, rest = MarkingRule(match=VOICE, dscp=EF), MarkingRule(match=PacketMatch(dscps=(CS0,)), dscp=AF41)
    ways = {"enters_by": "lan", "leaves_by": "wan"}
    assert first_match((voice, rest), HEADER, **ways) == voice
    assert first_match((rest, voice), HEADER, **ways) == rest
    assert first_match((voice, rest), replace(HEADER, destination_port=1), **ways) == rest
    assert first_match((voice, rest), replace(HEADER, destination_port=1, dscp=EF), **ways) is None
    assert first_match((replace(voice, leaves_by=("wan",)), rest), HEADER, **ways) != rest
    assert first_match((replace(voice, leaves_by=("lan",)), rest), HEADER, **ways) == rest
    assert first_match((replace(voice, enters_by=("wan",)), rest), HEADER, **ways) == rest


def test_rules_in_words() -> None:
    """A rule says what it does, and to what."""
    every = MarkingRule(dscp=CS0)
    listed = replace(
        VOICE, sources=prefixes("10.1.0.0/24"), source_ports=(PortRange(first=9, last=9),), dscps=(CS0, 11)
    )
    others = PacketMatch(protocol=Protocol.ICMP, dscps=tuple(one for one in range(64) if one not in MARKS))
    assert str(every) == "sets cs0 on every packet"
    assert str(MarkingRule(match=listed, dscp=EF, leaves_by=("wan",))) == (
        "sets ef on udp packets from 10.1.0.0/24 from port 9 to port 3478-3481 with cs0, 11 leaving by wan"
    )
    assert str(MarkingRule(match=others, dscp=None, enters_by=("wan",))) == (
        "drops icmp packets with any mark but cs0, af11, af21, cs3, af31, af41, ef entering by wan"
    )
    assert str(Remark(marks=((AF31, CS0), (CS3, EF)))) == "af31 to cs0, cs3 to ef"
    assert str(Remark(marks=tuple((one, 0) for one in range(1, 64)))) == "every mark to cs0"


# nft


def test_rules_for_the_kernel() -> None:
    """Each rule becomes one for each address family that it can match, and the table takes the place of an old one."""
    rules = (
        MarkingRule(match=replace(VOICE, sources=prefixes("10.0.0.0/8", "10.1.0.0/16"), dscps=(CS0,)), dscp=EF),
        MarkingRule(match=PacketMatch(protocol=Protocol.ICMP), dscp=None, enters_by=("lan",), leaves_by=("wan",)),
    )
    voice = "meta l4proto 17 ip saddr { 10.0.0.0/8 } th dport { 3478-3481 }"
    assert marking.ruleset(rules).splitlines() == [
        "table inet erlab_marking { }",
        "delete table inet erlab_marking",
        "table inet erlab_marking {",
        "  chain forward {",
        "    type filter hook forward priority mangle;",
        f"    meta nfproto ipv4 {voice} ip dscp {{ 0 }} ip dscp set 46 accept",
        '    meta nfproto ipv4 iifname { "lan" } oifname { "wan" } meta l4proto { 1, 58 } drop',
        '    meta nfproto ipv6 iifname { "lan" } oifname { "wan" } meta l4proto { 1, 58 } drop',
        "  }",
        "}",
    ]


def test_a_line_for_the_kernel() -> None:
    """Where a line is a bridge of VLAN devices, its map is for both of its ports."""
    rules = marking.line_ruleset("cross0", ("cross0.1", "cross0.2"), Remark(marks=((AF31, CS0),))).splitlines()
    assert rules[0] == "table bridge erlab_marking_cross0 { }"
    assert [one.strip() for one in rules if "set" in one] == [
        'meta protocol ip iifname { "cross0.1", "cross0.2" } ip dscp { 26 } ip dscp set 0 accept',
        'meta protocol ip6 iifname { "cross0.1", "cross0.2" } ip6 dscp { 26 } ip6 dscp set 0 accept',
    ]


def test_only_a_node_that_marks_needs_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program, a plan with marking is refused by the node's name; of Microsoft's edges it is only told."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    marking.check_program(path().nodes)
    with pytest.raises(LabBroken, match=r"^ce rewrites marks, .* install the package nftables$"):
        marking.check_program(path(ce=every_mark()).nodes)
    edges = [node for node in plan_of(SHIPPED).nodes if node.role is Role.MICROSOFT_EDGE]
    marking.check_program(edges)
    (says,) = marking.fidelity(edges)
    assert says == ("marking: not in force at msee1-ms, msee2-ms: the program nft (package nftables) is not installed")


# the model


def predicted(planned: Plan, asked: Flow) -> FlowResult:
    """What becomes of a flow in the model."""
    return predict_flow(planned, predict(planned).tables, asked)


def test_a_predicted_packet_carries_its_mark() -> None:
    """The mark changes where the edge, the line and a router rewrite it, and the answer has the one that arrived."""
    planned = path(
        line=Remark(marks=((AF41, AF31),)),
        ce=[MarkingRule(match=replace(VOICE, dscps=(CS0,)), dscp=AF41)],
        msee=[MarkingRule(match=PacketMatch(dscps=(AF31,)), dscp=EF, leaves_by=("to-ms",))],
    )
    voice = predicted(planned, flow("hq", CS0, Protocol.UDP, 3478))
    assert marks_of(voice.there) == [
        ("hq", None, CS0),
        ("ce", CS0, AF41),
        ("pe", AF31, AF31),
        ("msee", AF31, EF),
        ("ms", EF, EF),
        ("svc", EF, None),
    ]
    assert {left for _, _, left in marks_of(voice.back)} == {EF, None}
    assert rewritings(voice.there, CS0, planned) == (
        Rewriting(by="ce", before=CS0, after=AF41),
        Rewriting(by="line", before=AF41, after=AF31),
        Rewriting(by="msee", before=AF31, after=EF),
    )
    assert rewritings(predicted(planned, flow("hq", CS0)).there, CS0, planned) == ()


def test_an_answer_has_the_ports_the_other_way_round() -> None:
    """A rule about destination ports marks what goes to them, and not what comes from them."""
    rule = MarkingRule(match=VOICE, dscp=EF)
    there = predicted(path(ms=[rule]), flow("hq", CS0, Protocol.UDP, 3478))
    back = predicted(path(ms=[replace(rule, match=_answering(VOICE))]), flow("hq", CS0, Protocol.UDP, 3478))
    assert (there.dscp, back.dscp) == (EF, CS0)
    assert [left for node, _, left in marks_of(back.back) if node == "ms"] == [EF]


def _answering(match: PacketMatch) -> PacketMatch:
    return replace(match, source_ports=match.destination_ports, destination_ports=())


def test_a_rule_sees_the_address_before_translation() -> None:
    """An edge marks by the private source, which it translates behind that."""
    planned = plan_of(SHIPPED)
    asked = Flow(source="hq", destination="weu-storage", family=Family.IPV4, dscp=AF41)
    result = predicted(planned, asked)
    assert (result.dscp, str(result.source_seen)) == (CS0, "198.19.10.0/30")
    assert [one.by for one in rewritings(result.there, AF41, planned)] == ["ce1"]


def test_what_is_dropped_for_its_mark_ends_there() -> None:
    """A rule that drops ends the walk, and says why."""
    result = predicted(
        path(msee=[MarkingRule(match=PacketMatch(dscps=(CS3,)), dscp=None, source="a test")]), flow("hq", CS3)
    )
    assert (result.arrived, result.forward[-1]) == (False, "msee")
    assert result.stopped == "msee drops packets marked cs3 (a test)"


# who marks


def rules_of(planned: Plan, node: str) -> list[str]:
    """The rules of a node in words."""
    return list(map(str, planned.node(node).marking))


def test_directions_are_interfaces() -> None:
    """Towards Microsoft is what leaves by an interface to an edge, and towards the customer what enters by one."""
    (site,) = SHIPPED.customer.sites
    rule = MarkingRule(match=PacketMatch(dscps=(CS3,)), dscp=CS0)
    qos = RouterQos(marking=tuple(Marking(rule=rule, towards=one) for one in (*Towards, None)))
    planned = plan_of(replace(SHIPPED, customer=replace(SHIPPED.customer, sites=(replace(site, qos=(("ce1", qos),)),))))
    assert rules_of(planned, "ce1") == [
        "sets cs0 on packets with cs3 leaving by to-msee1, ms-msee1",
        "sets cs0 on packets with cs3 entering by to-msee1, ms-msee1",
        "sets cs0 on packets with cs3",
    ]
    assert rules_of(planned, "ce2") == []


def test_a_provider_that_routes_marks_in_its_routers() -> None:
    """Its routers mark by their own rules first, then by the provider's map; in an IPVPN every VRF does."""
    remark = Remark(marks=((AF31, CS0),))
    own = RouterQos(marking=(Marking(rule=MarkingRule(dscp=EF), towards=Towards.MICROSOFT),))
    layer3, ipvpn = (
        plan_of(_with_provider(load_topology(TOPOLOGIES / f"{name}.yaml"), remark=remark, qos=((router, own),)))
        for name, router in (("point_to_point_ethernet_layer3", "pe1"), ("any_to_any_ipvpn", "pe3"))
    )
    by_map = "sets cs0 on packets with af31"
    assert rules_of(layer3, "pe1") == ["sets ef on every packet leaving by to-msee1, ms-msee1", by_map]
    assert rules_of(layer3, "pe2") == [by_map]
    assert rules_of(ipvpn, "pe3-contoso") == ["sets ef on every packet leaving by to-msee1, ms-msee1", by_map]
    for vrf in ("pe1-contoso", "pe2-contoso", "pe4-contoso", "pe1-fabrikam", "pe2-fabrikam"):
        assert rules_of(ipvpn, vrf) == [by_map]
    assert rules_of(ipvpn, "pe3") == []


def _with_provider(topology: Topology, **fields: object) -> Topology:
    (circuit,) = topology.circuits
    carrier = replace(circuit.carrier, **fields)  # type: ignore[arg-type]  # names of Layer3
    return replace(topology, circuits=(replace(circuit, carrier=carrier),))


@pytest.mark.parametrize(
    ("answer", "first"),
    [("unchanged", None), ("reset", "sets cs0 on packets"), ("dropped", "drops packets")],
)
def test_microsofts_edge(answer: str, first: str | None) -> None:
    """On Microsoft peering an unlisted mark becomes what is assumed, and none is sent; on private peering all stay."""
    planned = plan_of(replace(SHIPPED, assumed=(("unlisted_dscp", answer),)))
    but = "with any mark but cs0, af11, af21, af41, ef"
    expected = [f"{first} {but} entering by to-ce1"] if first else []
    assert rules_of(planned, "msee1-ms") == [*expected, f"sets cs0 on packets {but} leaving by to-ce1"]
    assert rules_of(planned, "msee1") == []


def test_a_plan_tells_who_marks() -> None:
    """The text of a plan has each rule with the place in the file, and so has what changed."""
    planned = plan_of(SHIPPED)
    text = " ".join(plan_text.plan(planned).split())
    assert "marking sets ef on udp packets from port 50000-50019 to 198.18.0.0/16, 2001:2::/49 (" in text
    assert "line1:microsoft VLAN 1034.100 rewrites af31 to cs0" in text
    ce1 = planned.node("ce1")
    changed = replace(
        planned, nodes=tuple(replace(ce1, marking=ce1.marking[1:]) if n == ce1 else n for n in planned.nodes)
    )
    (change,) = changes(planned, changed)
    assert (change.what, change.before) == ("ce1 marking", str(ce1.marking[0]))
    assert planned.without_rules() == changed.without_rules()


def test_where_a_rule_is_written_changes_nothing(tmp_path: Path) -> None:
    """A file whose rules and maps stand on other lines is the same plan, so that it can be applied."""
    moved = tmp_path / "moved.yaml"
    text = (TOPOLOGIES / "qos_marking.yaml").read_text(encoding="utf-8")
    moved.write_text("# One line more.\n" + text.replace("../policies", str(TOPOLOGIES.parent / "policies")))
    assert changes(plan_of(SHIPPED), plan_of(load_topology(moved))) == ()
