"""A stream beside a load: what the model says of it, what a trial proves, and what is named as the cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.bgp import Family
from lab.causes import verdicts
from lab.checks import Evidence, Outcome, Verdict
from lab.checks.losses import trials
from lab.expectations import LossExpectation, StreamAsked
from lab.forecast import Forecast, forecast
from lab.load import load_topology
from lab.plan import Plan
from lab.plan.of_topology import plan
from lab.predict import Prediction, predict, predicted_evidence
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind
from lab.streams import Delays, Stream, StreamResult, Trial, TrialResult
from topology_text import TopologyText

QUEUES = """qos:
    ce1:
      queues:
        towards: msee1
        rate: 10 Mbps
        classes:
          voice: {dscp: ef, strict: 2 Mbps}
          data: {dscp: af21, rate: 4 Mbps, ceil: 8 Mbps}
          rest: {rate: 1 Mbps}"""
LINE = "impairments: {link: primary, delay: 20 ms, jitter: 5 ms, loss: 2 %, rate: 12 Mbps, towards: microsoft}"


def asked(dscp: int, rate_bps: int, over: float | None = None, **ends: str) -> StreamAsked:
    """A stream from headquarters to the VNet, in packets so long that headers do not count."""
    return StreamAsked(
        source=ends.get("source", "hq"),
        destination=ends.get("destination", "hub"),
        dscp=dscp,
        rate_bps=rate_bps,
        packet_bytes=1400,
        loss_over_percent=over,
    )


def expectation(*load: StreamAsked, **limits: float) -> LossExpectation:
    """Voice of 1 Mbps, beside a load."""
    return LossExpectation(
        where="here:1", stream=asked(46, 1_000_000), load=load, duration_s=1.0, family=Family.IPV4, **limits
    )


class Case:
    """The shipped topology with other parts, and what the model says of it."""

    def __init__(self, directory: Path, edges: str = "", more: str = "") -> None:
        topology = load_topology(TopologyText(edges=edges, more=more).write(directory, "losses"))
        self.plan: Plan = plan(topology)
        self.prediction: Prediction = predict(self.plan)

    def forecasts(self, expected: LossExpectation) -> tuple[Forecast, ...]:
        """What must become of the streams."""
        (trial,) = trials(expected, self.plan)
        return forecast(self.plan, self.prediction.tables, trial)

    def verdict(self, expected: LossExpectation, *results: StreamResult, waited_ms: float = 0.0) -> Verdict:
        """The answer, where the streams became this."""
        (trial,) = trials(expected, self.plan)
        predicted = predicted_evidence(self.prediction, self.plan, (expected,))
        seen = TrialResult(trial=trial, results=results, waited_ms=waited_ms)
        observed = Evidence(plan=self.plan, tables=self.prediction.tables, flows={}, trials={trial: seen})
        (found,) = verdicts((expected,), self.prediction, predicted, observed)
        return found


def result(stream: StreamAsked, *, lost: int = 0, p99_ms: float = 1.0, sent: int = 1000) -> StreamResult:
    """What became of a stream of a thousand packets."""
    return StreamResult(
        stream=Stream(
            source=stream.source,
            destination=stream.destination,
            family=Family.IPV4,
            dscp=stream.dscp,
            rate_bps=stream.rate_bps,
            packet_bytes=stream.packet_bytes,
        ),
        planned=1000,
        sent=sent,
        received=sent - lost,
        duplicated=0,
        reordered=0,
        overflowed=0,
        delays=Delays(min_ms=0.1, p50_ms=p99_ms / 2, p95_ms=p99_ms, p99_ms=p99_ms, max_ms=p99_ms),
        jitter_ms=0.5,
        dscps=(stream.dscp,),
        course=(),
    )


def bounds(one: Forecast) -> tuple[int, int]:
    """The bounds of its loss, in whole percent."""
    return round(one.least_percent), round(one.most_percent)


# what the model says


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ((asked(0, 30_000_000),), [(0, 0), (70, 97)]),  # the rest gets 1 to 9 Mbps of 30
        ((asked(0, 8_000_000),), [(0, 0), (0, 0)]),  # all of it fits
        ((asked(18, 12_000_000), asked(0, 20_000_000)), [(0, 0), (34, 67), (75, 95)]),  # data: 4 to 8 Mbps of 12
        ((asked(46, 3_000_000),), [(0, 100), (34, 67)]),  # voice is more than its cap, whoever of the two loses
    ],
)
def test_forecast_of_queues(tmp_path: Path, load: tuple[StreamAsked, ...], expected: list[tuple[int, int]]) -> None:
    """A class gets its rate at least, and at most what others leave it; a strict one never more than its rate."""
    found = Case(tmp_path, edges=QUEUES).forecasts(expectation(*load))
    assert [bounds(one) for one in found] == expected


def test_forecast_of_a_wire(tmp_path: Path) -> None:
    """Its loss is a part of what crosses it, its delay less the jitter is the least, and its rate is everybody's."""
    case = Case(tmp_path, more=LINE)
    (alone,) = case.forecasts(expectation())
    assert (bounds(alone), alone.least_delay_ms, alone.waits) == ((2, 2), 15, False)
    voice, load = case.forecasts(expectation(asked(0, 24_000_000)))
    assert voice.waits
    assert bounds(voice) == (2, 100)
    assert bounds(load) == (51, 56)
    back = case.forecasts(expectation(asked(0, 24_000_000, source="hub", destination="hq")))
    assert [bounds(one) for one in back] == [(2, 2), (0, 0)]


