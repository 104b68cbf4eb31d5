"""The size of packets: the limit of a gateway, how the largest size is searched for, and what is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from contoso import SAMPLE, topology
from lab.bgp import Family
from lab.causes import first_cause
from lab.checks import Evidence, describe, find
from lab.checks.largest import LEAST_BYTES, Largest, largest, sizes_left
from lab.codec import plain, typed
from lab.errors import LabBroken
from lab.expectations import MtuExpectation
from lab.forwarding import Flow, FlowResult, Protocol, predict_flow
from lab.node import packet_limits
from lab.plan import NodePlan, Plan
from lab.plan.of_topology import plan
from lab.plan.packet_limits import PacketLimit, TooLarge
from lab.predict import predicted_evidence
from lab.report import as_text
from lab.shaping import Impairment
from lab.topology import CircuitLink, ImpairedWire, Link, Towards

EXPECTED = MtuExpectation(where="", source="hq", destination="hub", packet_bytes=1400, limited_by=("gw",))
IPV4 = replace(EXPECTED, family=Family.IPV4)
LIMIT = SAMPLE.plan.node("gw").packet_limit


def assuming(**answers: str) -> Plan:
    """The circuit with other answers to what is not documented."""
    return plan(replace(topology(), assumed=tuple(answers.items())))


def with_node(name: str, change: Callable[[NodePlan], NodePlan]) -> Plan:
    """The circuit with another one of its nodes."""
    return replace(SAMPLE.plan, nodes=tuple(change(one) if one.name == name else one for one in SAMPLE.plan.nodes))


def limited(name: str, most_bytes: int, too_large: TooLarge = TooLarge.DROPPED) -> Plan:
    """The circuit with a limit at a router."""
    limit = PacketLimit(most_bytes=most_bytes, too_large=too_large)
    return with_node(name, lambda node: replace(node, packet_limit=limit))


def narrow(name: str, interface: str, mtu_bytes: int) -> Plan:
    """The circuit with an interface that carries less."""

    def change(node: NodePlan) -> NodePlan:
        interfaces = (replace(i, mtu_bytes=mtu_bytes) if i.name == interface else i for i in node.interfaces)
        return replace(node, interfaces=tuple(interfaces))

    return with_node(name, change)


def carrying(frame_bytes: int, towards: Towards | None = None) -> Plan:
    """The circuit with a primary link that carries frames up to a size."""
    wire = CircuitLink(circuit="", link=Link.PRIMARY)
    impaired = ImpairedWire(wire=wire, towards=towards, impairment=Impairment(frame_bytes=frame_bytes))
    return plan(replace(topology(), impairments=(impaired,)))


def seen(of: Plan, expectation: MtuExpectation = EXPECTED) -> Evidence:
    """What is known of a lab that works as a plan says."""
    return predicted_evidence(SAMPLE.prediction, of, [expectation])


# the limit


def test_the_gateway_forwards_what_is_documented() -> None:
    """1400 bytes at most, of every protocol, silently and without fragments, as far as the file is silent."""
    assert PacketLimit(most_bytes=1400, too_large=TooLarge.DROPPED, protocols=(), forwards_fragments=False) == LIMIT
    assert [node.name for node in SAMPLE.plan.nodes if node.packet_limit is not None] == ["gw"]
    assert "  forwards packets of at most 1400 bytes, and no fragments; larger ones are dropped" in as_text.plan(
        SAMPLE.plan
    )


def test_what_is_not_documented_can_be_answered_otherwise() -> None:
    """Each assumption changes the gateway's limit."""
    other = assuming(gateway_packet_limit="tcp_udp", gateway_too_large="answered", gateway_fragments="forwarded")
    assert other.node("gw").packet_limit == PacketLimit(
        most_bytes=1400, too_large=TooLarge.ANSWERED, protocols=(6, 17), forwards_fragments=True
    )
    assert assuming(gateway_packet_limit="none").node("gw").packet_limit is None
    assert typed(Plan, plain(other)) == other


@pytest.mark.parametrize(
    ("protocols", "packet_bytes", "protocol", "stops"),
    [((), 1400, 1, False), ((), 1401, 1, True), ((6, 17), 1401, 1, False), ((6, 17), 1401, 17, True)],
)
def test_what_a_limit_stops(protocols: tuple[int, ...], packet_bytes: int, protocol: int, *, stops: bool) -> None:
    """A packet is stopped that is larger, and of one of the protocols where any are given."""
    assert PacketLimit(most_bytes=1400, protocols=protocols).stops(packet_bytes, protocol) is stops


