"""Expectations about a stream beside others."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from lab.errors import Mistake
from lab.expectations import LossExpectation, StreamAsked
from lab.load.expectation_documents.losses import LoadDocument, LossDocument
from lab.load.expectations.kind import Kind, Path
from lab.load.expectations.packets import check_ends
from lab.load.names import Names, unknown
from lab.load.source import SourceFile
from lab.shaping import rate_text

MOST_BPS, MOST_PACKETS_A_SECOND = 200_000_000, 20_000
"""What the lab sends of all streams together: about what one process sends in time."""
_SHORTEST_MS, _LONGEST_MS = 200, 60_000


def _check(item: LossDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    yield from check_ends(item, path, names, source)
    for index, one in enumerate(item.load or ()):
        yield from _load(one, item, (*path, "load", index), names, source)
    if not any((item.under, item.delay_under, item.jitter_under)):
        meant = "give under, delay_under or jitter_under: more than 0, for no measurement is below that"
        yield source.mistake(path, "loss: nothing is expected of the stream", meant)
    if not _SHORTEST_MS <= item.for_ <= _LONGEST_MS:
        yield source.mistake((*path, "for"), f"for: {item.for_:g} ms is out of range", "from 200 ms to 60 s")
    yield from _too_much(item, path, source)
    yield from _too_few(item, path, source)


def _load(one: LoadDocument, item: LossDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    ends = ((one.from_, "from"), (one.to, "to"))
    for name, key in ends:
        wrong = unknown(name, names.networks, "network") if name is not None else None
        if wrong:
            yield source.mistake((*path, key), *wrong)
    if (one.from_ or item.from_) == (one.to or item.to):
        yield source.mistake(path, "load: it leaves the network that it is for", "another network")


def _too_much(item: LossDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    streams = [(item.rate, item.packet_bytes), *((one.rate, one.packet_bytes) for one in item.load or ())]
    rate = sum(rate for rate, _ in streams)
    packets = round(sum(rate / (8 * packet_bytes) for rate, packet_bytes in streams))
    if rate > MOST_BPS or packets > MOST_PACKETS_A_SECOND:
        what = f"loss: {rate_text(rate)} in {packets} packets a second are more than the lab sends in time"
        meant = (
            f"{rate_text(MOST_BPS)} and {MOST_PACKETS_A_SECOND} packets a second at most: give the line a lower rate"
        )
        yield source.mistake(path, what, meant)


def _too_few(item: LossDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    """Limits that so few packets cannot show: with none lost of n, up to 3/n may be (the rule of three, 95 %)."""
    planned = max(1, round(item.rate * item.for_ / 1000 / (8 * item.packet_bytes)))
    least = {"under": ceil(300 / item.under) if item.under else 0, "delay_under": 100 if item.delay_under else 0}
    for key, needed in least.items():
        if planned < needed:
            longer_s = ceil(10 * needed * 8 * item.packet_bytes / item.rate) / 10
            longer = f"for: {longer_s:g} s, " if longer_s * 1000 <= _LONGEST_MS else ""
            what = f"{key}: it takes {needed} packets to show, and the stream has {planned}"
            yield source.mistake((*path, key), what, f"{longer}smaller packets or a higher rate")


def _convert(item: LossDocument, _key: str, where: str) -> LossExpectation:
    return LossExpectation(
        where=where,
        stream=StreamAsked(
            source=item.from_,
            destination=item.to,
            dscp=item.dscp,
            rate_bps=item.rate,
            packet_bytes=item.packet_bytes,
        ),
        load=tuple(
            StreamAsked(
                source=one.from_ or item.from_,
                destination=one.to or item.to,
                dscp=one.dscp,
                rate_bps=one.rate,
                packet_bytes=one.packet_bytes,
                loss_over_percent=one.over,
            )
            for one in item.load or ()
        ),
        duration_s=item.for_ / 1000,
        family=item.family,
        loss_under_percent=item.under,
        delay_under_ms=item.delay_under,
        jitter_under_ms=item.jitter_under,
    )


KIND = Kind(check=_check, convert=_convert)
