"""Queues at a bottleneck, and what streams see of them: with classes, and in one queue for all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erlab_command import USERS, Erlab
from lab.bgp import Family
from lab.checks import Evidence, find
from lab.expectations import LossExpectation, StreamAsked
from lab.plan import Plan
from lab.predict import predict
from lab.shaping import QueueClass, Queues, limit_bytes
from lab.streams import Stream, Trial, TrialResult
from networks import Net
from running_labs import pending, queued, running, trial
from vlan_networks import BOTH

LINE_BPS, LIMIT_MS = 4_000_000, 50
EF, BEST_EFFORT = 46, 0
VOICE = QueueClass(name="voice", dscps=(EF,), rate_bps=800_000, ceil_bps=800_000, strict=True, limit_bytes=8000)


@pytest.fixture(autouse=True)
def _state(erlab: Erlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the labs that the commands of its test start."""
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))


def others(rate_bps: int) -> QueueClass:
    """The class of all other packets."""
    return QueueClass(
        name="others",
        dscps=(),
        rate_bps=rate_bps,
        ceil_bps=LINE_BPS,
        strict=False,
        limit_bytes=limit_bytes(rate_bps, LIMIT_MS),
    )


def bottlenecks() -> Plan:
    """A router with two lines of one rate: that to `classes` has a strict class for voice, that to `fifo` has not."""
    net = Net()
    for number, name in enumerate(("r", "classes", "fifo")):
        net.router(name, 65001 + number, [f"10.{number}.0.0/16"])
    for name in ("classes", "fifo"):
        net.session("r", name, BOTH)
    by_class = (VOICE, others(LINE_BPS - VOICE.rate_bps))
    return queued(
        net.plan(),
        "r",
        Queues(interface="to-classes", rate_bps=LINE_BPS, classes=by_class),
        Queues(interface="to-fifo", rate_bps=LINE_BPS, classes=(others(LINE_BPS),)),
    )


def asked(neighbor: str, dscp: int, rate_bps: int, **more: float) -> StreamAsked:
    """A stream of packets of one size, so that none fits where another does not."""
    return StreamAsked(source="r", destination=neighbor, dscp=dscp, rate_bps=rate_bps, packet_bytes=1000, **more)


def expectation(neighbor: str, family: Family) -> LossExpectation:
    """Voice survives a line that is sent twice what it carries."""
    return LossExpectation(
        where="here:1",
        stream=asked(neighbor, EF, 400_000),
        load=(asked(neighbor, BEST_EFFORT, 2 * LINE_BPS, loss_over_percent=25),),
        duration_s=1.5,
        family=family,
        loss_under_percent=5,
    )


def made(expected: LossExpectation) -> Trial:
    """The trial that an expectation asks for."""
    streams = (
        Stream(
            source=one.source,
            destination=one.destination,
            family=expected.family or Family.IPV4,
            dscp=one.dscp,
            rate_bps=one.rate_bps,
            packet_bytes=one.packet_bytes,
        )
        for one in (expected.stream, *expected.load)
    )
    return Trial(streams=tuple(streams), duration_s=expected.duration_s)


@pytest.mark.parametrize("prefix", USERS)
def test_voice_survives_a_full_line_where_it_has_a_class(erlab: Erlab, prefix: tuple[str, ...]) -> None:
    """With a strict class voice loses nothing and waits for nobody; in one queue with the rest it loses as they do."""
    plan = bottlenecks()
    tables = predict(plan).tables
    with running(replace(erlab, prefix=prefix), plan) as lab:
        assert pending(lab) == ()
        for family in BOTH:
            answers: dict[str, tuple[TrialResult, bool | None, str]] = {}
            for neighbor in ("classes", "fifo"):
                expected = expectation(neighbor, family)
                seen = replace(
                    trial(lab, made(expected)), waited_ms=0.0
                )  # how busy this computer is, is no matter here
                evidence = Evidence(plan=plan, tables=tables, flows={}, trials={seen.trial: seen})
                found = find(expected, evidence)
                answers[neighbor] = seen, found.holds, found.text
            seen, holds, text = answers["classes"]
            voice, load = seen.results
            assert holds, text
            assert load.loss_percent > 25
            assert (voice.dscps, load.dscps) == ((EF,), (BEST_EFFORT,))
            assert voice.delays is not None
            assert load.delays is not None
            assert voice.delays.p50_ms < LIMIT_MS / 4 < load.delays.p50_ms
            seen, holds, text = answers["fifo"]
            voice, _ = seen.results
            assert holds is False
            assert "lost" in text
            assert "load" not in text
            assert voice.loss_percent > 25
            assert voice.delays is not None
            assert voice.delays.p50_ms > LIMIT_MS / 4