def test_the_rules_of_a_limit() -> None:
    """The kernel's length of IPv6 does not count the header; only what is to be answered is marked."""
    silent = packet_limits.ruleset(PacketLimit(most_bytes=1400, protocols=(6, 17)))
    assert "meta l4proto { 6, 17 } ip length > 1400 drop" in silent
    assert "meta l4proto { 6, 17 } ip6 length > 1360 drop" in silent
    assert "exthdr frag exists drop" in silent
    assert "mark" not in silent
    telling = packet_limits.ruleset(PacketLimit(most_bytes=1400, too_large=TooLarge.ANSWERED, forwards_fragments=True))
    assert "ip length > 1400 ip frag-off & 0x4000 != 0 meta mark set 1400" in telling
    assert "ip6 length > 1360 meta mark set 1400" in telling
    assert "0x3fff" not in telling


def test_without_nft_a_lab_says_so_and_a_size_is_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other labs run without the limit and say it; who asks for a size is told what to install."""
    assert packet_limits.fidelity(SAMPLE.plan.nodes) == ()
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    (says,) = packet_limits.fidelity(SAMPLE.plan.nodes)
    assert says == "packet limits: not in force at gw: the program nft (package nftables) is not installed"
    with pytest.raises(LabBroken, match=r"^the largest packet that gw forwards .* install the package nftables$"):
        packet_limits.check_program(SAMPLE.plan.nodes)
    packet_limits.check_program(assuming(gateway_packet_limit="none").nodes)


# the model


def flow(of: Plan, packet_bytes: int, protocol: Protocol = Protocol.ICMP) -> FlowResult:
    """What becomes of a packet of a size."""
    asked = Flow(source="hq", destination="hub", family=Family.IPV4, packet_bytes=packet_bytes, protocol=protocol)
    return predict_flow(of, SAMPLE.tables, asked)


@pytest.mark.parametrize(
    ("of", "packet_bytes", "way", "stopped"),
    [
        pytest.param(SAMPLE.plan, 1400, ("hq", "ce1", "msee1", "gw", "hub"), "", id="it fits"),
        pytest.param(
            SAMPLE.plan, 1401, ("hq", "ce1", "msee1", "gw"), "gw drops silently what has more than 1400 bytes", id="gw"
        ),
        pytest.param(
            assuming(gateway_too_large="answered"),
            1401,
            ("hq", "ce1", "msee1", "gw"),
            "gw refuses, and tells the sender, what has more than 1400 bytes",
            id="gw answers",
        ),
        pytest.param(
            narrow("ce1", "to-msee1", 1300),
            1301,
            ("hq", "ce1"),
            "ce1 refuses, and tells the sender, what has more than 1300 bytes, the MTU of to-msee1",
            id="an interface",
        ),
        pytest.param(
            carrying(1318), 1301, ("hq", "ce1"), "wire primary carries frames of 1318 bytes at most", id="a tagged wire"
        ),
        pytest.param(SAMPLE.plan, 1501, (), "hq itself sends 1500 bytes at most", id="the sender"),
    ],
)
def test_where_a_packet_is_too_large(of: Plan, packet_bytes: int, way: tuple[str, ...], stopped: str) -> None:
    """It ends at its sender, at a router with a limit, or where the interface that it would leave by carries less."""
    result = flow(of, packet_bytes)
    assert (result.forward, result.stopped, result.sent) == (way, stopped, bool(way))


def test_a_wire_limits_the_direction_that_is_impaired() -> None:
    """A frame of 1300 bytes has a header of 14 more and the customer's tag of 4; the other direction has no limit."""
    both = [replace(EXPECTED, source=one, destination=other) for one, other in (("hq", "hub"), ("hub", "hq"))]
    there, back = (replace(one, packet_bytes=1300, limited_by=("primary",)) for one in both)
    assert find(there, seen(carrying(1318), there)).holds
    assert find(back, seen(carrying(1318), back)).holds
    assert find(back, seen(carrying(1318, Towards.CUSTOMER), back)).holds
    assert find(both[0], seen(carrying(1318, Towards.CUSTOMER), both[0])).holds


