"""The expectation `dscp`: what arrives, who rewrote it, and the reason where it is otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contoso import Contoso, of_plan
from lab.bgp import Family
from lab.causes import verdicts
from lab.checks import Evidence, Outcome, find
from lab.expectations import DscpExpectation
from lab.forwarding import Crossing
from lab.load import load_topology
from lab.plan.of_topology import plan

LAB: Contoso = of_plan(plan(load_topology(Path(__file__).parents[2] / "topologies" / "qos_marking.yaml")))
EF, CS0, AF12, CS3, AF31, CS5 = 46, 0, 12, 24, 26, 40
RULE = "sets ef on packets from 198.19.10.128/25, 2001:2:0:8010::/64 with cs5, 44 leaving by to-msee1, ms-msee1"
PLANNED, UNPLANNED = f"and by the plan it makes ef of it: its rule {RULE}", "and by the plan it leaves that as it is"
WAY = "phones ce1 msee1-ms ms-core weu-storage"


def asked(sent: int, arrives: int, *by: str, source: str = "phones", to: str = "weu-storage") -> DscpExpectation:
    """An expectation of IPv4 packets, which are rewritten by these."""
    return DscpExpectation(
        where="", source=source, destination=to, sent=sent, arrives=arrives, rewritten_by=by, family=Family.IPV4
    )


@pytest.mark.parametrize(
    ("expectation", "holds", "says"),
    [
        pytest.param(asked(EF, EF), True, "sent with ef, arrived with ef: unchanged", id="nobody"),
        pytest.param(asked(CS5, EF, "ce1"), True, "sent with cs5, arrived with ef: ce1 made ef of cs5", id="a router"),
        pytest.param(asked(AF31, CS0, "line1"), True, "arrived with cs0: line1 made cs0 of af31", id="a line"),
        pytest.param(
            asked(AF12, AF12), True, "unchanged; msee1-ms got af12, which is not in Microsoft's table", id="pointed out"
        ),
        pytest.param(asked(CS5, EF, "line1"), False, "ipv4: sent with cs5, arrived with ef: ce1 made", id="another"),
        pytest.param(asked(CS5, EF), False, "ipv4: sent with cs5, arrived with ef: ce1 made", id="somebody"),
        pytest.param(asked(CS5, CS0, "ce1"), False, "ipv4: sent with cs5, arrived with ef: ce1 made", id="the mark"),
        pytest.param(
            asked(CS3, CS0, "msee1-ms", source="weu-storage", to="phones"),
            False,
            "ipv4: load is shared: by the model sent with cs3, arrived with cs0: msee2-ms made cs0 of cs3 too",
            id="by one of two ways only",
        ),
        pytest.param(
            asked(CS3, CS3, source="weu-storage", to="hq"),
            False,
            "ipv4: not arrived: ms-core has no route to 10.10.0.10",
            id="not arrived",
        ),
    ],
)
def test_what_a_prediction_says(expectation: DscpExpectation, holds: bool, says: str) -> None:  # noqa: FBT001
    """The mark has to be the expected one, and exactly those have to rewrite it that are named."""
    found = find(expectation, LAB.evidence(expectation))
    assert found.holds is holds
    assert says in found.text


def changed(evidence: Evidence, node: str, dscp: int) -> Evidence:
    """The evidence, with another mark on leaving a node and on all that follows."""
    ((flow, result),) = evidence.flows.items()
    at = result.forward.index(node)
    behind = [_marked(one, dscp, entered=True) for one in result.there[at + 1 :]]
    there = (*result.there[:at], _marked(result.there[at], dscp, entered=False), *behind)
    return replace(evidence, flows={flow: replace(result, there=there)})


def _marked(one: Crossing, dscp: int, *, entered: bool) -> Crossing:
    return Crossing(
        node=one.node,
        entered=replace(one.entered, dscp=dscp) if one.entered and entered else one.entered,
        left=replace(one.left, dscp=dscp) if one.left else None,
    )


@pytest.mark.parametrize(
    ("expectation", "seen", "cause"),
    [
        pytest.param(asked(CS5, EF, "ce1"), ("ce1", CS5), f"ce1 left cs5 as it is, {PLANNED}", id="not done"),
        pytest.param(asked(CS5, EF, "ce1"), ("ce1", CS3), f"ce1 made cs3 of cs5, {PLANNED}", id="done otherwise"),
        pytest.param(asked(EF, EF), ("msee1-ms", CS0), f"msee1-ms made cs0 of ef, {UNPLANNED}", id="done by another"),
        pytest.param(asked(CS5, EF, "line1"), None, f"ce1 makes ef of cs5 by its rule {RULE}", id="the model says so"),
        pytest.param(asked(EF, CS0, "ce1"), None, f"nobody on the way rewrites ef: {WAY}", id="nobody does"),
    ],
)
def test_a_cause_names_the_rule(expectation: DscpExpectation, seen: tuple[str, int] | None, cause: str) -> None:
    """Where the lab did not do as the plan says the place is named, else the rule that decides so."""
    modelled = LAB.evidence(expectation)
    observed = modelled if seen is None else changed(modelled, *seen)
    (verdict,) = verdicts([expectation], LAB.prediction, modelled, observed)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.cause.startswith(f"packet: ipv4: {cause}")


def test_packets_that_do_not_arrive_have_the_cause_of_that() -> None:
    """What keeps packets from arriving is said as of any other packets."""
    expectation = asked(CS3, CS3, source="weu-storage", to="hq")
    modelled = LAB.evidence(expectation)
    (verdict,) = verdicts([expectation], LAB.prediction, modelled, modelled)
    assert verdict.cause.startswith("Adj-RIB-Out: ce1 does not send 10.10.0.0/16 to msee1-ms: export policy")
