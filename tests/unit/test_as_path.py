"""AS paths: how they are read, shown, counted and changed (RFC 4271 §5.1.2, RFC 5065)."""

from __future__ import annotations

import pytest

from lab.bgp import Asn, AsPath, RemovePrivate, Segment, SegmentKind, aggregated

LEADING, ALL, REPLACE = RemovePrivate


def sequence(*asns: int) -> Segment:
    """An AS_SEQUENCE."""
    return Segment(SegmentKind.SEQUENCE, tuple(map(Asn, asns)))


def as_set(*asns: int) -> Segment:
    """An AS_SET."""
    return Segment(SegmentKind.SET, tuple(map(Asn, asns)))


def confed(*asns: int) -> Segment:
    """An AS_CONFED_SEQUENCE."""
    return Segment(SegmentKind.CONFED_SEQUENCE, tuple(map(Asn, asns)))


def confed_set(*asns: int) -> Segment:
    """An AS_CONFED_SET."""
    return Segment(SegmentKind.CONFED_SET, tuple(map(Asn, asns)))


@pytest.mark.parametrize(
    ("segments", "length"),
    [
        pytest.param((), 0, id="RFC 4271 §5.1.2: a route of the own AS"),
        pytest.param((sequence(1, 2, 2),), 3, id="every AS of a sequence counts, prepended ones too"),
        pytest.param((sequence(1), as_set(2, 3, 4)), 2, id="RFC 4271 §9.1.2.2 a: a set counts as 1"),
        pytest.param((as_set(1, 2), as_set(3)), 2, id="every set counts as 1"),
        pytest.param((confed(1, 2), sequence(3)), 1, id="RFC 5065 §5.3: a confederation sequence counts 0"),
        pytest.param((confed_set(1, 2), sequence(3)), 1, id="RFC 5065 §5.3: a confederation set counts 0"),
    ],
)
def test_the_length_of_an_as_path(segments: tuple[Segment, ...], length: int) -> None:
    """The length is what the decision process compares."""
    assert AsPath(segments).length == length


@pytest.mark.parametrize(
    ("segments", "neighbor"),
    [
        pytest.param((sequence(1, 2),), 1, id="the newest AS of a leading sequence"),
        pytest.param((confed(9), sequence(1)), 1, id="RFC 5065 §5.3: behind the own confederation"),
        pytest.param((), None, id="the own AS where the path is empty"),
        pytest.param((as_set(1), sequence(2)), None, id="the own AS where an aggregate begins with a set"),
        pytest.param((confed(9),), None, id="the own confederation"),
    ],
)
def test_the_neighbour_as_of_an_as_path(segments: tuple[Segment, ...], neighbor: int | None) -> None:
    """The neighbour AS is as RFC 4271 §9.1.2.2 c defines it; None stands for the own AS."""
    assert AsPath(segments).neighbor_asn == neighbor


def test_the_as_numbers_of_a_path_include_those_of_sets() -> None:
    """Loop detection scans the whole path, sets included (RFC 4271 §9.1.2)."""
    assert AsPath((sequence(3, 1), as_set(2, 4))).asns == (3, 1, 2, 4)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((), (sequence(7, 8),), id="RFC 4271 §5.1.2: an empty path gets a sequence"),
        pytest.param((sequence(1),), (sequence(7, 8, 1),), id="a leading sequence grows at its left"),
        pytest.param((as_set(1),), (sequence(7, 8), as_set(1)), id="a leading set gets a sequence before it"),
        pytest.param((sequence(1), as_set(2)), (sequence(7, 8, 1), as_set(2)), id="what follows stays"),
    ],
)
def test_prepending_follows_rfc_4271_5_1_2(before: tuple[Segment, ...], after: tuple[Segment, ...]) -> None:
    """AS numbers are prepended to the leading sequence, the first given being the newest."""
    assert AsPath(before).prepend(7, 8) == AsPath(after)


