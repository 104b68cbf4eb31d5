"""Where load is shared: a flow takes one way by chance, and what is expected has to hold for every way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contoso import HUB, SAMPLE, with_fib, without_fib
from lab.bgp import Family
from lab.causes import first_cause
from lab.checks import Finding, find
from lab.expectations import (
    DscpExpectation,
    Expectation,
    MtuExpectation,
    PathExpectation,
    ReachabilityExpectation,
    SymmetricExpectation,
)
from lab.forwarding import Flow
from lab.tables import LabTables

V4: dict[str, Any] = {"where": "", "source": "hq", "destination": "hub", "family": Family.IPV4}
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4)
REACHES = ReachabilityExpectation(**V4)
ENDS = "ipv4: load is shared: another way stops at ce2: ce2 has no route to 10.100.0.4"


def one_way_ends() -> LabTables:
    """Tables in which ce1 shares its load between msee1 and ce2, which has no route."""
    (entry,) = (one for one in SAMPLE.tables.of("ce1").fib if one.prefix == HUB)
    ce2 = SAMPLE.plan.node("ce2").address(Family.IPV4)
    assert ce2 is not None
    shared = with_fib(SAMPLE.tables, "ce1", HUB, replace(entry, next_hops=(*entry.next_hops, ce2)))
    return without_fib(shared, "ce2", HUB)


@pytest.mark.parametrize(
    ("expectation", "text"),
    [
        pytest.param(REACHES, ENDS, id="reachable"),
        pytest.param(DscpExpectation(**V4, sent=46, arrives=46), ENDS, id="dscp"),
        pytest.param(MtuExpectation(**V4, packet_bytes=1400), ENDS, id="mtu"),
        pytest.param(
            PathExpectation(**V4, there=("ce1", "msee1")),
            f"{ENDS}; there by ce1 msee1, back by msee1 ce1",
            id="path",
        ),
        pytest.param(SymmetricExpectation(**V4), f"{ENDS}; there by ce1 msee1, back by msee1 ce1", id="symmetric"),
    ],
)
def test_where_one_of_several_ways_ends_it_does_not_hold(expectation: Expectation, text: str) -> None:
    """Which way a flow takes is decided by a hash: that it arrived proves nothing where another way leads nowhere."""
    arrived = SAMPLE.evidence(expectation)
    assert find(expectation, arrived).holds
    shared = replace(arrived, tables=one_way_ends())
    assert find(expectation, shared) == Finding(holds=False, text=text)
    cause = str(first_cause(expectation, SAMPLE.prediction, arrived, shared))
    assert cause == "FIB: the kernel of ce1 sends 10.100.0.0/16 to msee1 ce2, where msee1 was predicted"


def test_where_one_of_several_ways_arrives_it_is_not_unreachable() -> None:
    """That the flow was stopped proves nothing, nor where: every way has to end, and at the place that is named."""
    expectation = replace(REACHES, reachable=False)
    stopped = SAMPLE.evidence(expectation, tables=one_way_ends())  # by the way that ends
    assert stopped.flows[FLOW].stopped == "ce2 has no route to 10.100.0.4"
    text = "ipv4: load is shared: arrives by hq ce1 msee1 gw hub"
    assert find(expectation, stopped) == Finding(holds=False, text=text)
    cause = str(first_cause(expectation, SAMPLE.prediction, stopped, stopped))
    assert cause.startswith("FIB: every router from hq to hub has a route: hq ce1 msee1 gw hub; ")
    nowhere = replace(stopped, tables=without_fib(one_way_ends(), "msee1", HUB))
    assert find(expectation, nowhere).holds
    elsewhere = "ipv4: load is shared: another way stops at msee1: msee1 has no route to 10.100.0.4"
    assert find(replace(expectation, stopped_at="ce2"), nowhere) == Finding(holds=False, text=elsewhere)
