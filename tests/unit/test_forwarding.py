"""The walk of a packet through tables: every way it can take, and why it ends."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from contoso import HQ, HUB, OWN_NETWORKS, SAMPLE, contoso, with_fib, without_fib
from lab.bgp import Family, Prefix, parse_prefix
from lab.forwarding import Crossing, Flow, Seen, gateway, longest_match, predict_flow, walks
from lab.plan import StaticRoute
from lab.policy import SessionRules
from lab.tables import FibEntry, LabTables

HQ_HOST, HUB_HOST = IPv4Address("10.10.0.10"), IPv4Address("10.100.0.4")
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4, dscp=46)


def by(tables: LabTables, router: str, *next_hops: str) -> LabTables:
    """The tables where a router sends what is for the hub to these next hops."""
    return with_fib(tables, router, HUB, FibEntry(prefix=HUB, next_hops=tuple(map(ip_address, next_hops))))


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param(SAMPLE.tables, ((("hq", "ce1", "msee1", "gw", "hub"), ""),), id="arrives"),
        pytest.param(
            without_fib(SAMPLE.tables, "msee1", HUB),
            ((("hq", "ce1", "msee1"), "msee1 has no route to 10.100.0.4"),),
            id="no route",
        ),
        pytest.param(
            by(by(SAMPLE.tables, "ce1", "10.10.0.2"), "ce2", "10.10.0.1"),
            ((("hq", "ce1", "ce2", "ce1"), "loop at ce1"),),
            id="loop",
        ),
        pytest.param(
            by(SAMPLE.tables, "ce1", "10.10.0.10"),
            ((("hq", "ce1", "hq"), "loop at hq"),),
            id="back to where it came from",
        ),
        pytest.param(
            by(SAMPLE.tables, "gw", "10.100.0.9"),
            ((("hq", "ce1", "msee1", "gw", "hub"), ""),),
            id="the connected network stands before a route of the same length",
        ),
        pytest.param(
            by(SAMPLE.tables, "ce1", "172.16.0.3"),
            ((("hq", "ce1"), "nobody answers for 172.16.0.3 at ce1"),),
            id="a next hop that is nobody's",
        ),
        pytest.param(
            by(SAMPLE.tables, "ce1", "10.10.0.2", "172.16.0.2"),
            (
                (("hq", "ce1", "ce2", "ce1"), "loop at ce1"),
                (("hq", "ce1", "msee1", "gw", "hub"), ""),
            ),
            id="equal paths: each is walked",
        ),
    ],
)
def test_a_packet_follows_the_longest_match(
    tables: LabTables, expected: tuple[tuple[tuple[str, ...], str], ...]
) -> None:
    """A walk goes from next hop to next hop until it arrives, or names what stopped it."""
    assert tuple((way.nodes, way.stopped) for way in walks(SAMPLE.plan, tables, "hq", HUB_HOST)) == expected


@pytest.mark.parametrize(
    ("at", "entries", "expected"),
    [
        pytest.param("ce1", (HUB,), "ce1 discards packets to 10.100.0.4 (blackhole route 10.100.0.0/16)", id="it"),
        pytest.param("gw", (parse_prefix("10.0.0.0/8"),), "", id="another one is longer"),
        pytest.param(
            "msee1",
            (parse_prefix("10.100.0.0/24"), parse_prefix("10.0.0.0/8")),
            "msee1 discards packets to 10.100.0.4 (blackhole route 10.100.0.0/24)",
            id="it is the longest",
        ),
    ],
)
def test_an_entry_without_next_hops_discards(at: str, entries: tuple[Prefix, ...], expected: str) -> None:
    """A FIB entry without next hops is a route: packets that it is the longest match for are dropped there."""
    tables = SAMPLE.tables
    for prefix in entries:
        tables = with_fib(tables, at, prefix, FibEntry(prefix=prefix, next_hops=()))

    (walk,) = walks(SAMPLE.plan, tables, "hq", HUB_HOST)

    assert walk.stopped == expected
    assert not expected or walk.nodes[-1] == at


@pytest.mark.parametrize(
    ("next_hop", "expected"),
    [
        pytest.param("172.16.0.2", "172.16.0.2", id="on an own wire"),
        pytest.param("192.0.2.7", "10.10.0.2", id="by a static route"),
        pytest.param("192.0.2.65", "172.16.0.2", id="by the longer one"),
        pytest.param("192.0.2.129", "10.10.0.2", id="by the cheaper one"),
        pytest.param("203.0.113.1", None, id="by no route"),
    ],
)
def test_a_next_hop_is_reached_by_a_gateway(next_hop: str, expected: str | None) -> None:
    """Packets by way of a next hop go to it where it is on the wire, else where the best static route leads."""
    ways = [("192.0.2.0/24", "10.10.0.2", 5), ("192.0.2.64/26", "172.16.0.2", 9)]
    ways += [("192.0.2.128/26", "172.16.0.2", 9), ("192.0.2.128/26", "10.10.0.2", 1)]
    static = (StaticRoute(prefix=parse_prefix(p), next_hop=ip_address(hop), metric=cost) for p, hop, cost in ways)
    node = replace(SAMPLE.plan.node("ce1"), static_routes=tuple(static))

    assert gateway(node, ip_address(next_hop)) == (ip_address(expected) if expected else None)


def test_a_host_forwards_nothing() -> None:
    """A host that gets a packet for another address ends the walk."""
    (walk,) = walks(SAMPLE.plan, by(SAMPLE.tables, "msee1", "10.10.0.10"), "msee1", HUB_HOST)
    assert (walk.nodes, walk.stopped) == (("msee1", "hq"), "hq is a host and forwards nothing")


def test_the_longest_match_wins() -> None:
    """Of all entries that hold an address, the longest prefix is followed (RFC 1812 §5.2.4.3)."""
    entries = tuple(
        FibEntry(prefix=parse_prefix(text), next_hops=(IPv4Address("192.0.2.1"),))
        for text in ("0.0.0.0/0", "10.100.0.0/16", "10.0.0.0/8", "10.101.0.0/16", "::/0")
    )

    assert longest_match(entries, HUB_HOST) == entries[1]
    assert longest_match(entries[3:4], HUB_HOST) is None


def test_a_predicted_flow_goes_there_and_back() -> None:
    """A flow's result has every node of both ways, with the packet as it enters and leaves it."""

    def seen(interface: str, *, back: bool = False) -> Seen:
        ends = (HUB_HOST, HQ_HOST) if back else (HQ_HOST, HUB_HOST)
        return Seen(interface=interface, dscp=46, source=ends[0], target=ends[1])

    way = ["hq", "ce1", "msee1", "gw", "hub"]
    result = predict_flow(SAMPLE.plan, SAMPLE.tables, FLOW)

    assert (result.sent, result.arrived, result.answered, result.stopped) == (True, True, True, "")
    assert (result.forward, result.backward) == (tuple(way), tuple(way[::-1]))
    assert result.there[1] == Crossing(node="ce1", entered=seen("to-hq"), left=seen("to-msee1"))
    assert (result.there[0].entered, result.there[-1].left) == (None, None)
    assert result.back[-2] == Crossing(node="ce1", entered=seen("to-msee1", back=True), left=seen("to-hq", back=True))
    assert result.dscp == 46
    assert result.marks == tuple((node, 46) for node in way[1:])
    assert result.sources == tuple((node, HQ_HOST) for node in way[1:])


