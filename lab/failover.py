"""What a stream of packets showed across a fault: packets lost, the outage and its uncertainty, what took the time.

Both directions are streams of their own. A sender writes CLOCK_MONOTONIC into each packet, and the receiver's kernel
stamps its arrival. All times of a result are in milliseconds from the fault.

The outage of a direction is the time in which no packet got through, all gaps added. Of each gap only its ends are
uncertain: it began after the last packet that arrived was sent, and by the time that the first lost one was; it ended
after the last lost one was sent, and by the time that the next arriving one was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import ceil
from statistics import median

from lab.bgp import Family
from lab.faults import Fault

NOT_BACK = "the lab was not as before"
_BIN_MS = 10.0
_MOST_CROSS = 0.5
"""A direction's stream crosses an interface where at least so many of its packets do: one flow takes one way."""
_MS = 1e6
"""Nanoseconds in a millisecond."""


class EventKind(Enum):
    """What happened at a router, or to the lab, while the stream ran."""

    FAULT = "fault"
    """The fault begins, or a later step of it."""
    SESSION_DOWN = "session_down"
    SESSION_UP = "session_up"
    ROUTES = "routes"
    """An Adj-RIB of the router changed."""
    FIB = "fib"
    """The kernel's routes of the router changed."""
    HEALING = "healing"
    HEALED = "healed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedEvent:
    """One event. `until_ms` is when the last of several like it happened in a row, and `count` how many."""

    at_ms: float
    until_ms: float
    kind: EventKind
    node: str = ""
    text: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event as it was seen, at times of CLOCK_MONOTONIC."""

    at_ns: int
    until_ns: int
    kind: EventKind
    node: str = ""
    text: str = ""
    count: int = 1

    def after(self, fault_ns: int) -> TimedEvent:
        """The event, with its times counted from a fault."""
        return TimedEvent(
            at_ms=(self.at_ns - fault_ns) / _MS,
            until_ms=(self.until_ns - fault_ns) / _MS,
            kind=self.kind,
            node=self.node,
            text=self.text,
            count=self.count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyStream:
    """A stream of UDP packets in both directions between two hosts: one packet each way every `interval_us`.

    The packets back are sent to where those that arrived came from, so that a translation is followed back. `family`
    None is the first one that both have.
    """

    source: str
    destination: str
    family: Family | None = None
    interval_us: int = 1000
    dscp: int = 0
    port: int = 50001


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A fault that happens `repeat` times to a lab with a stream; each lasts until it is over, or for `watch_s`."""

    fault: Fault
    stream: SteadyStream
    repeat: int
    watch_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionRecord:
    """Every packet of one direction, in the order of sending; `arrived_ns` is 0 where one never came.

    `stamp_error_ns` is the longest that a packet took from its stamp into the kernel.
    """

    source: str
    destination: str
    sent_ns: tuple[int, ...]
    arrived_ns: tuple[int, ...]
    duplicated: tuple[int, ...] = ()
    """The places of packets in the order of sending that came again, once for each time."""
    stamp_error_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Packets in a row that were lost, by their sending times; `after_ms` is when the next one that came was sent.

    It lasted at least `least_ms` and at most `most_ms`. With `ended` False nothing came through any more.
    """

    from_ms: float
    after_ms: float
    lost: int
    least_ms: float
    most_ms: float
    ended: bool = True
    restored_ms: float | None = None
    """When the first packet behind the gap arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How many of the packets that were sent within ten milliseconds from `at_ms` arrived: a point of a plot."""

    at_ms: float
    sent: int
    arrived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One direction between two moments."""

    sent: int
    lost: int
    duplicated: int
    reordered: int
    gaps: tuple[Gap, ...]
    largest_send_gap_ms: float
    stamp_error_ms: float

    @property
    def outage_ms(self) -> float:
        """The time in which nothing got through."""
        return sum((gap.least_ms + gap.most_ms) / 2 for gap in self.gaps)

    @property
    def uncertainty_ms(self) -> float:
        """How far the outage may be off. Where nothing was lost, an outage may hide between any two packets."""
        if not self.gaps:
            return self.largest_send_gap_ms + self.stamp_error_ms
        return sum((gap.most_ms - gap.least_ms) / 2 for gap in self.gaps) + 2 * len(self.gaps) * self.stamp_error_ms

    @property
    def most_ms(self) -> float:
        """The longest that the outage can have been: another one may hide in the sender's longest pause."""
        hidden_ms = self.largest_send_gap_ms if self.gaps else 0.0
        return self.outage_ms + self.uncertainty_ms + hidden_ms

    @property
    def restored_ms(self) -> float | None:
        """When the first packet behind the last gap arrived; None where there is no gap, or nothing did."""
        return self.gaps[-1].restored_ms if self.gaps else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionResult:
    """One direction of a run: before the fault, while it lasted, and from healing on."""

    source: str
    destination: str
    before: Phase
    during: Phase
    after: Phase
    series: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverRun:
    """One repetition; its events are in the order of time. `invalid` says why it proves nothing; empty where it does.

    The fault came into force between 0 and `injected_ms`; healing began at `healing_ms`. `crossed` is the share of one
    direction's packets that crossed before what was about to fail; None where that was not counted.
    """

    there: DirectionResult
    back: DirectionResult
    events: tuple[TimedEvent, ...]
    injected_ms: float
    healing_ms: float
    crossed: float | None = None
    invalid: str = ""

    @property
    def worst(self) -> DirectionResult:
        """The direction with the longer outage."""
        return max(self.there, self.back, key=lambda one: one.during.outage_ms)

    @property
    def outage_ms(self) -> float:
        """The longer outage of the two directions."""
        return self.worst.during.outage_ms

    @property
    def uncertainty_ms(self) -> float:
        """How far it may be off."""
        return self.worst.during.uncertainty_ms

    @property
    def pause_ms(self) -> float:
        """The longest pause of a sender while the fault lasted: a busy machine."""
        return max(one.during.largest_send_gap_ms for one in (self.there, self.back))

    @property
    def ended(self) -> bool:
        """Whether packets got through again, in both directions, while the fault lasted."""
        gaps = [gap for one in (self.there, self.back) for gap in one.during.gaps]
        return all(gap.restored_ms is not None and gap.restored_ms < self.healing_ms for gap in gaps)

    @property
    def lost(self) -> int:
        """The packets that were lost while the fault lasted, both directions together."""
        return self.there.during.lost + self.back.during.lost

    @property
    def lost_on_return(self) -> int:
        """The packets that were lost from healing on, both directions together."""
        return self.there.after.lost + self.back.after.lost

    @property
    def duplicated(self) -> int:
        """The packets that came again, of the whole run."""
        return sum(phase.duplicated for one in (self.there, self.back) for phase in (one.before, one.during, one.after))

    @property
    def reordered(self) -> int:
        """The packets that came behind a later one (RFC 4737 §3), of the whole run."""
        return sum(phase.reordered for one in (self.there, self.back) for phase in (one.before, one.during, one.after))

    @property
    def step_ms(self) -> float:
        """When the last step of the fault began, which the times of its stages count from."""
        return max((one.at_ms for one in self.events if one.kind is EventKind.FAULT), default=0.0)

    @property
    def detection(self) -> TimedEvent | None:
        """The first session that a router took for down because of the fault."""
        return next(self._while_it_lasted(EventKind.SESSION_DOWN), None)

    @property
    def detect_ms(self) -> float | None:
        """From the fault to the first router that knows."""
        return None if self.detection is None else self.detection.at_ms - self.step_ms

    @property
    def withdraw_first_ms(self) -> float | None:
        """From the fault to the first change of an Adj-RIB."""
        first = next(self._while_it_lasted(EventKind.ROUTES), None)
        return None if first is None else first.at_ms - self.step_ms

    @property
    def withdraw_last_ms(self) -> float | None:
        """From the fault to the last change of an Adj-RIB."""
        return self._last(EventKind.ROUTES)

    @property
    def reroute_ms(self) -> float | None:
        """From the fault to the last change of a kernel's routes."""
        return self._last(EventKind.FIB)

    @property
    def restore_ms(self) -> float | None:
        """From the fault to the first packet behind the last gap, in the later direction; None where none was lost."""
        found = [one.during.restored_ms for one in (self.there, self.back) if one.during.restored_ms is not None]
        return max(found) - self.step_ms if found else None

    @property
    def return_ms(self) -> float | None:
        """From healing to the last change of a kernel's routes: traffic goes as before."""
        last = [one.until_ms for one in self.events if one.kind is EventKind.FIB and one.until_ms >= self.healing_ms]
        return max(last) - self.healing_ms if last else None

    def _while_it_lasted(self, kind: EventKind) -> Iterator[TimedEvent]:
        return (one for one in self.events if one.kind is kind and self.step_ms <= one.at_ms < self.healing_ms)

    def _last(self, kind: EventKind) -> float | None:
        return max((one.until_ms - self.step_ms for one in self._while_it_lasted(kind)), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Of several runs; `p90` is the nearest rank."""

    least: float
    median: float
    p90: float
    most: float


MEASURES: dict[str, Callable[[FailoverRun], float | None]] = {
    "outage_ms": lambda run: run.outage_ms,
    "uncertainty_ms": lambda run: run.uncertainty_ms,
    "pause_ms": lambda run: run.pause_ms,
    "lost": lambda run: run.lost,
    "detect_ms": lambda run: run.detect_ms,
    "withdraw_first_ms": lambda run: run.withdraw_first_ms,
    "withdraw_last_ms": lambda run: run.withdraw_last_ms,
    "reroute_ms": lambda run: run.reroute_ms,
    "restore_ms": lambda run: run.restore_ms,
    "return_ms": lambda run: run.return_ms,
    "lost_on_return": lambda run: run.lost_on_return,
    "duplicated": lambda run: run.duplicated,
    "reordered": lambda run: run.reordered,
}
"""What is told of each run, and of all as a distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverResult:
    """All runs of a drill. `not_run` says why there are no more; empty where there are all."""

    drill: Drill
    runs: tuple[FailoverRun, ...]
    not_run: str = ""

    def distribution(self, measure: str) -> Distribution | None:
        """One of MEASURES over the runs that have it; None where none does."""
        return distribution([value for run in self.runs if (value := MEASURES[measure](run)) is not None])


def distribution(values: Sequence[float]) -> Distribution | None:
    """The distribution of some values; None where there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = ceil(0.9 * len(ordered)) - 1
    return Distribution(least=ordered[0], median=median(ordered), p90=ordered[rank], most=ordered[-1])


# from records to results


def direction_result(record: DirectionRecord, *, fault_ns: int, healing_ns: int) -> DirectionResult:
    """What became of one direction, where the fault began and its healing began at these times of CLOCK_MONOTONIC."""
    sent = record.sent_ns
    first = next((i for i, at in enumerate(sent) if at >= fault_ns), len(sent))
    while 0 < first < len(sent) and not record.arrived_ns[first] and not record.arrived_ns[first - 1]:
        first -= 1  # it was on its way when the fault came
    heal = next((i for i, at in enumerate(sent) if at >= healing_ns), len(sent))
    spans = ((0, first), (first, heal), (heal, len(sent)))
    gaps = _gaps(record, fault_ns)
    late = _late(record)
    before, during, after = (
        _phase(record, span, [gap for begin, gap in gaps if span[0] <= begin < span[1]], late) for span in spans
    )
    return DirectionResult(
        source=record.source,
        destination=record.destination,
        before=before,
        during=during,
        after=after,
        series=_series(record, fault_ns),
    )


def _gaps(record: DirectionRecord, fault_ns: int) -> list[tuple[int, Gap]]:
    """Every run of lost packets, with the place of its first one."""
    sent, arrived = record.sent_ns, record.arrived_ns
    found, at = [], 0
    while at < len(sent):
        if arrived[at]:
            at += 1
            continue
        begin = at
        while at < len(sent) and not arrived[at]:
            at += 1
        ended = at < len(sent)
        before = sent[begin - 1] if begin else sent[begin]
        after = sent[at] if ended else sent[-1]
        found.append(
            (
                begin,
                Gap(
                    from_ms=(sent[begin] - fault_ns) / _MS,
                    after_ms=(after - fault_ns) / _MS,
                    lost=at - begin,
                    least_ms=(sent[at - 1] - sent[begin]) / _MS,
                    most_ms=(after - before) / _MS,
                    ended=ended,
                    restored_ms=(arrived[at] - fault_ns) / _MS if ended else None,
                ),
            )
        )
    return found


def _late(record: DirectionRecord) -> set[int]:
    """The packets that arrived behind one that was sent later."""
    late, newest = set[int](), -1
    for _, place in sorted((at, place) for place, at in enumerate(record.arrived_ns) if at):
        if place < newest:
            late.add(place)
        newest = max(newest, place)
    return late


def _phase(record: DirectionRecord, span: tuple[int, int], gaps: list[Gap], late: set[int]) -> Phase:
    begin, end = span
    times = record.sent_ns[max(0, begin - 1) : end]
    return Phase(
        sent=end - begin,
        lost=sum(not at for at in record.arrived_ns[begin:end]),
        duplicated=sum(begin <= place < end for place in record.duplicated),
        reordered=sum(begin <= place < end for place in late),
        gaps=tuple(gaps),
        largest_send_gap_ms=max((b - a for a, b in pairwise(times)), default=0) / _MS,
        stamp_error_ms=record.stamp_error_ns / _MS,
    )


def _series(record: DirectionRecord, fault_ns: int) -> tuple[Bin, ...]:
    bins: dict[int, list[int]] = {}
    for sent, arrived in zip(record.sent_ns, record.arrived_ns, strict=True):
        one = bins.setdefault(int((sent - fault_ns) / _MS // _BIN_MS), [0, 0])
        one[0] += 1
        one[1] += bool(arrived)
    return tuple(Bin(at_ms=number * _BIN_MS, sent=sent, arrived=got) for number, (sent, got) in sorted(bins.items()))


def why_invalid(there: DirectionResult, back: DirectionResult, crossed: float | None) -> str:
    """Why a run proves nothing of a failover; empty where it does."""
    for one in (there, back):
        way = f"{one.source} to {one.destination}"
        if one.before.lost:
            return f"{one.before.lost} packets from {way} were lost before the fault"
        if not one.before.sent or not one.during.sent:
            return f"no packets were sent from {way} before the fault and while it lasted"
    if crossed is not None and crossed < _MOST_CROSS:
        return "the stream did not cross what fails: nothing was tested"
    return ""


def why_unnoticed(run: FailoverRun) -> str:
    """Why a run whose fault ends sessions proves nothing: it was healed before any router knew. Empty where one did.

    Where packets do not get through until it is healed, it shows by that.
    """
    if run.detect_ms is not None or not run.ended:
        return ""
    return f"no router noticed within {run.healing_ms - run.step_ms:.0f} ms: it was healed before it could show"
