"""Streams of UDP packets at a rate, several at once: what was sent of each, what arrived, and how long it took.

All times are those of one host's clock, so delays are of one direction (RFC 7679). What keeps a result from meaning
anything is part of it: a sender that fell behind, and a receiver that was too slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.bgp import Family

INTERVAL_MS = 50
"""The length of an interval of a result's course."""
KEPT_PERCENT = 90.0
"""A stream of which less was sent than this part of what its rate asks for says nothing."""
WAITED_PERCENT = 25.0
"""Where the lab's own processes wait for a processor for more of the time, what they lose or delay is not the lab's."""
SMALLEST_BYTES, LARGEST_BYTES = 80, 1500
"""Of a whole packet: IPv6 and UDP headers, and what the lab writes into it; and what every wire takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Packets of `packet_bytes` each (the whole IP packet) from one host to another, marked with `dscp` (0 to 63)."""

    source: str
    destination: str
    family: Family
    dscp: int
    rate_bps: int
    packet_bytes: int

    @property
    def gap_s(self) -> float:
        """The time from one packet to the next."""
        return self.packet_bytes * 8 / self.rate_bps

    def packets(self, duration_s: float) -> int:
        """How many packets the rate asks for in a time; one at least."""
        return max(1, round(duration_s / self.gap_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Streams that are sent side by side for a time; the first one is what they are sent for."""

    streams: tuple[Stream, ...]
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A packet that arrived: its number in the stream, when, and the mark that it had."""

    number: int
    at_ns: int
    dscp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLog:
    """What sender and receiver saw of a stream. `sent_ns` holds the time of each packet that was sent, by its number.

    `planned` is how many the rate asked for. `overflowed` counts what the receiver's own buffer had no room for, and
    `refused` is why the sender's kernel did not take packets, empty where it took them.
    """

    stream: Stream
    planned: int
    sent_ns: Sequence[int]
    arrivals: Sequence[Arrival]
    overflowed: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long packets took from sender to receiver. `p99_ms`: 99 % of those that arrived took no longer."""

    min_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInterval:
    """The packets that were sent within `INTERVAL_MS` from `start_ms` on; delays None where none of them arrived.

    `start_ms` counts from the first packet of all streams that were sent together.
    """

    start_ms: int
    sent: int
    received: int
    p50_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """What became of a stream.

    `jitter_ms` is the mean difference of the delays of two packets that were sent one after the other (RFC 3550
    §6.4.1, without its smoothing). `dscps` are the marks that were seen on arrival. `delays` and `jitter_ms` are None
    where too few arrived.
    """

    stream: Stream
    planned: int
    sent: int
    received: int
    duplicated: int
    reordered: int
    overflowed: int
    delays: Delays | None
    jitter_ms: float | None
    dscps: tuple[int, ...]
    course: tuple[StreamInterval, ...]
    refused: str = ""

    @property
    def loss_percent(self) -> float:
        """The part of the sent packets that did not arrive; 100 where none was sent."""
        return 100.0 * (self.sent - self.received) / self.sent if self.sent else 100.0

    @property
    def disturbed(self) -> str:
        """What keeps the result from saying anything; empty where nothing does."""
        what = f"{self.stream.source} to {self.stream.destination} with DSCP {self.stream.dscp}"
        if self.refused:
            return f"{self.stream.source} itself has no way to {self.stream.destination}: {self.refused}"
        if 100.0 * self.sent < KEPT_PERCENT * self.planned:
            return f"the sender of {what} sent {self.sent} of {self.planned} packets: this computer was too slow"
        if self.overflowed:
            return f"the receiver of {what} lost {self.overflowed} packets itself: this computer was too slow"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What became of the streams of a trial, in their order.

    `waited_ms` is how long the lab's own processes, those that send and carry packets, waited for a processor: so much
    of loss and delay may be this computer's, and not the lab's.
    """

    trial: Trial
    results: tuple[StreamResult, ...]
    waited_ms: float = 0.0

    @property
    def disturbed(self) -> str:
        """What keeps it from saying anything; empty where nothing does."""
        return next((one.disturbed for one in self.results if one.disturbed), "")

    @property
    def busy(self) -> str:
        """Why what went wrong may be this computer's fault; empty where it had time for the lab."""
        if self.waited_ms < self.trial.duration_s * 10 * WAITED_PERCENT:
            return ""
        return f"this computer let the lab's own processes wait for {self.waited_ms:.0f} ms meanwhile"


def summarize(logs: Iterable[StreamLog]) -> tuple[StreamResult, ...]:
    """What became of streams that were sent together."""
    all_of_them = tuple(logs)
    start_ns = min((log.sent_ns[0] for log in all_of_them if log.sent_ns), default=0)
    return tuple(_result(log, start_ns) for log in all_of_them)


def _result(log: StreamLog, start_ns: int) -> StreamResult:
    first: dict[int, Arrival] = {}
    reordered, newest = 0, -1
    for one in log.arrivals:
        if one.number not in first:
            first[one.number] = one
            reordered += one.number < newest  # RFC 4737 §3.3
            newest = max(newest, one.number)
    delays_ms = {number: (one.at_ns - log.sent_ns[number]) / 1e6 for number, one in first.items()}
    return StreamResult(
        stream=log.stream,
        planned=log.planned,
        sent=len(log.sent_ns),
        received=len(first),
        duplicated=len(log.arrivals) - len(first),
        reordered=reordered,
        overflowed=log.overflowed,
        delays=_delays(sorted(delays_ms.values())),
        jitter_ms=_jitter_ms(delays_ms),
        dscps=tuple(sorted({one.dscp for one in first.values()})),
        course=tuple(_course(log, delays_ms, start_ns)),
        refused=log.refused,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of some ordered values that so many percent of them do not exceed (RFC 2330 §11.3)."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def _delays(ordered_ms: Sequence[float]) -> Delays | None:
    if not ordered_ms:
        return None
    p50, p95, p99 = (percentile(ordered_ms, percent) for percent in (50, 95, 99))
    return Delays(min_ms=ordered_ms[0], p50_ms=p50, p95_ms=p95, p99_ms=p99, max_ms=ordered_ms[-1])


def _jitter_ms(delays_ms: dict[int, float]) -> float | None:
    differences = [abs(delays_ms[one + 1] - delays_ms[one]) for one in delays_ms if one + 1 in delays_ms]
    return sum(differences) / len(differences) if differences else None


def _course(log: StreamLog, delays_ms: dict[int, float], start_ns: int) -> Iterable[StreamInterval]:
    intervals: dict[int, list[int]] = {}
    for number, at_ns in enumerate(log.sent_ns):
        intervals.setdefault((at_ns - start_ns) // (INTERVAL_MS * 1_000_000), []).append(number)
    for interval, numbers in sorted(intervals.items()):
        seen = sorted(delays_ms[number] for number in numbers if number in delays_ms)
        yield StreamInterval(
            start_ms=interval * INTERVAL_MS,
            sent=len(numbers),
            received=len(seen),
            p50_ms=percentile(seen, 50) if seen else None,
            max_ms=seen[-1] if seen else None,
        )