def test_an_answer_that_finds_no_way_back_is_told() -> None:
    """A request that arrives and an answer that does not are two different things."""
    result = predict_flow(SAMPLE.plan, without_fib(SAMPLE.tables, "gw", HQ), FLOW)

    assert (result.arrived, result.answered) == (True, False)
    assert result.stopped == f"the answer: gw has no route to {HQ_HOST}"
    assert result.backward == ("hub", "gw")


def test_one_bad_way_of_several_makes_a_flow_fail() -> None:
    """Where load is shared over a way that loses packets, the flow is predicted to fail."""
    edges = SessionRules(import_policies=(OWN_NETWORKS,), export_policies=(OWN_NETWORKS,))
    lab = contoso(ce1=edges, ce2=edges)
    flow = Flow(source="hub", destination="hq", family=Family.IPV4)
    assert len(walks(lab.plan, lab.tables, "hub", HQ_HOST)) == 2

    result = predict_flow(lab.plan, without_fib(lab.tables, "msee2", HQ), flow)

    assert (result.arrived, result.stopped) == (False, f"msee2 has no route to {HQ_HOST}")


def test_ipv6_has_tables_of_its_own() -> None:
    """An IPv6 flow does not notice what the IPv4 tables lack."""
    tables = without_fib(SAMPLE.tables, "ce1", HUB)
    ipv6 = Flow(source="hq", destination="hub", family=Family.IPV6)

    assert predict_flow(SAMPLE.plan, tables, ipv6).answered
    assert not predict_flow(SAMPLE.plan, tables, FLOW).arrived


def test_an_end_without_an_address_sends_nothing() -> None:
    """A flow in a family that an end does not have proves nothing."""
    switch = Flow(source="hq", destination="lan-hq", family=Family.IPV4)

    result = predict_flow(SAMPLE.plan, SAMPLE.tables, switch)

    assert (result.sent, result.stopped) == (False, "lan-hq has no ipv4 address")