# what a trial proves

EF, BULK = asked(46, 1_000_000), asked(0, 30_000_000, over=25)
STRICT = expectation(BULK, loss_under_percent=1, delay_under_ms=20)


@pytest.mark.parametrize(
    ("results", "outcome", "says"),
    [
        ((result(EF), result(BULK, lost=700)), Outcome.PASSED, "lost 0 % of 1000 packets, 99 % within 1.0 ms"),
        ((result(EF, lost=30), result(BULK, lost=700)), Outcome.FAILED, "lost 3 % of 1000 packets"),
        ((result(EF, p99_ms=30), result(BULK, lost=700)), Outcome.FAILED, "1 % of the packets took 30.0 ms or more"),
        ((result(EF), result(BULK, lost=10)), Outcome.FAILED, "only 1 % were lost: the link was not full"),
        ((result(EF, sent=800), result(BULK, lost=700)), Outcome.INCONCLUSIVE, "sent 800 of 1000 packets"),
        ((result(EF), result(BULK, lost=700, sent=800)), Outcome.INCONCLUSIVE, "sent 800 of 1000 packets"),
    ],
)
def test_trials(tmp_path: Path, results: tuple[StreamResult, ...], outcome: Outcome, says: str) -> None:
    """Each limit fails with its own figure; a load that filled nothing, or that was not sent, proves nothing."""
    found = Case(tmp_path, edges=QUEUES).verdict(STRICT, *results)
    assert (found.outcome, says in found.observed.text) == (outcome, True), found.observed.text
    assert bool(found.cause) == (outcome is not Outcome.PASSED)


def test_a_busy_computer_fails_nothing(tmp_path: Path) -> None:
    """Where the lab's own processes had to wait, a loss is inconclusive and says so; what passed, passed."""
    case = Case(tmp_path, edges=QUEUES)
    lost = case.verdict(STRICT, result(EF, lost=30), result(BULK, lost=700), waited_ms=400)
    assert (lost.outcome, "wait for 400 ms" in lost.cause) == (Outcome.INCONCLUSIVE, True)
    kept = case.verdict(STRICT, result(EF), result(BULK, lost=700), waited_ms=400)
    assert kept.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("edges", "lost", "waited_ms", "outcome"),
    [
        ("", 300, 400, Outcome.INCONCLUSIVE),
        ("", 300, 100, Outcome.PASSED),
        (QUEUES, 300, 400, Outcome.INCONCLUSIVE),
        (QUEUES, 650, 400, Outcome.PASSED),
    ],
    ids=["no full line, busy", "no full line", "less than the line takes, busy", "what the line takes, busy"],
)
def test_what_a_busy_computer_lost_fills_no_line(
    tmp_path: Path, edges: str, lost: int, waited_ms: float, outcome: Outcome
) -> None:
    """A load that lost what the model does not explain proves no full line where the lab's own processes waited."""
    found = Case(tmp_path, edges=edges).verdict(STRICT, result(EF), result(BULK, lost=lost), waited_ms=waited_ms)
    assert (found.outcome, "wait for 400 ms" in found.cause) == (outcome, outcome is Outcome.INCONCLUSIVE)
    assert found.contradicts_model is (not edges and outcome is Outcome.PASSED)