def test_prepending_nothing_changes_nothing() -> None:
    """A path with nothing prepended is the same path."""
    assert AsPath.of(1, 2).prepend() == AsPath.of(1, 2)


@pytest.mark.parametrize(
    ("how", "before", "after"),
    [
        pytest.param(LEADING, "65001 4200000000 12076", "12076", id="leading: both ranges of RFC 6996 §5"),
        pytest.param(LEADING, "12076 65001", "12076 65001", id="leading: none behind a public one"),
        pytest.param(LEADING, "65001 12076 65002", "12076 65002", id="leading: not those behind a public one"),
        pytest.param(LEADING, "65001 65002", "", id="leading: all"),
        pytest.param(LEADING, "65001 {65002}", "{65002}", id="leading: a set stays"),
        pytest.param(LEADING, "{65001}", "{65001}", id="leading: a leading set stays"),
        pytest.param(LEADING, "(65001) 65002", "(65001) 65002", id="leading: a leading confederation stays"),
        pytest.param(LEADING, "", "", id="leading: of nothing"),
        pytest.param(ALL, "65001 12076 65002 1", "12076 1", id="all: wherever they stand"),
        pytest.param(ALL, "1 {65001,12076}", "1 {12076}", id="all: in sets"),
        pytest.param(ALL, "1 {65001,65002} 2", "1 2", id="all: an empty set goes, and what it parted is one"),
        pytest.param(ALL, "(65001) [65002] 1", "1", id="all: in confederations"),
        pytest.param(ALL, "65001", "", id="all: nothing is left"),
        pytest.param(REPLACE, "65001 12076 65002 1", "9 12076 9 1", id="replace: each where it stands"),
        pytest.param(REPLACE, "1 {65001,65002}", "1 {9}", id="replace: a set stays one"),
        pytest.param(REPLACE, "12076 1", "12076 1", id="replace: public ones stay"),
    ],
)
def test_private_as_numbers_are_removed(how: RemovePrivate, before: str, after: str) -> None:
    """Private AS numbers (RFC 6996) must not leave for the Internet (§4): the leading ones, all, or none by number."""
    assert str(AsPath.parse(before).without_private(how, Asn(9))) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(65010 65011) 1 2", "1 2"),
        ("[65010] (65011) 1 {2}", "1 {2}"),
        ("1 (65010) 2", "1 2"),
        ("(65010)", ""),
        ("1 {2}", "1 {2}"),
    ],
)
def test_confederation_segments_stay_in_the_confederation(before: str, after: str) -> None:
    """What leaves a confederation holds no segment of it (RFC 5065 §4.1 c)."""
    path = AsPath.parse(before)
    assert str(path.without_confederation()) == after
    assert path.has_confederation is (before != after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1 2 1", "3 1 3"),
        ("5 2", "5 1"),
        ("2 {1,5}", "1 {3,5}"),
        ("(1) [2]", "(3) [1]"),
        ("4 5", "4 5"),
        ("", ""),
    ],
)
def test_as_numbers_are_replaced_all_at_once(before: str, after: str) -> None:
    """1 becomes 3 and 2 becomes 1, each where it stands, and no result is replaced again."""
    assert str(AsPath.parse(before).replaced({Asn(1): Asn(3), Asn(2): Asn(1)})) == after


