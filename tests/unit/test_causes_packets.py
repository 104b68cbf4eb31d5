"""The first thing that went wrong where the tables are right and the packets are not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from asked_of_contoso import FLOW, REACHES, VIA, cause, packet_cause
from contoso import CE1, CE2, HQ, HUB, REJECT_ALL, SAMPLE, contoso, crossings, with_fib, with_flow, without_fib
from lab.bgp import Family
from lab.causes import first_cause
from lab.expectations import ReachabilityExpectation
from lab.tables import FibEntry, LabTables

WAY = ("hq", "ce1", "msee1", "gw", "hub")


@pytest.mark.parametrize(
    ("expectation", "result", "expected"),
    [
        pytest.param(
            REACHES,
            {
                "arrived": False,
                "answered": False,
                "there": crossings("hq", "ce1"),
                "stopped": "left ce1 by to-msee1 and was seen nowhere behind it",
            },
            "packet: ipv4: left ce1 by to-msee1 and was seen nowhere behind it",
            id="lost on a wire",
        ),
        pytest.param(
            replace(REACHES, dscp=46),
            {"there": crossings(*WAY, marks=(46, 0, 0, 0))},
            "packet: ipv4: ce1 or the way from there to msee1 made cs0 of ef",
            id="mark changed on the way",
        ),
        pytest.param(
            replace(REACHES, dscp=46),
            {"there": crossings(*WAY)},
            "packet: ipv4: hq or the way from there to ce1 made cs0 of ef",
            id="mark changed at once",
        ),
        pytest.param(
            VIA,
            {"there": crossings("hq", "ce1", "ce2", "msee2", "gw", "hub")},
            "packet: ipv4: ce1 sent it to ce2, though its FIB leads to msee1",
            id="another way than the FIB's",
        ),
        pytest.param(
            VIA,
            {"there": crossings("hq", "ce1")},
            "packet: ipv4: arrived with DSCP 0 by hq ce1",
            id="not seen at all that must be crossed",
        ),
        pytest.param(
            REACHES,
            {"sent": False, "arrived": False, "answered": False, "stopped": "the packet was not seen leaving"},
            "packet: ipv4: none left hq: the packet was not seen leaving",
            id="never sent",
        ),
    ],
)
def test_where_the_tables_are_right_the_packets_tell(
    expectation: ReachabilityExpectation, result: dict[str, object], expected: str
) -> None:
    """Where every table on the way is as predicted, the packet's own trace names the place."""
    assert packet_cause(expectation, result) == expected


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(without_fib(SAMPLE.tables, "ce2", HUB), id="beside the way"),
        pytest.param(
            with_fib(SAMPLE.tables, "gw", HQ, FibEntry(prefix=HQ, next_hops=(ip_address("100.127.255.5"),))),
            id="on the way, but leading there as well",
        ),
    ],
)
def test_a_difference_that_does_not_matter_is_not_blamed(seen: LabTables) -> None:
    """A table that differs, but by which the packet would have arrived, is not named where one was lost."""
    says = packet_cause(REACHES, {"arrived": False, "answered": False, "stopped": "entered gw by to-msee1"}, seen)

    assert says == "packet: ipv4: entered gw by to-msee1"


def test_a_packet_that_arrives_against_the_tables_is_told() -> None:
    """Where packets must not arrive, and do though no table leads them, the cause is the packet."""
    rejecting = contoso(
        ce1=replace(CE1, import_policies=(REJECT_ALL,)), ce2=replace(CE2, import_policies=(REJECT_ALL,))
    )
    expectation = replace(REACHES, reachable=False)
    predicted = rejecting.evidence(expectation)
    observed = with_flow(predicted, FLOW, arrived=True, there=crossings("hq", "ce1", "hub"))

    says = first_cause(expectation, rejecting.prediction, predicted, observed)

    assert str(says) == "packet: ipv4: arrived by hq ce1 hub, though by the FIBs ce1 has no route to 10.100.0.4"


def test_a_flow_without_a_result_was_not_asked() -> None:
    """A flow that nobody sent is named as such."""
    predicted = SAMPLE.evidence(REACHES)

    says = first_cause(REACHES, SAMPLE.prediction, predicted, replace(predicted, flows={}))

    assert str(says) == "packet: ipv4 was not asked"


@pytest.mark.parametrize(
    ("destination", "family", "expected"),
    [
        pytest.param("lan-hq", None, "packet: no address family in common", id="in no family"),
        pytest.param("lan-hq", Family.IPV4, "packet: lan-hq has no ipv4 address", id="in the one that is named"),
    ],
)
def test_ends_without_addresses_are_told(destination: str, family: Family | None, expected: str) -> None:
    """Where an end has no address to send to, that is the cause."""
    assert cause(replace(REACHES, destination=destination, family=family)) == expected
