"""Capture files: what is written is what scapy, another implementation, reads."""

from __future__ import annotations

import io
from typing import Any

from scapy.utils import RawPcapNgReader

from lab.pcapng import Frame, opening, packet, statistics

PORTS = [("ce1:port1", "what arrived here"), ("line1:customer", "täglich")]
TIME_NS = 1_795_869_109_709_566_943
OCTETS = bytes(range(61))


def frame(time_ns: int, interface: int, octets: bytes, length_bytes: int = 61, *, outgoing: bool = False) -> Frame:
    """A captured frame."""
    return Frame(time_ns, interface, outgoing, length_bytes, octets)


def read(octets: bytes) -> list[tuple[bytes, Any]]:
    """The frames of a file as scapy reads them, each with what it knows of it."""
    with RawPcapNgReader(io.BytesIO(octets)) as reader:
        return list(reader)


def test_a_frame_is_read_back() -> None:
    """A frame keeps its octets, its time to the nanosecond, its interface, its direction and the length that it had."""
    frames = [frame(TIME_NS, 0, OCTETS), frame(TIME_NS + 1, 1, OCTETS[:60], 1514, outgoing=True)]

    (first, at_first), (second, at_second) = read(opening("erlab", "a lab", PORTS) + b"".join(map(packet, frames)))

    assert (first, second) == (OCTETS, OCTETS[:60])
    assert [(one.tshigh << 32) + one.tslow for one in (at_first, at_second)] == [TIME_NS, TIME_NS + 1]
    assert (at_first.tsresol, at_first.linktype) == (1_000_000_000, 1)
    assert [one.ifname for one in (at_first, at_second)] == [b"ce1:port1", b"line1:customer"]
    assert [one.direction for one in (at_first, at_second)] == [1, 2]
    assert (at_first.wirelen, at_second.wirelen) == (61, 1514)


def test_the_end_of_a_file_says_what_is_missing() -> None:
    """The counts of an interface stand behind the frames, in a block that a reader of frames passes over."""
    counts = statistics(1, TIME_NS, received=7, dropped=3)

    assert (counts[:4], counts[8:12]) == ((5).to_bytes(4, "little"), (1).to_bytes(4, "little"))
    assert (7).to_bytes(8, "little") + bytes((5, 0, 8, 0)) + (3).to_bytes(8, "little") in counts
    assert len(counts) == int.from_bytes(counts[4:8], "little") == int.from_bytes(counts[-4:], "little")
    assert read(opening("erlab", "", PORTS) + counts) == []


def test_frames_are_sorted_by_their_times() -> None:
    """Frames of several interfaces are in the order in which they came."""
    late, early = frame(2, 0, OCTETS), frame(1, 1, OCTETS)

    assert sorted([late, early]) == [early, late]
