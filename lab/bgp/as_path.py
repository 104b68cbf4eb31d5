"""The AS_PATH attribute (RFC 4271 §5.1.2), confederation segments included (RFC 5065)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from lab.bgp.numbers import Asn, is_private_asn, parse_asn


class SegmentKind(Enum):
    """The type of an AS_PATH segment (RFC 4271 §4.3, RFC 5065 §3)."""

    SEQUENCE = "as-sequence"
    SET = "as-set"
    CONFED_SEQUENCE = "as-confed-sequence"
    CONFED_SET = "as-confed-set"


_SEQUENCES = (SegmentKind.SEQUENCE, SegmentKind.CONFED_SEQUENCE)
_CONFEDERATION = (SegmentKind.CONFED_SEQUENCE, SegmentKind.CONFED_SET)
LONGEST_SEGMENT = 255
"""AS numbers that one segment holds on the wire (RFC 4271 §4.3)."""
_BRACKETS = {
    SegmentKind.SEQUENCE: ("", ""),
    SegmentKind.SET: ("{", "}"),
    SegmentKind.CONFED_SEQUENCE: ("(", ")"),
    SegmentKind.CONFED_SET: ("[", "]"),
}
_KIND_OF_BRACKET = {left: kind for kind, (left, _) in _BRACKETS.items() if left}
_SEGMENT_TEXT = re.compile(r"[\d.\s]+|\{[\d.,\s]+\}|\([\d.\s]+\)|\[[\d.,\s]+\]|.", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of an AS path: never empty (RFC 7606 §7.2), never with AS 0 (RFC 7607).

    A set has no order (RFC 4271 §4.3); here it is kept in the numeric one.
    """

    kind: SegmentKind
    asns: tuple[Asn, ...]

    def __post_init__(self) -> None:
        if not self.asns:
            raise ValueError("a segment of an AS path holds at least one AS number")
        if min(self.asns) < 1 or max(self.asns) > 0xFFFFFFFF:
            raise ValueError(f"{self} holds an AS number out of range: 1 to 4294967295")
        if self.kind in (SegmentKind.SET, SegmentKind.CONFED_SET):
            object.__setattr__(self, "asns", tuple(sorted(set(self.asns))))

    def __str__(self) -> str:
        left, right = _BRACKETS[self.kind]
        return left + (" " if self.kind in _SEQUENCES else ",").join(map(str, self.asns)) + right


class RemovePrivate(Enum):
    """Which private AS numbers (RFC 6996) are taken out of a path."""

    LEADING = "leading"
    """Those that stand before the first public one."""
    ALL = "all"
    """All of them."""
    REPLACE = "replace"
    """All of them, each replaced by the own AS, so that the path stays as long as it was."""