@pytest.mark.parametrize(
    ("paths", "aggregate"),
    [
        pytest.param([], "", id="of nothing"),
        pytest.param(["1 2 3"], "1 2 3", id="of one path, that path"),
        pytest.param(["1 2 3", "1 2 4"], "1 2 {3,4}", id="what all begin with stays a sequence"),
        pytest.param(["1 2", "3 4"], "{1,2,3,4}", id="nothing in common"),
        pytest.param(["1 2 3", "1 2"], "1 2 {3}", id="one path is the beginning of the other"),
        pytest.param(["1 2", ""], "{1,2}", id="an empty path has nothing in common"),
        pytest.param(["", ""], "", id="of own routes"),
        pytest.param(["1 2 {5}", "1 2 {6}"], "1 2 {5,6}", id="sets are taken apart"),
        pytest.param(["{5} 1", "{5} 2"], "{1,2,5}", id="a leading set is in common with nothing"),
        pytest.param(["1 2 1", "1 3"], "1 {2,3}", id="what is in the sequence is not in the set again"),
        pytest.param(["1 1 2", "1 1 3"], "1 1 {2,3}", id="prepends in common stay"),
        pytest.param(["(65010) 1 2", "1 3"], "1 {2,3}", id="RFC 5065 §4.1: confederations stay inside"),
    ],
)
def test_an_aggregate_path_has_every_as(paths: list[str], aggregate: str) -> None:
    """The longest common sequence, and a set of all other ASes (RFC 4271 §9.2.2.2)."""
    assert str(aggregated(map(AsPath.parse, paths))) == aggregate


def test_sequences_that_follow_one_another_are_one() -> None:
    """Where a long sequence is cut on the wire means nothing (RFC 4271 §4.3): 255 + 45 AS numbers equal 300."""
    path = AsPath((sequence(*range(1, 256)), sequence(*range(256, 301)), as_set(1), as_set(1)))
    assert path == AsPath((sequence(*range(1, 301)), as_set(1), as_set(1)))
    assert path.length == 302


def test_a_set_has_no_order() -> None:
    """An AS_SET is unordered (RFC 4271 §4.3)."""
    assert as_set(3, 1, 2, 1) == as_set(1, 2, 3)
    assert sequence(3, 1) != sequence(1, 3)


@pytest.mark.parametrize("asns", [(), (0,), (1, 4294967296)])
def test_a_segment_refuses_nonsense(asns: tuple[int, ...]) -> None:
    """A segment without AS numbers (RFC 7606 §7.2), with AS 0 (RFC 7607) or one above 32 bits cannot be built."""
    with pytest.raises(ValueError, match=r"segment of an AS path|out of range"):
        sequence(*asns)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", AsPath()),
        ("12076 65010", AsPath.of(12076, 65010)),
        ("1.10 2", AsPath.of(65546, 2)),
        ("1 {2,3} 4", AsPath((sequence(1), as_set(2, 3), sequence(4)))),
        ("{1}{2 3}", AsPath((as_set(1), as_set(2, 3)))),
        ("(1 2) [3] 4", AsPath((confed(1, 2), confed_set(3), sequence(4)))),
    ],
)
def test_an_as_path_is_read(text: str, path: AsPath) -> None:
    """A path is read as vendors show it: sets in braces, confederation segments in parentheses and brackets."""
    assert AsPath.parse(text) == path


@pytest.mark.parametrize("text", ["1,2", "{}", "{1 2", "1}", "{1 {2}}", "one", "0", "1 -> 2", "()"])
def test_no_other_text_is_an_as_path(text: str) -> None:
    """A text that is no AS path is refused."""
    with pytest.raises(ValueError, match=r"AS path|AS number"):
        AsPath.parse(text)


def test_an_as_path_is_shown_newest_first() -> None:
    """A path is shown newest AS first, with brackets around what is no sequence."""
    path = AsPath((confed(5), confed_set(6, 7), sequence(1, 2), as_set(4, 3)))
    assert str(path) == "(5) [6,7] 1 2 {3,4}"


@pytest.mark.parametrize(("count", "sizes"), [(255, [255]), (256, [255, 1]), (600, [255, 255, 90])])
def test_a_set_is_no_longer_than_a_segment_of_the_wire(count: int, sizes: list[int]) -> None:
    """One that is longer becomes several, each of which counts; a sequence stays whole, whatever its length."""
    path = AsPath.parse(f"{' '.join(['12076'] * 300)} {{{','.join(str(65000 + n) for n in range(count))}}}")
    assert [len(segment.asns) for segment in path.segments] == [300, *sizes]
    assert path.length == 300 + len(sizes)
    assert AsPath.parse(str(path)) == path