def test_without_a_model_a_busy_computer_may_have_lost_it(tmp_path: Path) -> None:
    """The same loss of a load is what fills the line where nobody waited, and no proof of that where they did."""
    case = Case(tmp_path, edges=QUEUES)
    own = ForeignSpeaker(kind=SpeakerKind.FRR, config=OwnConfig(file="ce1.conf", text=Secret("!")))
    nodes = (replace(node, speaker=own) if node.name == "ce1" else node for node in case.plan.nodes)
    case.plan = replace(case.plan, nodes=tuple(nodes))
    outcomes = [
        case.verdict(STRICT, result(EF), result(BULK, lost=650), waited_ms=waited_ms).outcome
        for waited_ms in (100, 400)
    ]
    assert outcomes == [Outcome.PASSED, Outcome.INCONCLUSIVE]


def test_jitter_that_was_not_measured_is_not_under_anything(tmp_path: Path) -> None:
    """Where no two packets arrived one after the other there is no jitter, and nothing is shown of it."""
    case = Case(tmp_path, edges=QUEUES)
    asked_jitter = expectation(loss_under_percent=90, jitter_under_ms=5)
    assert case.verdict(asked_jitter, result(EF)).outcome is Outcome.PASSED
    unknown = case.verdict(asked_jitter, replace(result(EF, lost=600), jitter_ms=None))
    assert (unknown.outcome, "no jitter" in unknown.observed.text) == (Outcome.INCONCLUSIVE, True)
    lost = case.verdict(asked_jitter, replace(result(EF, lost=950), jitter_ms=None))
    assert lost.outcome is Outcome.FAILED


def test_the_cause_is_what_the_stream_meets(tmp_path: Path) -> None:
    """A loss names the wire that makes it, a full class its interface and rates, and a way that ends its end."""
    limit = {"loss_under_percent": 1.0}
    lossy = Case(tmp_path, more=LINE).verdict(expectation(**limit), result(EF, lost=20))
    assert lossy.cause == "packet: ipv4: wire primary loses 2 %; wire primary delays by 20 ms"
    assert lossy.predicted.holds is False
    over = expectation(asked(46, 3_000_000), **limit)
    full = Case(tmp_path, edges=QUEUES).verdict(over, result(EF, lost=500), result(asked(46, 3_000_000)))
    assert "ce1 sends 4.04 Mbps of class voice by to-msee1, which has 2 Mbps at most" in full.cause
    assert full.predicted.holds is None
    apart = TopologyText(
        policies_of="{ce1: {import: nothing, export: nothing}, ce2: {import: nothing, export: nothing}}"
    )
    topology = plan(load_topology(apart.write(tmp_path, "losses")))
    case = Case(tmp_path)
    case.plan, case.prediction = topology, predict(topology)
    nowhere = case.verdict(expectation(**limit), replace(result(EF, lost=1000), delays=None))
    assert nowhere.observed.text == "ipv4: none of 1000 packets arrived"
    assert nowhere.cause.startswith("FIB: ipv4: ce1 has no route to 10.100.")
    assert nowhere.predicted.holds is False


def test_a_trial_in_each_family_that_all_ends_have(tmp_path: Path) -> None:
    """Without a family both are asked, and the first that does not hold is told."""
    case = Case(tmp_path)
    both = replace(expectation(loss_under_percent=1), family=None)
    asked_for = trials(both, case.plan)
    assert [one.streams[0].family for one in asked_for] == [Family.IPV4, Family.IPV6]
    assert asked_for[0] == Trial(streams=(result(EF).stream,), duration_s=1.0)