@dataclass(frozen=True, slots=True)
class AsPath:
    """The AS_PATH attribute (RFC 4271 §5.1.2), newest AS first. Empty for a route of the own AS.

    Sequences that follow one another are one here. On the wire a segment ends at 255 AS numbers, and where a long
    sequence is cut means nothing (RFC 4271 §4.3, §5.1.2). A set that is longer is several here too, since each of them
    counts in the length.
    """

    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        if any(len(one.asns) > LONGEST_SEGMENT and one.kind not in _SEQUENCES for one in self.segments):
            object.__setattr__(self, "segments", tuple(part for one in self.segments for part in _parts(one)))
        if any(one.kind is two.kind and one.kind in _SEQUENCES for one, two in pairwise(self.segments)):
            object.__setattr__(self, "segments", _joined(self.segments))

    @staticmethod
    def of(*asns: int) -> AsPath:
        """The path of one AS_SEQUENCE."""
        return AsPath((Segment(SegmentKind.SEQUENCE, tuple(map(Asn, asns))),)) if asns else AsPath()

    @staticmethod
    def parse(text: str) -> AsPath:
        """A path as `str` writes it: `12076 65010 {1,2}`. Raises ValueError."""
        segments: list[Segment] = []
        for piece in _SEGMENT_TEXT.findall(text):
            asns = tuple(parse_asn(word) for word in piece.strip("{}()[]").replace(",", " ").split())
            if asns:
                segments.append(Segment(_KIND_OF_BRACKET.get(piece[0], SegmentKind.SEQUENCE), asns))
            elif not piece.isspace():
                raise ValueError(f"{text!r} is not an AS path: write AS numbers, newest first, such as '12076 65010'")
        return AsPath(tuple(segments))

    @property
    def length(self) -> int:
        """What the decision counts: a set is 1, a confederation segment 0 (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3)."""
        sequences = sum(len(s.asns) for s in self.segments if s.kind is SegmentKind.SEQUENCE)
        return sequences + sum(1 for s in self.segments if s.kind is SegmentKind.SET)

    @property
    def asns(self) -> tuple[Asn, ...]:
        """Every AS number of the path, newest first."""
        return tuple(asn for segment in self.segments for asn in segment.asns)

    @property
    def neighbor_asn(self) -> Asn | None:
        """The AS that the route was learned from: the first of a leading sequence (RFC 4271 §9.1.2.2 c)."""
        for segment in self.segments:
            if segment.kind is SegmentKind.SEQUENCE:
                return segment.asns[0]
            if segment.kind is SegmentKind.SET:
                return None
        return None

    @property
    def has_confederation(self) -> bool:
        """Whether it holds a segment that no neighbour outside a confederation may send (RFC 5065 §5)."""
        return any(segment.kind in _CONFEDERATION for segment in self.segments)

    def prepend(self, *asns: int) -> AsPath:
        """This path behind `asns`, the first of which becomes the newest (RFC 4271 §5.1.2)."""
        return AsPath((*AsPath.of(*asns).segments, *self.segments))

    def without_private(self, how: RemovePrivate, own: Asn | None = None) -> AsPath:
        """This path without private AS numbers; `own` takes their places where they are replaced.

        The vendors' convention of `remove-private-as`. The leading ones end at the first public AS and at the first
        segment that is no sequence.
        """
        if how is RemovePrivate.LEADING:
            return self._without_leading_private()
        own = own if how is RemovePrivate.REPLACE else None
        return self._mapped(lambda asn: own if is_private_asn(asn) else asn)

    def _without_leading_private(self) -> AsPath:
        asns = list(self.segments[0].asns) if self.segments else []
        if not asns or self.segments[0].kind is not SegmentKind.SEQUENCE:
            return self
        while asns and is_private_asn(asns[0]):
            del asns[0]
        rest = self.segments[1:]
        return AsPath((Segment(SegmentKind.SEQUENCE, tuple(asns)), *rest) if asns else rest)

    def without_confederation(self) -> AsPath:
        """This path as it leaves a confederation (RFC 5065 §4.1 c)."""
        return AsPath(tuple(one for one in self.segments if one.kind not in _CONFEDERATION))

    def replaced(self, asns: Mapping[Asn, Asn]) -> AsPath:
        """This path with some AS numbers exchanged for others, each where it stands."""
        return self._mapped(lambda asn: asns.get(asn, asn))

    def _mapped(self, change: Callable[[Asn], Asn | None]) -> AsPath:
        """Each AS number changed; None takes it out, and a segment that becomes empty goes with it."""
        segments = []
        for segment in self.segments:
            kept = tuple(new for asn in segment.asns if (new := change(asn)) is not None)
            if kept:
                segments.append(Segment(segment.kind, kept))
        return AsPath(tuple(segments))

    def __str__(self) -> str:
        return " ".join(map(str, self.segments))


EMPTY_PATH = AsPath()


def aggregated(paths: Iterable[AsPath]) -> AsPath:
    """The path of an aggregate: what all paths begin with, and a set of every other AS (RFC 4271 §9.2.2.2).

    RFC 9774 deprecates the set; it is made where an aggregate asks for `as_set`.
    """
    found = list(paths)
    flat = [path.without_confederation() for path in found]
    leading = [p.segments[0].asns if p.segments and p.segments[0].kind is SegmentKind.SEQUENCE else () for p in flat]
    common: list[Asn] = []
    for column in zip(*leading, strict=False):
        if len(set(column)) > 1:
            break
        common.append(column[0])
    rest = [asn for path in flat for asn in _behind(path, len(common))]
    others = tuple(asn for asn in rest if asn not in common)
    segments = (Segment(SegmentKind.SEQUENCE, tuple(common)),) if common else ()
    return AsPath((*segments, Segment(SegmentKind.SET, others)) if others else segments)


def _behind(path: AsPath, count: int) -> tuple[Asn, ...]:
    return path.asns[count:]


def _parts(segment: Segment) -> Iterator[Segment]:
    """A set as those that the wire can hold; a sequence is cut only there."""
    step = len(segment.asns) if segment.kind in _SEQUENCES else LONGEST_SEGMENT
    for start in range(0, len(segment.asns), step):
        yield Segment(segment.kind, segment.asns[start : start + step])


def _joined(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Segments with sequences that follow one another made one."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and segment.kind in _SEQUENCES and joined[-1].kind is segment.kind:
            joined[-1] = Segment(segment.kind, joined[-1].asns + segment.asns)
        else:
            joined.append(segment)
    return tuple(joined)
