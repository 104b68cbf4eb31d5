"""Paths and symmetry: what flows and tables say together, and why packets go another way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contoso import CE1, CE2, OWN_NETWORKS, SAMPLE, Contoso, contoso, crossings, with_flow
from lab.bgp import Family
from lab.causes import first_cause
from lab.checks import Evidence, describe, find, flows_of
from lab.checks.paths import edges_of_link
from lab.expectations import Expectation, PathExpectation, SymmetricExpectation
from lab.packets import Protocol
from lab.policy import SessionRules

PATH = PathExpectation(
    where="",
    source="hq",
    destination="hub",
    there=("ce1", "msee1"),
    back=("msee1", "ce1"),
    link="primary",
    flows=4,
    family=Family.IPV4,
)
SYMMETRIC = SymmetricExpectation(where="", source="hq", destination="hub", flows=4, family=Family.IPV4)
SAME = SessionRules(import_policies=(OWN_NETWORKS,), export_policies=(OWN_NETWORKS,))
SHARED = contoso(ce1=replace(CE1, export_policies=(OWN_NETWORKS,)), ce2=replace(CE2, export_policies=(OWN_NETWORKS,)))
"""Both edges announce their network alike, so what comes back may take either link."""
BY_FIRST, BY_SECOND = ("hq", "ce1", "msee1", "gw", "hub"), ("hq", "ce1", "ce2", "msee2", "gw", "hub")


def observed(expectation: Expectation, lab: Contoso, *ways: tuple[tuple[str, ...], tuple[str, ...]]) -> Evidence:
    """The lab as predicted, in which each flow after another went one of these ways."""
    evidence = lab.evidence(expectation)
    for flow, (there, back) in zip(flows_of(expectation, lab.plan), ways, strict=False):
        seen = {"there": crossings(*there), "back": crossings(*back), "answered": True, "round_trip_s": 0.001}
        evidence = with_flow(evidence, flow, arrived=True, stopped="", **seen)
    return evidence


@pytest.mark.parametrize(
    ("expectation", "lab", "ways", "holds", "text"),
    [
        pytest.param(PATH, SAMPLE, [], True, "there by ce1 msee1, back by msee1 ce1", id="as predicted"),
        pytest.param(
            PATH,
            SAMPLE,
            [(BY_SECOND, BY_FIRST[::-1])],
            False,
            "ipv4: 3 of 4 there by ce1 msee1, back by msee1 ce1; 1 of 4 there by ce1 ce2 msee2, back by msee1 ce1",
            id="one flow went another way",
        ),
        pytest.param(
            PATH,
            SHARED,
            [(BY_FIRST, BY_FIRST[::-1])] * 4,
            False,
            "ipv4: load is shared: there by ce1 msee1, back by msee2 ce2 too, which none of 4 flows took; "
            "there by ce1 msee1, back by msee1 ce1",
            id="a way of the tables that no flow took",
        ),
        pytest.param(
            replace(PATH, back=None, link=None),
            SHARED,
            [(BY_FIRST, BY_FIRST[::-1])] * 4,
            True,
            "there by ce1 msee1, back by msee1 ce1; no flow took there by ce1 msee1, back by msee2 ce2",
            id="one that is as expected too",
        ),
        pytest.param(
            SYMMETRIC,
            SAMPLE,
            [(BY_FIRST, ("hub", "gw", "msee2", "ce2", "hq"))] * 4,
            False,
            "ipv4: there by ce1 msee1, back by msee2 ce2",
            id="asymmetric",
        ),
        pytest.param(SYMMETRIC, SAMPLE, [], True, "there by ce1 msee1, back by msee1 ce1", id="symmetric"),
    ],
)
def test_findings(
    expectation: Expectation,
    lab: Contoso,
    ways: list[tuple[tuple[str, ...], tuple[str, ...]]],
    holds: bool,  # noqa: FBT001  # a column of the table
    text: str,
) -> None:
    """Every flow has to fit, and every way that the tables have; what was seen is told."""
    finding = find(expectation, observed(expectation, lab, *ways))
    assert (finding.holds, finding.text) == (holds, text)


def test_what_was_not_sent_or_answered_is_told() -> None:
    """A packet that never left proves nothing, and one that was not answered fails with where it ended."""
    evidence = SAMPLE.evidence(PATH)
    second = flows_of(PATH, SAMPLE.plan)[1]
    lost = with_flow(evidence, second, answered=False, arrived=False, stopped="left ce1 by to-msee1")
    assert (found := find(PATH, lost)).holds is False
    assert found.text == "ipv4: flow 2 of 4 not arrived: left ce1 by to-msee1"
    unseen = with_flow(evidence, second, arrived=False)
    assert (found := find(PATH, unseen)).holds is None
    assert found.text == "ipv4: cannot tell: flow 2 of 4 answered, and not seen arriving"
    cause = str(first_cause(PATH, SAMPLE.prediction, evidence, unseen))
    assert cause.endswith(found.text)
    unsent = with_flow(evidence, second, sent=False, answered=False, stopped="no way")
    assert find(PATH, unsent).holds is None
    assert find(PATH, replace(evidence, flows={})).holds is None


def test_flows_have_ports_of_their_own() -> None:
    """So routers that share load by ports send them by every way; echoes have none, and are one."""
    flows = flows_of(PATH, SAMPLE.plan)
    assert [flow.source_port for flow in flows] == [33434, 33435, 33436, 33437]
    assert {flow.protocol for flow in flows} == {Protocol.UDP}
    both = flows_of(replace(PATH, family=None, protocol=Protocol.ICMP), SAMPLE.plan)
    assert [(flow.family, flow.source_port) for flow in both] == [(Family.IPV4, 0), (Family.IPV6, 0)]


@pytest.mark.parametrize(
    ("expectation", "lab", "cause"),
    [
        pytest.param(
            replace(PATH, link=None, there=("ce1", "ce2", "msee2")),
            SAMPLE,
            "Adj-RIB-Out: ce2 does not send 10.100.0.0/16 to ce1: learned from this neighbour; at ce2 the path",
            id="there",
        ),
        pytest.param(
            replace(PATH, there=None, back=None, link="secondary"),
            SAMPLE,
            "Adj-RIB-Out: ce2 does not send 10.100.0.0/16 to ce1: learned from this neighbour; at ce2 the path",
            id="on a link",
        ),
        pytest.param(
            SYMMETRIC,
            SHARED,
            "FIB: load is shared on the way from hub to hq: packets may cross other edges too",
            id="shared load",
        ),
    ],
)
def test_causes(expectation: Expectation, lab: Contoso, cause: str) -> None:
    """The choice that leads packets another way is named, in the direction that is not as expected."""
    evidence = lab.evidence(expectation)
    assert find(expectation, evidence).holds is False
    assert str(first_cause(expectation, lab.prediction, evidence, evidence)).startswith(cause)


def test_descriptions_and_links() -> None:
    """What must hold in a few words; a link ends at the edges of both peerings, those of a circuit at its own."""
    assert describe(PATH) == "hq to hub ipv4 udp goes there by ce1 msee1, back by msee1 ce1, on the link primary"
    assert (
        describe(replace(SYMMETRIC, protocol=Protocol.TCP, port=443))
        == "hq to hub ipv4 tcp port 443 comes back as it went"
    )
    assert edges_of_link("secondary") == {"msee2", "msee2-ms"}
    assert edges_of_link("ams-primary") == {"ams-msee1", "ams-msee1-ms"}
