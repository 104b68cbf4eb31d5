"""What a stream shows of a fault: outages with their bounds, phases, order, and the times of the stages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from lab.failover import (
    MEASURES,
    DirectionRecord,
    DirectionResult,
    Drill,
    EventKind,
    FailoverResult,
    FailoverRun,
    Happening,
    SteadyStream,
    direction_result,
    distribution,
    why_invalid,
    why_unnoticed,
)
from lab.faults import Fault, FaultKind

MS = 1_000_000
FAULT_NS, HEALING_NS = 1_000 * MS, 2_000 * MS
END_NS = 3_000 * MS
DRILL = Drill(
    fault=Fault(kind=FaultKind.LINK_DOWN, target="primary"),
    stream=SteadyStream(source="hq", destination="hub"),
    repeat=1,
    watch_s=2.0,
)


def record(*lost_ms: tuple[float, float], paused_ms: Collection[int] = ()) -> DirectionRecord:
    """A packet every millisecond for three seconds, each taking 0.2 ms; those sent in these intervals are lost."""
    sent = [at for at in range(0, END_NS, MS) if at // MS not in paused_ms]
    arrived = [0 if any(begin * MS <= at < end * MS for begin, end in lost_ms) else at + MS // 5 for at in sent]
    return DirectionRecord(source="hq", destination="hub", sent_ns=tuple(sent), arrived_ns=tuple(arrived))


def result(one: DirectionRecord) -> DirectionResult:
    """The result of a record, with the fault after one second and its healing after two."""
    return direction_result(one, fault_ns=FAULT_NS, healing_ns=HEALING_NS)


def run(there: DirectionRecord, back: DirectionRecord, *events: Happening) -> FailoverRun:
    """A run of two directions."""
    return FailoverRun(
        there=result(there),
        back=result(back),
        events=tuple(event.after(FAULT_NS) for event in events),
        injected_ms=1.0,
        healing_ms=1000.0,
    )


@pytest.mark.parametrize("outage_ms", [1.0, 7.4, 100.0, 500.6, 930.3])
def test_an_outage_is_within_its_bounds(outage_ms: float) -> None:
    """The true length of a gap is within the figure and its uncertainty, which is that of a packet at each end."""
    found = result(record((1010.3, 1010.3 + outage_ms))).during

    assert abs(found.outage_ms - outage_ms) <= found.uncertainty_ms <= 1.0
    assert found.lost == pytest.approx(outage_ms, abs=1)


def test_a_pause_of_the_sender_widens_the_bounds() -> None:
    """Where no packet was sent as the outage ended, its end is uncertain by as much; elsewhere another may hide."""
    at_the_end = result(record((1010, 1100), paused_ms=range(1090, 1120))).during
    elsewhere = result(record((1010, 1100), paused_ms=range(1500, 1520))).during

    assert at_the_end.outage_ms - at_the_end.uncertainty_ms == pytest.approx(79)
    assert at_the_end.outage_ms + at_the_end.uncertainty_ms == pytest.approx(111)
    assert (elsewhere.uncertainty_ms, elsewhere.most_ms) == (1.0, elsewhere.outage_ms + 1.0 + 21.0)


def test_without_loss_an_outage_hides_between_two_packets() -> None:
    """No packet lost proves no more than that no outage was longer than the longest pause."""
    assert result(record()).during.most_ms == 1.0
    assert result(record(paused_ms=range(1500, 1520))).during.most_ms == 21.0


def test_phases() -> None:
    """What is lost counts where it was sent: before the fault, while it lasts, or from healing on."""
    found = result(record((900, 910), (1100, 1120), (1990, 2005), (2500, 2530)))

    assert [len(phase.gaps) for phase in (found.before, found.during, found.after)] == [1, 2, 1]
    assert found.during.outage_ms == pytest.approx(20 + 15, abs=2)
    assert found.during.restored_ms == pytest.approx(1005.2)
    assert sum(point.sent - point.arrived for point in found.series) == 10 + 20 + 15 + 30
    assert (found.series[0].at_ms, found.series[-1].at_ms) == (-1000.0, 1990.0)


def test_what_was_on_its_way_is_lost_by_the_fault() -> None:
    """Packets that were sent shortly before the fault, and lost in a row with later ones, do not spoil the run."""
    found = result(record((997, 1100)))

    assert (found.before.lost, found.during.lost, len(found.during.gaps)) == (0, 103, 1)


def test_order_and_duplicates() -> None:
    """A packet that comes behind a later one is reordered (RFC 4737), one that comes twice is a duplicate."""
    one = record()
    arrived = list(one.arrived_ns)
    arrived[1500] = arrived[1503] + 1
    found = result(replace(one, arrived_ns=tuple(arrived), duplicated=(2500, 2500)))

    assert (found.during.reordered, found.after.reordered) == (1, 0)
    assert (found.during.duplicated, found.after.duplicated) == (0, 2)
    assert found.during.lost == 0


def test_stages_count_from_the_last_step() -> None:
    """Of a fault in two steps each stage is timed from the second: the first router that knows, the last route."""

    def at(ms: float, kind: EventKind, until_ms: float | None = None) -> Happening:
        until = FAULT_NS + int((ms if until_ms is None else until_ms) * MS)
        return Happening(at_ns=FAULT_NS + int(ms * MS), until_ns=until, kind=kind, node="ce1")

    found = run(
        record((1100, 1140)),
        record(),
        at(0, EventKind.FAULT),
        at(20, EventKind.FIB),
        at(100, EventKind.FAULT),
        at(103, EventKind.SESSION_DOWN),
        at(104, EventKind.ROUTES),
        at(109, EventKind.ROUTES),
        at(110, EventKind.FIB, until_ms=139),
        at(1250, EventKind.FIB),
    )

    stages = ("detect_ms", "withdraw_first_ms", "withdraw_last_ms", "reroute_ms", "restore_ms", "return_ms")
    assert [MEASURES[stage](found) for stage in stages] == pytest.approx([3, 4, 9, 39, 40.2, 250])


def test_an_outage_that_only_healing_ends() -> None:
    """Packets that get through again after healing alone have not found another way."""
    assert run(record((1000, 1900)), record()).ended
    assert not run(record((1000, 2100)), record()).ended
    assert not run(record((1000, 3000)), record()).ended


def test_what_makes_a_run_prove_nothing() -> None:
    """Loss before the fault, no packets at all, or a stream that went another way from the beginning."""
    good, lossy = result(record()), result(record((500, 501)))
    empty = result(replace(record(), sent_ns=(), arrived_ns=()))

    assert why_invalid(good, good, 1.0) == ""
    assert why_invalid(good, good, None) == ""
    assert "lost before the fault" in why_invalid(good, lossy, 1.0)
    assert "no packets were sent" in why_invalid(empty, good, 1.0)
    assert why_invalid(good, good, 0.02) == "the stream did not cross what fails: nothing was tested"


def test_a_fault_that_nobody_noticed_proves_nothing() -> None:
    """A router knows before it is healed, or packets are lost until then; else nothing could show."""
    noticed = Happening(at_ns=FAULT_NS + 5 * MS, until_ns=FAULT_NS + 5 * MS, kind=EventKind.SESSION_DOWN)
    later = replace(noticed, at_ns=HEALING_NS + MS)

    assert why_unnoticed(run(record(), record(), noticed)) == ""
    assert why_unnoticed(run(record((1000, 2100)), record())) == ""
    assert why_unnoticed(run(record(), record(), later)).startswith("no router noticed within 1000 ms")


def test_distribution() -> None:
    """Least, median, nearest rank of 90 %, and most; of several runs, and of none."""
    found = distribution([5.0, *map(float, range(10, 19))])
    runs = tuple(run(record((1000, 1000 + lost)), record()) for lost in (10, 20, 60))
    outage = FailoverResult(drill=DRILL, runs=runs).distribution("lost")

    assert found is not None
    assert (found.least, found.median, found.p90, found.most) == (5.0, 13.5, 17.0, 18.0)
    assert outage is not None
    assert (outage.least, outage.median, outage.p90, outage.most) == (10, 20, 60, 60)
    assert FailoverResult(drill=DRILL, runs=()).distribution("lost") is None