def test_a_limit_for_tcp_and_udp_lets_icmp_pass() -> None:
    """Only packets of the protocols that it is for are stopped."""
    of = assuming(gateway_packet_limit="tcp_udp")
    assert flow(of, 1500).answered
    assert not flow(of, 1500, Protocol.UDP).arrived


def test_an_echo_has_the_size_of_what_it_answers() -> None:
    """Where only the way back has a limit, the request arrives and its answer does not."""
    result = flow(narrow("gw", "to-msee1", 1300), 1400)
    assert (result.arrived, result.answered) == (True, False)
    assert result.stopped.startswith("the answer: gw refuses, and tells the sender, what has more than 1300 bytes")


# the search


@pytest.mark.parametrize("true_size", [0, LEAST_BYTES, 576, 1279, 1280, 1400, 1499, 1500])
@pytest.mark.parametrize("guess", [LEAST_BYTES, 1400, 1500])
def test_the_search_finds_every_size_in_three_rounds(true_size: int, guess: int) -> None:
    """Whatever was expected, the size is known after three rounds more, and none is asked for twice."""
    arrivals: dict[int, bool] = {}
    rounds = 0
    sizes: tuple[int, ...] = (guess, guess + 1)
    while sizes:
        assert not arrivals.keys() & set(sizes)
        assert len(sizes) < 50
        arrivals |= {size: size <= true_size for size in sizes}
        sizes = sizes_left(arrivals, 1500)
        rounds += bool(sizes)
    found = largest(arrivals, 1500)
    assert found == Largest(arrived_bytes=true_size, lost_bytes=max(true_size + 1, LEAST_BYTES))
    assert rounds <= 3


def test_what_no_size_explains_is_not_searched() -> None:
    """Where a smaller packet is lost than one that arrived, the size does not decide, and the search ends."""
    arrivals = {1400: False, 1401: True}
    assert largest(arrivals, 1500).contradiction == 1400
    assert sizes_left(arrivals, 1500) == ()


# the check


def test_the_expected_size_holds() -> None:
    """The two that decide are enough, and the check says where the limit is."""
    evidence = seen(SAMPLE.plan)
    assert len(evidence.flows) == 2 * 3
    finding = find(EXPECTED, evidence)
    assert finding.holds
    assert finding.text == "largest 1400 bytes, limited by gw: gw drops silently what has more than 1400 bytes"
    assert describe(EXPECTED) == "largest packet from hq to hub has 1400 bytes, limited by gw"


def test_a_limit_for_tcp_and_udp_is_shown_by_udp() -> None:
    """The protocol that is sent decides whether there is a limit."""
    by_udp = replace(EXPECTED, protocol=Protocol.UDP, port=5001)
    assert find(by_udp, seen(assuming(gateway_packet_limit="tcp_udp"), by_udp)).holds
    assert describe(by_udp) == "largest udp port 5001 packet from hq to hub has 1400 bytes, limited by gw"


@pytest.mark.parametrize(
    ("expectation", "lab", "text"),
    [
        pytest.param(replace(EXPECTED, packet_bytes=1300), SAMPLE.plan, "largest 1400 bytes", id="larger"),
        pytest.param(EXPECTED, limited("msee1", 1280), "largest 1280 bytes, limited by msee1", id="smaller"),
        pytest.param(EXPECTED, limited("msee1", 1400), "largest 1400 bytes, limited by msee1", id="elsewhere"),
        pytest.param(EXPECTED, limited("ce1", 100), "less than 128 bytes, limited by ce1", id="hardly anything"),
        pytest.param(EXPECTED, assuming(gateway_packet_limit="tcp_udp"), "largest 1500 bytes", id="not of ICMP"),
        pytest.param(
            replace(EXPECTED, limited_by=()),
            assuming(gateway_packet_limit="none"),
            "largest 1500 bytes, limited by hq: hq itself sends 1500 bytes at most",
            id="only the sender",
        ),
    ],
)
def test_another_size_fails(expectation: MtuExpectation, lab: Plan, text: str) -> None:
    """The negative controls: the true size and its place are found, whatever was expected."""
    finding = find(expectation, seen(lab, expectation))
    assert finding.holds is False
    assert finding.text.startswith(f"ipv4: {text}")


