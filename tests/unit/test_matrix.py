"""The matrix of who reaches whom: what a sweep's columns mean, beside the model, as text, JSON and a picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

from contoso import HUB, SAMPLE, without_fib
from lab.bgp import Family
from lab.forwarding import FlowResult, Sweep, SweepResult, predict_flow
from lab.matrix import Fate, Matrix, predicted_flows
from lab.report import matrix_json, matrix_svg, matrix_text

SWEEP = Sweep(hosts=("hq", "hub"), families=(Family.IPV4,), dscps=(46, 0))
GOOD = SweepResult(arrived=(46, 0, 46, 0), returned=(46, 0, 46, 0), round_trip_ns=(1_000_000,) * 4)
PREDICTED = predicted_flows(SAMPLE.plan, SAMPLE.tables, SWEEP)


def matrix(result: SweepResult) -> Matrix:
    """What the sample's hosts were answered, beside the model in which all is well."""
    return Matrix(plan=SAMPLE.plan, sweep=SWEEP, result=result, predicted=PREDICTED)


def lost(stopped: str) -> FlowResult:
    """The trace of the first mark from hq to hub."""
    flow = next(SWEEP.flows(SAMPLE.plan))
    return FlowResult(flow=flow, sent=True, arrived=False, answered=False, stopped=stopped)


def test_everything_as_the_model_says() -> None:
    """Each flow is answered with its mark, in the order of the sweep."""
    found = matrix(GOOD)
    assert [(a.flow.source, a.flow.dscp, a.fate, a.as_expected) for a in found.answers] == [
        ("hq", 46, Fate.ANSWERED, True),
        ("hq", 0, Fate.ANSWERED, True),
        ("hub", 46, Fate.ANSWERED, True),
        ("hub", 0, Fate.ANSWERED, True),
    ]
    text = matrix_text.matrix(found)
    assert text.endswith("4 of 4 flows answered, as the model says")
    assert "!" not in text


def test_what_the_model_does_not_say_is_told_first() -> None:
    """A pair that is not answered has the trace of its first mark, and what the model says instead; so has a mark."""
    bad = replace(GOOD, arrived=(-1, -1, 46, 10), returned=(-1, -1, 46, 10), traced=(lost("left ce1 by to-msee1"),))
    found = matrix(bad)
    assert [a.fate for a in found.answers] == [Fate.LOST, Fate.LOST, Fate.ANSWERED, Fate.ANSWERED]
    assert [a.as_expected for a in found.answers] == [False, False, True, False]
    lines = matrix_text.matrix(found).splitlines()
    assert lines[1].split() == ["1", "hq", "-", "no!"]
    assert lines[2].split() == ["2", "hub", "mk!", "-"]
    assert "hq -> hub ipv4: lost, 2 marks: left ce1 by to-msee1 (the model says: answered)" in lines
    document = json.loads(matrix_json.matrix(found))
    assert (document["schema"], document["as_expected"]) == ("erlab/matrix/1", False)
    assert document["flows"][0]["stopped"] == document["flows"][1]["stopped"] == "left ce1 by to-msee1"


def test_a_pair_that_must_not_reach_one_another() -> None:
    """Where the model has no way either, it is as it says, and neither red nor an error."""
    tables = without_fib(SAMPLE.tables, "ce1", HUB)
    sweep = replace(SWEEP, dscps=(0,))
    flow = next(sweep.flows(SAMPLE.plan))
    traced = predict_flow(SAMPLE.plan, tables, flow)
    found = Matrix(
        plan=SAMPLE.plan,
        sweep=sweep,
        result=SweepResult(arrived=(-1, 0), returned=(-1, -1), round_trip_ns=(-1, -1), traced=(traced,)),
        predicted=predicted_flows(SAMPLE.plan, tables, sweep),
    )
    assert found.as_expected
    assert [a.fate for a in found.answers] == [Fate.LOST, Fate.NOT_ANSWERED]
    assert found.answers[0].stopped == "ce1 has no route to 10.100.0.4"


def test_what_the_model_stops_and_leaks_is_not_as_it_says() -> None:
    """A packet that must not arrive, arrived and was not answered: the isolation leaks. So does one that never came."""
    tables = without_fib(SAMPLE.tables, "ce1", HUB)
    sweep = replace(SWEEP, dscps=(0,))
    found = Matrix(
        plan=SAMPLE.plan,
        sweep=sweep,
        result=SweepResult(arrived=(0, -1), returned=(-1, -1), round_trip_ns=(-1, -1)),
        predicted=predicted_flows(SAMPLE.plan, tables, sweep),
    )
    assert [a.fate for a in found.answers] == [Fate.NOT_ANSWERED, Fate.LOST]
    assert [a.as_expected for a in found.answers] == [False, False]


def test_without_a_model_nothing_is_as_it_says() -> None:
    """Where its routes never settle there is nothing to compare with, and no flow is marked for that."""
    found = replace(matrix(GOOD), predicted={})
    assert not found.as_expected
    text = matrix_text.matrix(found)
    assert "!" not in text
    assert "4 of 4 flows answered, and the model says nothing of them" in text


def test_a_host_that_sends_nothing_proves_nothing() -> None:
    """What never left is told apart from what was lost."""
    nothing = SweepResult(arrived=(-1,) * 4, returned=(-1,) * 4, round_trip_ns=(-1,) * 4, traced=tuple(unsent()))
    assert matrix(nothing).nothing_sent
    assert not matrix(GOOD).nothing_sent
    assert matrix_text.matrix(matrix(nothing)).endswith("\n0 of 4 flows answered, not all as the model says")


def unsent() -> list[FlowResult]:
    """The trace of each flow that did not leave its source."""
    return [
        FlowResult(flow=flow, sent=False, arrived=False, answered=False, stopped="no way")
        for flow in SWEEP.flows(SAMPLE.plan)
    ]


def test_a_picture_has_letters_and_tells_more() -> None:
    """It is well-formed SVG; each pair has its letters, and the flows behind them where one points at it."""
    bad = replace(GOOD, arrived=(-1, -1, 46, 0), returned=(-1, -1, 46, 0), traced=(lost("<lost> & gone"),))
    root = ET.fromstring(matrix_svg.picture(matrix(bad)))  # noqa: S314  # ours
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"no!", "ok", "hq", "hub"} <= set(texts)
    titles = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("DSCP 46: lost: <lost> & gone" in title for title in titles)
