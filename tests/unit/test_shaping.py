"""Impairments and queues of a topology file, where the plan has the wires and interfaces that the file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.load import load_topology
from lab.plan import Plan
from lab.plan.of_topology import plan
from lab.shaping import UNIMPAIRED, Impairment, Queues, limit_bytes, rate_text
from topology_text import TopologyText

LATE = Impairment(delay_ms=5)


def planned(directory: Path, **parts: str) -> Plan:
    """The plan of the shipped topology with other parts."""
    return plan(load_topology(TopologyText(**parts).write(directory, "shaped")))  # type: ignore[arg-type]  # texts


@pytest.mark.parametrize(
    ("written", "wire", "impairments"),
    [
        ("link: secondary", "secondary", (LATE, LATE)),
        ("link: primary, towards: microsoft", "primary", (LATE, UNIMPAIRED)),
        ("link: primary, towards: customer", "primary", (UNIMPAIRED, LATE)),
        ("between: msee1 - gw, towards: msee1", "msee1-gw", (UNIMPAIRED, LATE)),
        ("between: hq - ce2", "hq/ce2", (LATE, LATE)),
        ("between: ce2 - hq, towards: hq", "hq/ce2", (LATE, UNIMPAIRED)),
        ("between: hq - lan-hq, towards: hq", "hq/hq", (UNIMPAIRED, LATE)),
        ("between: hub - gw", "vnet-hub", (LATE, LATE)),
    ],
)
def test_an_impairment_is_at_the_wire_that_it_names(
    tmp_path: Path, written: str, wire: str, impairments: tuple[Impairment, Impairment]
) -> None:
    """Of a link it is the wire at the customer's side, of a router and a network the router's own; no other has any."""
    made = planned(tmp_path, more=f"impairments: {{{written}, delay: 5 ms}}")
    assert {one.name: one.impairments for one in made.wires if one.impaired} == {wire: impairments}


QUEUES = """qos:
    ce1:
      queues:
        - towards: msee1
          rate: 10 Mbps
          classes:
            bulk: {rate: 1 Mbps}
            voice: {dscp: [ef, cs5], strict: 2 Mbps}
            data: {dscp: af21, rate: 4 Mbps, ceil: 8 Mbps, limit: 20 ms}
        - {towards: hq, rate: 5 Mbps, classes: {voice: {dscp: ef, strict: 1 Mbps}}}"""


def test_queues_are_at_the_interface_towards_a_neighbour(tmp_path: Path) -> None:
    """Classes keep the file's order, that of all other packets last; the lab makes one of what is left."""
    made = planned(tmp_path, edges=QUEUES)
    assert [node.name for node in made.nodes if node.queues] == ["ce1"]
    uplink, lan = made.node("ce1").queues
    assert (uplink.interface, uplink.rate_bps, lan.interface) == ("to-msee1", 10_000_000, "to-hq")
    mbps = [
        (one.name, one.dscps, one.rate_bps / 1e6, one.ceil_bps / 1e6, one.strict, one.limit_bytes)
        for one in (*uplink.classes, *lan.classes)
    ]
    assert mbps == [
        ("voice", (46, 40), 2, 2, True, 12_500),
        ("data", (18,), 4, 8, False, 10_000),
        ("bulk", (), 1, 10, False, 6_250),
        ("voice", (46,), 1, 1, True, 6_250),
        ("others", (), 4, 5, False, 25_000),
    ]


def test_the_class_of_a_mark(tmp_path: Path) -> None:
    """A mark is in the class that has it, and every other one in the last."""
    queues: Queues = planned(tmp_path, edges=QUEUES).node("ce1").queues[0]
    assert [queues.class_of(dscp).name for dscp in (46, 18, 0, 34)] == ["voice", "data", "bulk", "bulk"]


def test_a_queue_holds_two_of_the_longest_frames_at_least() -> None:
    """A class so slow that its time lets wait less than that would lose every long packet."""
    assert (limit_bytes(64_000, 50), limit_bytes(1_000_000_000, 50)) == (3_028, 6_250_000)


@pytest.mark.parametrize(
    ("rate_bps", "text"), [(64_000, "64 kbps"), (1_500_000, "1.5 Mbps"), (10**9, "1 Gbps"), (8_500, "8.5 kbps")]
)
def test_rates_are_told_as_they_are_written(rate_bps: int, text: str) -> None:
    """In the largest unit that leaves no number below one."""
    assert rate_text(rate_bps) == text