def test_only_one_family_may_have_the_limit() -> None:
    """A family that differs makes it fail, and is named; asked alone, the other one holds."""
    evidence = seen(SAMPLE.plan)
    flows = {
        one: replace(result, arrived=True) if one.family is Family.IPV6 else result
        for one, result in evidence.flows.items()
    }
    lab = replace(evidence, flows=flows)
    assert find(EXPECTED, lab).text.startswith("ipv6: cannot tell: sizes from 1401 to 1501 bytes were not asked")
    assert find(IPV4, lab).holds


@pytest.mark.parametrize(
    ("size", "change", "holds", "text"),
    [
        (0, {"arrived": False, "answered": False, "stopped": "lost"}, False, "ipv4: no packet arrives: lost"),
        (0, {"sent": False, "stopped": "no way"}, None, "ipv4: no packet left hq: no way"),
        (
            1400,
            {"sent": False, "arrived": False, "stopped": "x"},
            None,
            "ipv4: cannot tell: 1400 bytes were not sent: x",
        ),
        (0, None, None, "ipv4: was not asked"),
    ],
)
def test_what_shows_no_size(size: int, change: dict[str, object] | None, *, holds: bool | None, text: str) -> None:
    """Without a way, and without packets that were sent, nothing is said of sizes."""
    evidence = seen(SAMPLE.plan, IPV4)
    flows = {
        one: replace(result, **change) if change and one.packet_bytes == size else result  # type: ignore[arg-type]  # its names
        for one, result in evidence.flows.items()
        if change or one.packet_bytes != size
    }
    finding = find(IPV4, replace(evidence, flows=flows))
    assert (finding.holds, finding.text) == (holds, text)


# causes


@pytest.mark.parametrize(
    ("expectation", "model", "lab", "says"),
    [
        pytest.param(
            replace(IPV4, packet_bytes=1300),
            SAMPLE.plan,
            SAMPLE.plan,
            "nothing on the way hq ce1 msee1 gw hub stops 1301 bytes; gw drops silently what has more than 1400 bytes",
            id="the model's is larger",
        ),
        pytest.param(
            replace(IPV4, limited_by=("msee1", "ce1")),
            SAMPLE.plan,
            SAMPLE.plan,
            "it is gw on the way hq ce1 msee1 gw hub, not msee1 or ce1: "
            "gw drops silently what has more than 1400 bytes",
            id="the model's is elsewhere",
        ),
        pytest.param(
            IPV4,
            limited("ce1", 1300),
            limited("ce1", 1300),
            "ce1 drops silently what has more than 1300 bytes",
            id="the model's is smaller",
        ),
        pytest.param(
            IPV4,
            SAMPLE.plan,
            assuming(gateway_packet_limit="none"),
            "1500 bytes crossed gw, though by its plan gw drops silently what has more than 1400 bytes",
            id="the lab lets more pass",
        ),
        pytest.param(
            IPV4,
            SAMPLE.plan,
            limited("msee1", 1280),
            "1281 bytes ended at msee1, though by the plan gw drops silently what has more than 1400 bytes: "
            "msee1 drops silently what has more than 1280 bytes",
            id="the lab lets less pass",
        ),
    ],
)
def test_the_cause_names_what_limits(expectation: MtuExpectation, model: Plan, lab: Plan, says: str) -> None:
    """In the model it is what limits the size there, in the lab the place where it left the model."""
    observed = replace(seen(lab, expectation), plan=model)
    found = first_cause(expectation, SAMPLE.prediction, seen(model, expectation), observed)
    assert str(found) == f"packet: ipv4: {says}"


def test_where_no_packet_arrives_the_cause_is_that_of_reachability() -> None:
    """A router without a route is the cause, and not a size."""
    tables = replace(
        SAMPLE.tables,
        routers=tuple(replace(one, fib=()) if one.router == "ce1" else one for one in SAMPLE.tables.routers),
    )
    observed = predicted_evidence(replace(SAMPLE.prediction, tables=tables), SAMPLE.plan, [IPV4])
    found = str(first_cause(IPV4, SAMPLE.prediction, seen(SAMPLE.plan, IPV4), observed))
    assert found == "FIB: the kernel of ce1 has no route to 10.100.0.0/16, though its Loc-RIB has it"
