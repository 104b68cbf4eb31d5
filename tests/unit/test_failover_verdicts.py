"""A failover's verdict: the worst run decides with its uncertainty, and the cause is what took the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contoso import SAMPLE
from lab.bgp import Family
from lab.causes import verdicts
from lab.checks import Finding, Outcome, Verdict, describe, drills_of, find
from lab.expectations import FailoverExpectation
from lab.failover import (
    NOT_BACK,
    DirectionResult,
    Drill,
    EventKind,
    FailoverResult,
    FailoverRun,
    Gap,
    Phase,
    SteadyStream,
    TimedEvent,
)
from lab.faults import Fault, FaultKind
from lab.predict import predicted_evidence

DRILL = Drill(
    fault=Fault(kind=FaultKind.SILENT_LOSS, target="primary"),
    stream=SteadyStream(source="hq", destination="hub", family=Family.IPV4),
    repeat=1,
    watch_s=2.5,
)
EXPECTED = FailoverExpectation(where="contoso.yaml:30", drill=DRILL, outage_under_ms=1000)
QUIET = Phase(sent=2500, lost=0, duplicated=0, reordered=0, gaps=(), largest_send_gap_ms=1.0, stamp_error_ms=0.0)


def out(least_ms: float, most_ms: float, restored_ms: float | None = None, pause_ms: float = 0.0) -> Phase:
    """A phase with an outage between these bounds."""
    gap = Gap(
        from_ms=0.0,
        after_ms=most_ms,
        lost=int(least_ms),
        least_ms=least_ms,
        most_ms=most_ms,
        restored_ms=most_ms if restored_ms is None else restored_ms,
    )
    return replace(QUIET, lost=int(least_ms), gaps=(gap,), largest_send_gap_ms=pause_ms)


def run(during: Phase, *events: TimedEvent, after: Phase = QUIET, invalid: str = "") -> FailoverRun:
    """A run whose direction there was out; healing begins after 2.5 s."""
    back = DirectionResult(source="hub", destination="hq", before=QUIET, during=QUIET, after=QUIET, series=())
    there = replace(back, source="hq", destination="hub", during=during, after=after)
    return FailoverRun(there=there, back=back, events=events, injected_ms=1.0, healing_ms=2500.0, invalid=invalid)


def verdict(*runs: FailoverRun, expected: FailoverExpectation = EXPECTED, not_run: str = "") -> Verdict:
    """What measured runs make of an expectation, with the model's word beside it."""
    measured = FailoverResult(drill=expected.drill, runs=runs, not_run=not_run)
    predicted = predicted_evidence(SAMPLE.prediction, SAMPLE.plan, [expected])
    observed = replace(predicted, afterwards={}, failovers={expected.drill: measured})
    [answer] = verdicts([expected], SAMPLE.prediction, predicted, observed)
    return answer


def down(at_ms: float, router: str, session: str, why: str) -> TimedEvent:
    """A session that a router took for down."""
    text = f"{session}: {why}"
    return TimedEvent(at_ms=at_ms, until_ms=at_ms, kind=EventKind.SESSION_DOWN, node=router, text=text)


@pytest.mark.parametrize(
    ("during", "outcome"),
    [
        (QUIET, Outcome.PASSED),
        (out(900, 902), Outcome.PASSED),
        (out(998, 1004), Outcome.INCONCLUSIVE),
        (out(999, 1001), Outcome.INCONCLUSIVE),
        (out(1000, 1002), Outcome.FAILED),
        (out(900, 902, pause_ms=150), Outcome.INCONCLUSIVE),
        (out(1500, 1502, pause_ms=500), Outcome.FAILED),
    ],
)
def test_the_figure_and_its_uncertainty_decide(during: Phase, outcome: Outcome) -> None:
    """Under the limit with all that is uncertain holds, over it without fails; what is in between is not told."""
    assert verdict(run(during)).outcome is outcome


def test_the_worst_run_decides() -> None:
    """One run that was too long fails whatever the others show; one that shows nothing keeps it from passing."""
    good, bad, nothing = run(out(100, 102)), run(out(1500, 1502)), run(QUIET, invalid="nothing was tested")

    assert verdict(good, good).outcome is Outcome.PASSED
    assert verdict(good, nothing, bad).outcome is Outcome.FAILED
    assert verdict(good, nothing).outcome is Outcome.INCONCLUSIVE
    assert verdict(nothing).observed.text == "nothing was tested"
    assert verdict(good, not_run=f"{NOT_BACK} after healing").outcome is Outcome.INCONCLUSIVE
    assert verdict(not_run="no stream: nothing arrived").observed.holds is None


