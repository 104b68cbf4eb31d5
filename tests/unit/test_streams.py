"""Streams: what is made of the times at which packets were sent and arrived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bgp import Family
from lab.streams import Arrival, Stream, StreamLog, percentile, summarize

MS = 1_000_000
VOICE = Stream(
    source="hq", destination="hub", family=Family.IPV4, dscp=46, rate_bps=1_600_000, packet_bytes=200
)  # a packet each millisecond


def log(delays_ms: list[float | None], stream: Stream = VOICE) -> StreamLog:
    """Packets that were sent a millisecond apart; None is one that was lost."""
    sent = [1000 * MS + number * MS for number in range(len(delays_ms))]
    arrivals = [
        Arrival(number=number, at_ns=sent[number] + round(delay * MS), dscp=stream.dscp)
        for number, delay in enumerate(delays_ms)
        if delay is not None
    ]
    arrivals.sort(key=lambda one: one.at_ns)
    return StreamLog(stream=stream, planned=len(sent), sent_ns=sent, arrivals=arrivals)


def test_loss_and_delays_count_what_was_sent_and_what_arrived() -> None:
    """Of 100 packets five are lost; the delays of the others are told by their ranks."""
    delays: list[float | None] = [*[2.0] * 90, *[7.5] * 5, *[None] * 5]
    (result,) = summarize([log(delays)])
    assert (result.sent, result.received, result.loss_percent) == (100, 95, 5.0)
    assert result.delays is not None
    assert (result.delays.min_ms, result.delays.p50_ms, result.delays.p95_ms, result.delays.max_ms) == (2, 2, 7.5, 7.5)
    assert result.disturbed == ""


def test_jitter_is_the_mean_change_of_delay_between_neighbours() -> None:
    """Delays of 1, 3, 1 ms change by 2 ms each; a lost packet has no neighbours."""
    (result,) = summarize([log([1.0, 3.0, 1.0, None, 9.0])])
    assert result.jitter_ms == pytest.approx(2.0)


def test_a_packet_that_was_overtaken_is_reordered_and_a_second_copy_is_no_arrival() -> None:
    """The second packet arrives behind the third; the first one comes twice."""
    seen = log([1.0, 5.0, 1.0])
    twice = replace(seen, arrivals=[seen.arrivals[0], *seen.arrivals])
    (result,) = summarize([twice])
    assert (result.received, result.reordered, result.duplicated) == (3, 1, 1)


def test_the_course_counts_a_packet_where_it_was_sent() -> None:
    """Intervals are of the time of sending, from the first packet of all streams on."""
    early, late = log([1.0] * 60), log([None] * 10)
    late = replace(late, sent_ns=[at + 60 * MS for at in late.sent_ns])
    _, result = summarize([early, late])
    assert [(one.start_ms, one.sent, one.received, one.max_ms) for one in result.course] == [(50, 10, 0, None)]


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"planned": 1000}, "sent 100 of 1000 packets"), ({"overflowed": 3}, "lost 3 packets itself"), ({}, "")],
)
def test_what_the_computer_was_too_slow_for_says_nothing(changed: dict[str, int], says: str) -> None:
    """A sender that fell behind or a receiver that overflowed disturbs a result; nothing else does."""
    (result,) = summarize([replace(log([1.0] * 100), **changed)])  # type: ignore[arg-type]  # names of StreamLog
    assert says in result.disturbed
    assert bool(result.disturbed) is bool(says)


def test_percentiles_are_values_that_were_seen() -> None:
    """By rank, as RFC 2330 §11.3 defines them: never between two values."""
    assert [percentile([1.0, 2.0, 3.0, 4.0], percent) for percent in (1, 25, 50, 51, 100)] == [1, 1, 2, 3, 4]


def test_a_rate_asks_for_whole_packets() -> None:
    """1.6 Mbps in packets of 200 bytes are a thousand a second, and some packet is always sent."""
    assert (VOICE.packets(2.0), VOICE.packets(0.0001)) == (2000, 1)