def test_packets_and_the_way_back_have_limits_of_their_own() -> None:
    """As many lost packets as the limit are too many, and so is an outage that healing makes."""
    strict = replace(EXPECTED, lost_under=100, back_under_ms=50.0)

    assert verdict(run(out(98, 100)), expected=strict).outcome is Outcome.PASSED
    assert verdict(run(out(100, 102)), expected=strict).observed.text == "100 packets lost"
    late = verdict(run(QUIET, after=out(60, 62)), expected=strict)
    assert (late.outcome, "after healing" in late.observed.text) == (Outcome.FAILED, True)
    assert verdict(run(QUIET, after=out(48, 51)), expected=strict).outcome is Outcome.INCONCLUSIVE


def test_a_sender_that_pauses_loses_too_few_packets() -> None:
    """It is not told whether few are lost where few were sent, of all or of those that an outage would have taken."""
    strict = replace(EXPECTED, lost_under=200)
    slow = verdict(run(replace(out(100, 102), sent=2200)), expected=strict)
    paused = verdict(run(replace(out(490, 510), lost=50)), expected=strict)

    assert slow.outcome is paused.outcome is Outcome.INCONCLUSIVE
    assert slow.observed.text == "of 2500 packets from hq to hub 2200 were sent while it lasted: too few to count"
    assert paused.observed.text == "50 packets lost, and the sender paused: 500 would have been, one every 1 ms"


BFD_OFF = "BFD is off at ce1, and the hold time of ce1 - msee1 is 180 s"


@pytest.mark.parametrize(
    ("measured", "cause"),
    [
        (
            run(out(2600, 2602), down(900, "msee1", "ce1/ipv4", "BFD: no packet from 172.16.0.1 for 900 ms")),
            f"session: ce1 did not notice in 2500 ms: {BFD_OFF}",
        ),
        (
            run(
                out(2000, 2002),
                *(
                    down(at_ms, router, session, "hold timer expired")
                    for at_ms, router, far in ((1500, "msee1", "ce1"), (1990, "ce1", "msee1"))
                    for session in (f"{far}/ipv4", f"{far}/ipv6")
                ),
            ),
            f"session: ce1 noticed after 1990 ms: hold timer expired; {BFD_OFF}",
        ),
        (
            run(
                out(2000, 2002),
                down(3, "ce1", "msee1/ipv4", "interface to-msee1 is down"),
                TimedEvent(at_ms=4, until_ms=1990, kind=EventKind.FIB, node="gw"),
            ),
            "FIB: it was noticed after 3 ms, and gw changed its last route after 1990 ms",
        ),
    ],
)
def test_the_cause_is_the_stage_that_took_the_time(measured: FailoverRun, cause: str) -> None:
    """A router that never noticed, one that noticed by its hold timer, or one whose route changed last."""
    assert verdict(measured).cause == cause


def test_the_model_knows_whether_there_is_another_way() -> None:
    """It says by which edges packets go while the fault lasts, and cannot tell how soon; or that there is no way."""
    assert verdict(run(QUIET)).predicted == Finding(
        holds=None, text="there via ce1 ce2 msee2, back via msee2 ce2; how soon, the model cannot tell"
    )
    closed = replace(DRILL, fault=Fault(kind=FaultKind.PEERING_DISABLED, target="private"))
    nowhere = verdict(run(out(2600, 2602)), expected=replace(EXPECTED, drill=closed))
    assert nowhere.predicted == Finding(holds=False, text="no other way: ce1 has no route to 10.100.0.4")
    assert nowhere.cause == "Adj-RIB-In: there is no other way: ce1 has no route to 10.100.0.4"
    dead = replace(DRILL, fault=Fault(kind=FaultKind.ROUTER_KILLED, target="gw"))
    assert verdict(run(out(2600, 2602)), expected=replace(EXPECTED, drill=dead)).predicted.holds is False


def test_what_is_asked() -> None:
    """The family is the first that both ends have, and the words name fault and limits."""
    open_family = replace(EXPECTED, drill=replace(DRILL, repeat=3, stream=replace(DRILL.stream, family=None)))

    assert drills_of(open_family, SAMPLE.plan) == (replace(DRILL, repeat=3),)
    assert find(EXPECTED, predicted_evidence(SAMPLE.prediction, SAMPLE.plan, [])).text == "the model cannot tell"
    assert describe(replace(open_family, lost_under=9, back_under_ms=50)) == (
        "failover of hq and hub, silent_loss: primary, 3 times: outage under 1000 ms, fewer than 9 packets lost, "
        "after healing under 50 ms"
    )
